"""Exceptions whose text is one sentence for the person concerned.

Every error that a member, an owner or a tinkerer can cause derives from `RiffBotError`;
`str(error)` is the sentence, ready to be shown, and says what to do. Anything else that is raised
is a bug: it is logged with its traceback and the person is told only that something broke.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

_PART = r"[^\s'\"“”()\[\],:;/\\]"
_PLAIN_QUOTES = str.maketrans(dict.fromkeys("“”„‟", '"'))
_ABSOLUTE = re.compile(rf"(?<![\w:/.])(?:/|[A-Za-z]:[\\/])(?:{_PART}+[/\\])+({_PART}*)")


class RiffBotError(Exception):
    """Base of all errors meant for people; the command line ends with exit code 1.

    Strangers may read the sentence, on Discord and over HTTP, so it contains no path of this
    machine. `with_path` attaches the path for the owner.

    Attributes:
        path: the file or folder concerned; shown on the command line and in the log only.
    """

    exit_code = 1
    path: Path | None = None

    def with_path(self, path: Path | None) -> Self:
        """Attach the file or folder concerned; returns the error itself."""
        self.path = path
        return self


def describe_for_owner(error: RiffBotError) -> str:
    """Return the sentence with the path, for the command line and the log."""
    return f"{error} ({error.path})" if error.path is not None else str(error)


def describe_for_log(error: RiffBotError) -> str:
    """Return the sentence for the log; of a BadRequest, which may quote a member, only the name."""
    return type(error).__name__ if isinstance(error, BadRequest) else describe_for_owner(error)


def strip_folders(text: str) -> str:
    """Shorten each absolute path in a library's error message to its last part.

    Only paths of two parts or more are shortened, so that `/jam` and `https://…` stay.
    """
    return _ABSOLUTE.sub(lambda found: found[1], text)


class BadRequest(RiffBotError):
    """The request is invalid; the command line ends with exit code 2."""

    exit_code = 2


class NotFound(BadRequest):
    """A riff, a seed image or a file that was named does not exist."""


class TooCostly(BadRequest):
    """The request would take more computing time than one riff may."""


class Conflict(RiffBotError):
    """The job is in the wrong state: it has ended, or another attempt has begun."""


class ModelError(RiffBotError):
    """The model's files are missing, damaged, or not a spectrogram model."""


class Refused(RiffBotError):
    """The engine cannot serve the request in time; `wait_s` is the expected wait in seconds."""

    def __init__(self, sentence: str, *, wait_s: float | None = None) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


class Cancelled(RiffBotError):
    """The job was cancelled by its owner or by a shutdown."""


class GenerationFailed(RiffBotError):
    """The model failed while it ran (out of memory at batch 1, NaN in the pixels)."""


class StorageError(RiffBotError):
    """The disk or the database cannot store the result."""


class Unavailable(StorageError):
    """The library is temporarily unavailable (another program has locked it)."""


class Postponed(StorageError):
    """The clip could not be made now; its job is stored and resumed at the next start."""


class VoiceError(RiffBotError):
    """The voice channel cannot be joined, or the connection was lost for good."""


def use_plain_quotes(text: str) -> str:
    """Replace curly quotes in a stranger's text, so that it can be quoted between “ and ”.

    Markdown is escaped between these two characters, so the text must not contain them.
    """
    return text.translate(_PLAIN_QUOTES)


def shorten(text: str, limit: int = 40) -> str:
    """Return a stranger's text for quoting: plain quotes, one line, at most `limit` characters."""
    text = use_plain_quotes(text)
    line = " ".join(text[: 4 * limit].encode(errors="replace").decode().split())
    return line if len(line) <= limit and len(text) <= 4 * limit else f"{line[:limit]}…"
