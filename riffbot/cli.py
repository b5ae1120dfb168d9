"""`riffbot …`: parses, calls one function of `riffbot.commands`, and prints errors as one line.

Exit codes are a contract: 0 done, 1 it failed, 2 something given was wrong, 130 interrupted.
Nothing here imports torch, numpy or Discord: `riffbot --help` answers at once.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from riffbot import caches, interrupts, terminal
from riffbot.commands.arguments import ParsedArguments
from riffbot.commands.parser import build_parser
from riffbot.errors import RiffBotError, describe_for_owner
from riffbot.interrupts import INTERRUPTED

HINT = " (run with --debug for the traceback)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the process ends with what this returns.

    Args:
        argv: the arguments after `riffbot`; None takes them from the process.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    terminal.prepare_streams()
    if argv is None:
        interrupts.claim_process()
    try:
        with interrupts.watch_sigint():
            code = _run(arguments)
    except SystemExit:  # argparse, after --help or --version
        if (write_error := terminal.flush_stdout()) is not None:
            raise SystemExit(_report_output_error(write_error)) from None
        raise
    if (write_error := terminal.flush_stdout()) is not None:
        code = _report_output_error(write_error)
    # An interrupt leaves threads behind that Python would wait for, or tidy up beside.
    if argv is None and (code == INTERRUPTED or interrupts.is_engine_busy()):
        interrupts.exit_now(code)
    return code


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    muted = _MutedLog()
    logging.basicConfig(
        level=logging.INFO if debug else logging.WARNING,
        handlers=None if debug else [muted],
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    if not debug:
        # The libraries under the model print advice for developers on stderr.
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    try:
        parsed = build_parser().parse_args(arguments, namespace=ParsedArguments())
        if parsed.json:
            terminal.escape_stdout_for_json()
        caches.prepare(_data_dir)
        from riffbot.commands.dispatch import run_command  # noqa: PLC0415

        return run_command(parsed.run, parsed)
    except KeyboardInterrupt:
        interrupts.notice_printed.wait(0.2)
        return _fail("stopped.", INTERRUPTED)
    except BrokenPipeError:
        # `riffbot seed-images | head` closes the pipe: nobody is left to read, which is no error.
        terminal.flush_stdout()
        return 0
    except RiffBotError as error:
        if debug:
            raise
        return _fail(
            f"{describe_for_owner(error)}{HINT if muted.has_traceback else ''}", error.exit_code
        )
    except Exception as error:
        if (
            isinstance(error, OSError)
            and (write_error := terminal.flush_stdout(after_error=True)) is not None
        ):
            return _report_output_error(write_error)
        if debug:
            raise
        what = " ".join(str(error).split())[:200] or "no message"
        return _fail(f"Something broke that should not: {type(error).__name__}, {what}.{HINT}", 1)


def _data_dir() -> Path | None:
    """The data folder; None if the settings cannot be read, which the command itself reports."""
    from riffbot.settings import load_settings  # noqa: PLC0415

    try:
        return load_settings().data_dir
    except RiffBotError:
        return None


class _MutedLog(logging.Handler):
    """Drops the log of a short command, whose output is one line; `--debug` shows it.

    `riffbot` without a command, which runs for weeks, sets up its own log.
    """

    has_traceback = False

    def emit(self, record: logging.LogRecord) -> None:
        """Remember only whether there was a traceback."""
        self.has_traceback = self.has_traceback or record.exc_info is not None


def _fail(sentence: str, code: int) -> int:
    """Print one line on stderr and return the exit code."""
    terminal.print_error(sentence)
    return code


def _report_output_error(error: OSError) -> int:
    reason = (error.strerror or str(error)).lower()
    return _fail(f"The answer cannot be written to standard output: {reason}.", 1)


if __name__ == "__main__":
    sys.exit(main())
