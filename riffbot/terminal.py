"""Robust standard streams: not UTF-8, closed, on a full disk, or a broken pipe.

A character that the terminal cannot show is replaced by one that it can; a stream that cannot be
written gives one sentence and exit code 1; a broken pipe is not an error.
"""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import suppress
from typing import TextIO

FOR_PEOPLE, FOR_PROGRAMS = "riffbot.people", "riffbot.programs"
"""Names of the error handlers, as `errors=` takes them."""

_PLAIN = {
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "…": "...",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "·": ".",
    "•": "*",
    "✓": "+",
    "✗": "x",
    "→": "->",
    "←": "<-",
    "█": "#",
    "│": "|",
    "├": "|",
    "└": "`",
    "─": "-",
}
"""ASCII replacements for the other characters of RiffBot's own sentences."""


def prepare_streams() -> None:
    """Reopen closed standard streams on the null device, and replace characters they cannot encode.

    Closed descriptors must not stay free: the next file that is opened (a database, say) would get
    the number of standard output, which any library may print to.
    """
    codecs.register_error(FOR_PEOPLE, _replace_for_people)
    codecs.register_error(FOR_PROGRAMS, _replace_for_programs)
    if os.name == "posix":
        for number in (0, 1, 2):
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        _set_error_handler(stream, FOR_PEOPLE)


def escape_stdout_for_json() -> None:
    """From now on escape what standard output cannot encode as JSON does (`\\u266b`)."""
    _set_error_handler(sys.stdout, FOR_PROGRAMS)


def flush_stdout(*, after_error: bool = False) -> OSError | None:
    """Flush standard output.

    Args:
        after_error: a write has failed already; try another one.

    Returns:
        The error, if it cannot be written; None if it can, or if the reader has closed the pipe.
    """
    try:
        if after_error:  # unbuffered, the text that could not be written is gone: try another
            sys.stdout.write("\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)
    except OSError as error:
        _discard(sys.stdout)
        return error
    except ValueError:  # closed by somebody
        return None
    return None


def print_error(sentence: str) -> None:
    """Print one line on standard error, over an unfinished line of progress. Never raises."""
    line = " ".join(sentence.split())
    with suppress(OSError, ValueError):
        lead = "\r\x1b[K" if sys.stderr.isatty() else ""
        print(f"{lead}riffbot: {line}", file=sys.stderr, flush=True)


def _set_error_handler(stream: TextIO, errors: str) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None and (getattr(stream, "errors", None) or "strict") in (
        "strict",
        "surrogateescape",
        "backslashreplace",
        FOR_PEOPLE,
    ):
        with suppress(OSError, ValueError):
            reconfigure(errors=errors)


def _discard(stream: TextIO) -> None:
    """Discard what is still buffered, or the interpreter would report it on exit."""
    with suppress(OSError, ValueError):  # a test's stream has no descriptor
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def _replace_for_people(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char) or _escaped(char) for char in text), error.end


def _replace_for_programs(error: UnicodeError) -> tuple[str, int]:
    """JSON escapes: a surrogate pair beyond U+FFFF."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_json_escaped(char) for char in text), error.end


def _escaped(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode("ascii")


def _json_escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
