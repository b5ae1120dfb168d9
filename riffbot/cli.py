"""`riffbot …`: parses, calls one function of `riffbot.commands`, and turns errors into one line.

Exit codes are a contract: 0 done, 1 it failed, 2 something given was wrong, 130 interrupted.
Nothing here imports torch, numpy or Discord: `riffbot --help` answers at once.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from riffbot import caches, interrupts, terminal
from riffbot.commands.options import Options, build_parser
from riffbot.errors import RiffBotError, told
from riffbot.interrupts import INTERRUPTED

CommandFunction = Callable[[Options], int]

HINT = " (run with --debug for the traceback)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the process ends with what this returns.

    Args:
        argv: the words after `riffbot`; None takes them from the process.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    terminal.prepare()
    if argv is None:
        interrupts.own_process()
    try:
        with interrupts.watched():
            code = _run(words)
    except SystemExit:  # argparse, after --help or --version
        if (full := terminal.trouble()) is not None:
            raise SystemExit(_cannot_say(full)) from None
        raise
    if (full := terminal.trouble()) is not None:
        code = _cannot_say(full)
    # An interrupt leaves threads behind that Python would wait for, or tidy up beside.
    if argv is None and (code == INTERRUPTED or interrupts.engine_is_busy()):
        interrupts.end_now(code)
    return code


def _run(words: list[str]) -> int:
    debug = "--debug" in words
    hushed = _Hushed()
    logging.basicConfig(
        level=logging.INFO if debug else logging.WARNING,
        handlers=None if debug else [hushed],
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    if not debug:
        # The libraries under the model print advice for developers on stderr.
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    try:
        options = build_parser().parse_args(words, namespace=Options())
        if options.json:
            terminal.answer_in_json()
        caches.prepare(_data_dir)
        return _command(options.run)(options)
    except KeyboardInterrupt:
        interrupts.word_said.wait(0.2)
        return _end("stopped.", INTERRUPTED)
    except BrokenPipeError:
        # `riffbot seed-images | head` closes the pipe: nobody is left to read, which is no error.
        terminal.trouble()
        return 0
    except RiffBotError as error:
        if debug:
            raise
        return _end(f"{told(error)}{HINT if hushed.traceback else ''}", error.exit_code)
    except Exception as error:
        if isinstance(error, OSError) and (full := terminal.trouble(after_error=True)) is not None:
            return _cannot_say(full)
        if debug:
            raise
        what = " ".join(str(error).split())[:200] or "no message"
        return _end(f"Something broke that should not: {type(error).__name__}, {what}.{HINT}", 1)


def _data_dir() -> Path | None:
    """Where the library lies; None where the settings cannot be read, as the command will say."""
    from riffbot.settings import load_settings  # noqa: PLC0415

    try:
        return load_settings().data_dir
    except RiffBotError:
        return None


class _Hushed(logging.Handler):
    """A command's answer is one line, so the log is kept back; `--debug` lets it out.

    `riffbot` alone, which runs for weeks, sets a log of its own.
    """

    traceback = False

    def emit(self, record: logging.LogRecord) -> None:
        """Remember only whether there is more to read."""
        self.traceback = self.traceback or record.exc_info is not None


def _command(path: str) -> CommandFunction:
    """`"clips.riff"` → `riffbot.commands.clips.riff`, imported only now."""
    module, _, name = path.partition(".")
    function: CommandFunction = getattr(importlib.import_module(f"riffbot.commands.{module}"), name)
    return function


def _end(sentence: str, code: int) -> int:
    """One line on stderr, whatever the sentence held."""
    terminal.say(sentence)
    return code


def _cannot_say(error: OSError) -> int:
    reason = (error.strerror or str(error)).lower()
    return _end(f"The answer cannot be written to standard output: {reason}.", 1)


if __name__ == "__main__":
    sys.exit(main())
