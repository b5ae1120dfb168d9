"""The types of the commands' options and their parsers say the same, for every command."""

from __future__ import annotations

import argparse
import dataclasses
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from riffbot.clips.edits import INPAINT_DENOISING
from riffbot.commands.arguments import ParsedArguments, parse_integer, parse_member_id, parse_number
from riffbot.commands.clip_options import RiffOptions
from riffbot.commands.dispatch import build_options, find_options_type, import_command
from riffbot.commands.flags import CommonOptions
from riffbot.commands.options import StartOptions
from riffbot.commands.parser import build_parser
from riffbot.request import DEFAULT_DENOISING

PARSED_AS: dict[object, type] = {
    None: str,
    Path: Path,
    parse_integer: int,
    parse_member_id: int,
    parse_number: float,
}
"""What the values of an argument are, by its `type`."""


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands below a parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every parser that runs a command; a group like `library` has only commands below it."""
    if parser.get_default("run"):
        yield parser
    for inner in subcommands(parser).values():
        yield from commands(inner)


COMMANDS = {parser.prog: parser for parser in commands(build_parser())}


def options_type(parser: argparse.ArgumentParser) -> type[CommonOptions]:
    return find_options_type(import_command(parser.get_default("run")))


def arguments(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """A command's own arguments by their destinations."""
    without_value = (argparse._HelpAction, argparse._VersionAction, argparse._SubParsersAction)
    return {
        action.dest: action for action in parser._actions if not isinstance(action, without_value)
    }


def expected_type(action: argparse.Action) -> Any:
    """The type of the field that an argument needs."""
    if isinstance(action, argparse._StoreTrueAction):
        return bool
    value = PARSED_AS[action.type]
    if action.choices is not None:
        return typing.Literal[tuple(action.choices)]
    if action.nargs in ("+", "*"):
        return list[value]
    if isinstance(action, argparse._AppendAction):
        value = list[value]
    is_optional = action.default is None and not action.required
    return typing.Optional[value] if is_optional else value  # noqa: UP045


def is_of(value: object, kind: Any) -> bool:
    """Whether a value is of a type; a whole number is no substitute for a fraction, or a bool."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return any(is_of(value, one) for one in typing.get_args(kind))
    if kind in (None, type(None)):
        return value is None
    if issubclass(kind, Path):
        return isinstance(value, Path)
    return type(value) is kind


def test_every_command_is_compared() -> None:
    assert set(subcommands(build_parser())) - {"admin", "library", "privacy"} == {
        prog.split()[1] for prog in COMMANDS if len(prog.split()) == 2
    }
    assert {f"riffbot library {verb}" for verb in ("list", "search", "delete")} < set(COMMANDS)
    assert "riffbot" in COMMANDS


@pytest.mark.parametrize("prog", COMMANDS)
def test_a_command_has_a_field_for_every_argument_and_no_other(prog: str) -> None:
    parser = COMMANDS[prog]
    fields = {field.name for field in dataclasses.fields(options_type(parser))}
    assert fields == set(arguments(parser))


@pytest.mark.parametrize("prog", COMMANDS)
def test_a_field_has_the_type_that_its_argument_is_parsed_as(prog: str) -> None:
    parser = COMMANDS[prog]
    hints = typing.get_type_hints(options_type(parser))
    for name, action in arguments(parser).items():
        assert hints[name] == expected_type(action), f"{prog}: {name}"
        if action.default is not argparse.SUPPRESS and not (action.required or action.nargs == "*"):
            assert is_of(action.default, hints[name]), f"{prog}: {name} = {action.default!r}"


@pytest.mark.parametrize("prog", COMMANDS)
def test_the_options_are_frozen_and_named(prog: str) -> None:
    kind = options_type(COMMANDS[prog])
    assert issubclass(kind, CommonOptions)
    values = {field.name: None for field in dataclasses.fields(kind)}
    options = kind(**values)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.json = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        kind(*values.values())
    with pytest.raises(TypeError, match="json"):
        kind(**{name: None for name in values if name != "json"})


@pytest.mark.parametrize("prog", COMMANDS)
def test_nothing_is_of_any_type(prog: str) -> None:
    hints = typing.get_type_hints(options_type(COMMANDS[prog]))
    assert not [name for name, kind in hints.items() if "Any" in str(kind)]


def test_options_are_what_was_typed() -> None:
    words = ["--debug", "riff", "x", "--seed", "7", "--out", "there", "--bpm", "120"]
    parsed = build_parser().parse_args(words, namespace=ParsedArguments())
    assert build_options(RiffOptions, parsed) == RiffOptions(
        json=False,
        debug=True,
        out=Path("there"),
        overwrite=False,
        model=None,
        count=1,
        negative=None,
        seed=7,
        denoising=None,
        guidance=None,
        steps=None,
        scheduler=None,
        key=None,
        chords=None,
        width=None,
        bpm=120.0,
        mask=None,
        prompt="x",
        recipe_file=None,
        batch=None,
        seed_image=None,
    )


def test_what_riffbot_itself_takes_is_no_commands() -> None:
    parsed = build_parser().parse_args(["--port", "5", "seed-images"], namespace=ParsedArguments())
    assert build_options(StartOptions, parsed).port == 5
    assert build_options(CommonOptions, parsed) == CommonOptions(json=False, debug=False)


def test_the_denoising_that_the_help_names_is_the_one_that_is_taken() -> None:
    for name in ("riff", "remix", "extend", "morph", "draw", "jam"):
        assert f"(default: {DEFAULT_DENOISING:g})" in COMMANDS[f"riffbot {name}"].format_help()
    assert f"(default: {INPAINT_DENOISING:g})" in COMMANDS["riffbot inpaint"].format_help()
