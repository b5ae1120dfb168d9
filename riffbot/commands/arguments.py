"""Building blocks of the command line: the parser, and options that several commands share.

The parsers only read; ranges are checked where the values are defined (`riffbot.request`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from riffbot.errors import BadRequest

PROMPT_HELP = (
    "what to hear; (word:1.3) makes a word count more, (word) a little more, [word] a little less"
)


class ParsedArguments(argparse.Namespace):
    """The parsed arguments, of which only what is needed to run a command is typed here.

    The command itself receives a type of its own (`riffbot.commands.dispatch`).

    Attributes:
        run: the command's function, as `module.function` of `riffbot.commands`.
        json: answer in JSON on stdout.
    """

    run: str
    json: bool


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that reports errors as one sentence and takes no abbreviated options."""

    def __init__(self, **settings: Any) -> None:
        # `--den` would start to mean something else the day another option begins so.
        super().__init__(**{"allow_abbrev": False, **settings})

    def _print_message(self, message: str, file: Any = None) -> None:
        """As argparse does it, but a full disk is an error: `--help > file` must not say 0."""
        if message:
            (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """Raise BadRequest instead of printing the usage and leaving."""
        what = message.removeprefix("argument ")
        raise BadRequest(f"{what} (see `{self.prog} --help`)")


Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"
"""What `add_subparsers` returns."""


def parse_integer(text: str) -> int:
    """Parse a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"this needs a whole number, not {text!r}") from None


def parse_member_id(text: str) -> int:
    """Parse a member's id, which has 63 bits in Discord and in databases."""
    if not 0 <= (found := parse_integer(text)) < 2**63:
        raise argparse.ArgumentTypeError(f"this needs Discord's id of a member, not {text[:30]!r}")
    return found


def parse_number(text: str) -> float:
    """Parse a number; NaN and infinity are refused where the value is used."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"this needs a number, not {text!r}") from None


def add_command(commands: Subparsers, name: str, run: str, summary: str) -> Parser:
    """Add a command that calls `run` (`module.function` of `riffbot.commands`)."""
    parser: Parser = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
    parser.set_defaults(run=run)
    add_common_options(parser)
    return parser


def add_common_options(parser: Parser, *, top: bool = False) -> None:
    """Add `--json` and `--debug`."""
    # SUPPRESS keeps a command's own default from undoing `riffbot --debug riff …`.
    default: Any = False if top else argparse.SUPPRESS
    parser.add_argument(
        "--json", action="store_true", default=default, help="answer in JSON on stdout"
    )
    parser.add_argument(
        "--debug", action="store_true", default=default, help="show the traceback of an error"
    )


def add_source(parser: Parser, *, seconds: bool = True) -> None:
    """Add the source of an edit: FILE|ID, and what to take of a sound."""
    parser.add_argument(
        "source", metavar="FILE|ID", help="PNG, MP3, WAV, FLAC or OGG, or a clip of the library"
    )
    parser.add_argument(
        "--start",
        dest="start_s",
        metavar="S",
        type=parse_number,
        default=0.0,
        help="of a sound: begin at this second",
    )
    if seconds:
        parser.add_argument(
            "--seconds",
            metavar="S",
            type=parse_number,
            help="of a sound: take so much (at most 20.48)",
        )
    parser.add_argument(
        "--loop", action="store_true", help="of a sound: cut a loop of whole beats out of it"
    )


def add_prompt_or_recipe(parser: Parser, again: str) -> None:
    """Add PROMPT and, instead of it, `--from FILE`; `again` is the help of the latter."""
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help=PROMPT_HELP)
    parser.add_argument("--from", dest="recipe_file", metavar="FILE", type=Path, help=again)


def add_mask(parser: Parser) -> None:
    """Add `--mask`."""
    parser.add_argument("--mask", metavar="NAME|FILE", help="repaint only where this is white")


def add_generation_flags(parser: Parser, *, denoising: float = 0.75) -> None:
    """Add the options that are fields of the request.

    Args:
        denoising: the default that the help names. It is no default of the parser: `clips.edits`,
            the request or the recipe that is made again decides.
    """
    parser.add_argument("--negative", metavar="TEXT", help="what not to hear")
    parser.add_argument("--seed", type=parse_integer, help="0 … 4294967295 (default: a random one)")
    parser.add_argument(
        "--denoising",
        type=parse_number,
        help=f"0 returns the seed image, 1 forgets it (default: {denoising:g})",
    )
    parser.add_argument(
        "--guidance", type=parse_number, help="how strictly to follow the prompt, 1 … 30"
    )
    parser.add_argument("--steps", type=parse_integer, help="denoising steps, 1 … 200")
    parser.add_argument(
        "--scheduler",
        help="flow for the embedded model; for v1 checkpoints ddim, dpm++ (or dpm), lcm, pndm, "
        "euler, euler_a or lms",
    )
    parser.add_argument(
        "--key", metavar="KEY", help="“F# minor”, “Bb”, “D dorian”; “any” leaves it to the model"
    )
    parser.add_argument(
        "--chords",
        metavar="CHORDS",
        help="one a measure: “Am7 D7 Gmaj7 .”, or “ii V I” in a key; a dot holds the chord before, "
        "and between bars they share a measure: “Am7 D7 | Gmaj7”",
    )


def add_count(parser: Parser) -> None:
    """Add `--count`."""
    parser.add_argument(
        "--count",
        type=parse_integer,
        default=1,
        help="how many takes: seeds S, S+1, … (default: 1)",
    )


def add_output_flags(parser: Parser) -> None:
    """Add where and with which model to make clips."""
    parser.add_argument(
        "--out", metavar="DIR", type=Path, default=Path(), help="where to write (default: here)"
    )
    add_overwrite(parser)
    add_model(parser)


def add_overwrite(parser: Parser) -> None:
    """Add `--overwrite`."""
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files that are there already"
    )


def add_model(parser: Parser) -> None:
    """Add `--model`."""
    parser.add_argument("--model", metavar="DIR|ID", help="another model for this once")


def add_size_flags(parser: Parser) -> None:
    """Add `--width` and `--bpm`."""
    parser.add_argument("--width", type=parse_integer, help="columns of 10 ms, 64 … 2048")
    parser.add_argument("--bpm", type=parse_number, help="tempo, 40 … 240; decides the width")
