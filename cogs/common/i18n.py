"""The command picker's words in every language, read from `command_strings.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import discord
from discord import app_commands

SOURCE = "en"
CHOICES = "choices"
"""The table of choices' names, by value; all other tables are commands."""
SHARED = "shared"
"""The table of options that several commands have."""

_FILE = Path(__file__).with_name("command_strings.toml")


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def languages() -> frozenset[str]:
    """Every language that `command_strings.toml` speaks, the source included."""
    entries = (entry for command, entry in _table().items() if command != CHOICES)
    return frozenset(word for entry in entries for word in entry if word != "options")


def command_names() -> frozenset[str]:
    """Every slash command's qualified name, groups included: `jam`, `jam start` …"""
    # A message command is a line of a menu: its name is written for people.
    return frozenset(name for name in _table() if name not in (CHOICES, SHARED) and name.islower())


def command_description(command: str) -> str:
    """The source description of a command."""
    return str(_table()[command][SOURCE]["description"])


def option_descriptions(command: str, *shared: str) -> dict[str, str]:
    """The source description of each option of a command, for `app_commands.describe`.

    Args:
        command: its qualified name.
        shared: options that mean the same in every command, from the table `shared`.
    """
    options: dict[str, Any] = dict(_table()[command].get("options", {}))
    options |= {name: _table()[SHARED]["options"][name] for name in shared}
    return {name: str(entry[SOURCE]["description"]) for name, entry in options.items()}


def shared_option_names(command: str, options: Iterable[str]) -> list[str]:
    """Which of a command's options have no words of their own: those from the table `shared`."""
    own = _table()[command].get("options", {})
    return [name for name in options if name not in own]


class CommandTranslator(app_commands.Translator):
    """Answers discord.py's questions at sync time from `command_strings.toml`.

    A string is found by where it stands (command, option, name or description) rather than by its
    English text, so that two options may share a word and still be translated differently.
    """

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        entry = _entry(context)
        if entry is None:
            return None
        # Discord's tags are en-US, en-GB, es-ES …; the file keeps plain languages.
        language = entry.get(locale.value) or entry.get(locale.value.split("-")[0])
        return language[_field(context)] if language else None


def _entry(context: app_commands.TranslationContextTypes) -> Mapping[str, Any] | None:
    location = app_commands.TranslationContextLocation
    match context.location:
        case (
            location.command_name
            | location.command_description
            | location.group_name
            | location.group_description
        ):
            return _table().get(context.data.qualified_name)
        case location.parameter_name | location.parameter_description:
            command: Mapping[str, Any] = _table().get(context.data.command.qualified_name, {})
            options: Mapping[str, Any] = command.get("options", {})
            shared: Mapping[str, Any] = _table()[SHARED]["options"]
            return options.get(context.data.name) or shared.get(context.data.name)
        case location.choice_name:
            choices: Mapping[str, Any] = _table().get(CHOICES, {})
            return choices.get(str(context.data.value))
        case _:
            return None


def _field(context: app_commands.TranslationContextTypes) -> str:
    return "name" if context.location.name.endswith("_name") else "description"
