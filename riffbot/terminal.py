"""Standard streams as commands really find them: not UTF-8, closed, full, or a pipe that is gone.

A character that the terminal cannot show becomes one that it can; a stream that cannot be written
costs one sentence and exit code 1; nobody reading any more is no error.
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
"""What our own sentences hold beyond ASCII, in ASCII."""


def prepare() -> None:
    """Open streams that were closed, and let none of them raise over a character.

    Closed descriptors must not stay free: the next file that is opened (a database, say) would get
    the number of standard output, which any library may print to.
    """
    codecs.register_error(FOR_PEOPLE, _for_people)
    codecs.register_error(FOR_PROGRAMS, _for_programs)
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
        _never_raise(stream, FOR_PEOPLE)


def answer_in_json() -> None:
    """From now on what standard output cannot show is escaped as JSON escapes it."""
    _never_raise(sys.stdout, FOR_PROGRAMS)


def trouble(*, after_error: bool = False) -> OSError | None:
    """Why standard output cannot be written; None if it can, or if nobody reads it any more."""
    try:
        if after_error:  # unbuffered, the text that could not be written is gone: try another
            sys.stdout.write("\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon(sys.stdout)
    except OSError as error:
        _abandon(sys.stdout)
        return error
    except ValueError:  # closed by somebody
        return None
    return None


def say(sentence: str) -> None:
    """One line on standard error, over an unfinished line of progress. Never raises."""
    line = " ".join(sentence.split())
    with suppress(OSError, ValueError):
        lead = "\r\x1b[K" if sys.stderr.isatty() else ""
        print(f"{lead}riffbot: {line}", file=sys.stderr, flush=True)


def _never_raise(stream: TextIO, errors: str) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None and (getattr(stream, "errors", None) or "strict") in (
        "strict",
        "surrogateescape",
        "backslashreplace",
        FOR_PEOPLE,
    ):
        with suppress(OSError, ValueError):
            reconfigure(errors=errors)


def _abandon(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, or the interpreter would complain at its end."""
    with suppress(OSError, ValueError):  # a test's stream has no descriptor
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def _for_people(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char) or _escaped(char) for char in text), error.end


def _for_programs(error: UnicodeError) -> tuple[str, int]:
    """JSON's own escapes: two of them beyond U+FFFF."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_json_escaped(char) for char in text), error.end


def _escaped(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode("ascii")


def _json_escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
