"""Calls a command's function with its options, which are built from the parsed arguments here.

A command is a function of one argument, annotated with the type of its options:
`def remix(options: RemixOptions) -> int`. The fields of the type are the destinations of the
command's parser; `tests/riffbot/commands/test_options.py` compares the two for every command.

Imported only when a command runs, with the types: thirty dataclasses would slow `riffbot --help`
down by a third.
"""

from __future__ import annotations

import argparse
import importlib
import typing
from collections.abc import Callable
from dataclasses import fields

from riffbot.commands.flags import CommonOptions

Command = Callable[[typing.Any], int]
"""A command's function: options of its own type → exit code."""

OptionsT = typing.TypeVar("OptionsT", bound=CommonOptions)


def run_command(path: str, parsed: argparse.Namespace) -> int:
    """Run a command; returns the exit code.

    Args:
        path: `module.function` of `riffbot.commands`, for example `clips.riff`.
        parsed: the parsed arguments.
    """
    command = import_command(path)
    return command(build_options(find_options_type(command), parsed))


def import_command(path: str) -> Command:
    """`"clips.riff"` → `riffbot.commands.clips.riff`, imported only now."""
    module, _, name = path.partition(".")
    command: Command = getattr(importlib.import_module(f"riffbot.commands.{module}"), name)
    return command


def find_options_type(command: Command) -> type[CommonOptions]:
    """Return the annotation of a command's argument."""
    hints = typing.get_type_hints(command)
    hints.pop("return", None)
    [options_type] = hints.values()
    return typing.cast("type[CommonOptions]", options_type)


def build_options(options_type: type[OptionsT], parsed: argparse.Namespace) -> OptionsT:
    """Build a command's options from the parsed arguments.

    What `riffbot` itself takes (`--port`) is among those of every command, and left out.
    """
    values = vars(parsed)
    return options_type(**{field.name: values[field.name] for field in fields(options_type)})
