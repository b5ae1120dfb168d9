"""What can go wrong, each with the one sentence that a person is shown.

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

    A sentence may be read by strangers, on Discord and over HTTP: it names no folder of this
    machine. Where one would help the owner, `at` keeps it beside.

    Attributes:
        where: the file or folder that it is about, for the command line and the log only.
    """

    exit_code = 1
    where: Path | None = None

    def at(self, where: Path | None) -> Self:
        """The same error, knowing which file or folder it is about."""
        self.where = where
        return self


def told(error: RiffBotError) -> str:
    """An error for the owner: the command line and the log, where folders help."""
    return f"{error} ({error.where})" if error.where is not None else str(error)


def without_folders(text: str) -> str:
    """A library's words without the folders of this machine: of each path its last part.

    An absolute path of two parts or more counts, so that `/jam` and `https://…` stay.
    """
    return _ABSOLUTE.sub(lambda found: found[1], text)


class BadRequest(RiffBotError):
    """The asker gave something that cannot be served; the command line ends with exit code 2."""

    exit_code = 2


class NotFound(BadRequest):
    """A riff, a seed image or a file that was named does not exist."""


class TooCostly(BadRequest):
    """What was asked for would keep the machine busy for longer than one riff may."""


class Conflict(RiffBotError):
    """The job is in another state than this needs: it was ended, or another attempt has begun."""


class ModelError(RiffBotError):
    """The model's files are missing, damaged, or not a spectrogram model."""


class Refused(RiffBotError):
    """The engine cannot serve this in time; `wait_s` is the expected wait that made it refuse."""

    def __init__(self, sentence: str, *, wait_s: float | None = None) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


class Cancelled(RiffBotError):
    """The owner (or a shutdown) took the job back before it was done."""


class GenerationFailed(RiffBotError):
    """The model ran and broke (out of memory at batch 1, not-a-number in the picture)."""


class StorageError(RiffBotError):
    """The disk or the database cannot take what was made."""


class Unavailable(StorageError):
    """The library cannot be used just now (another program holds it); later it may be."""


class Postponed(StorageError):
    """The clip is not there, but its job stays written down and is made at the next start."""


class VoiceError(RiffBotError):
    """The voice channel cannot be joined, or the connection to it was lost for good."""


def quotable(text: str) -> str:
    """A stranger's text for a place between “ and ”, which it cannot leave: with plain quotes.

    Readers of sentences go by these two: Discord escapes what stands between them.
    """
    return text.translate(_PLAIN_QUOTES)


def shortened(text: str, limit: int = 40) -> str:
    """A stranger's text as far as it may be quoted: `quotable`, one line of `limit` characters."""
    text = quotable(text)
    line = " ".join(text[: 4 * limit].encode(errors="replace").decode().split())
    return line if len(line) <= limit and len(text) <= 4 * limit else f"{line[:limit]}…"
