"""Names and descriptions of commands and options in every language.

Read from `command_strings.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import discord
from discord import app_commands

SOURCE_LANGUAGE = "en"
CHOICES_TABLE = "choices"
"""Names of choices, by value."""
SHARED_TABLE = "shared"
"""Options that several commands have; every other table is a command."""

_FILE = Path(__file__).with_name("command_strings.toml")


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def languages() -> frozenset[str]:
    """Every language of `command_strings.toml`, the source included."""
    entries = (entry for command, entry in _table().items() if command != CHOICES_TABLE)
    return frozenset(word for entry in entries for word in entry if word != "options")


def command_names() -> frozenset[str]:
    """Every slash command's qualified name, groups included: `jam`, `jam start` …"""
    # The names of message commands are not lower case: they are entries of a menu.
    return frozenset(
        name for name in _table() if name not in (CHOICES_TABLE, SHARED_TABLE) and name.islower()
    )


def command_description(command: str) -> str:
    """A command's description in the source language."""
    return str(_table()[command][SOURCE_LANGUAGE]["description"])


def option_descriptions(command: str, *shared: str) -> dict[str, str]:
    """Descriptions of a command's options in the source language, for `app_commands.describe`.

    Args:
        command: the qualified name.
        shared: names of the command's options that are described in the table `shared`.
    """
    options: dict[str, Any] = dict(_table()[command].get("options", {}))
    options |= {name: _table()[SHARED_TABLE]["options"][name] for name in shared}
    return {name: str(entry[SOURCE_LANGUAGE]["description"]) for name, entry in options.items()}


def shared_option_names(command: str, options: Iterable[str]) -> list[str]:
    """Those of a command's options without an entry of their own: the table `shared` has it."""
    own = _table()[command].get("options", {})
    return [name for name in options if name not in own]


class CommandTranslator(app_commands.Translator):
    """Translates the command tree from `command_strings.toml` when it is synced.

    A string is looked up by its location (command, option, name or description), not by its
    English text: two options may share a word and still be translated differently.
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
        # Discord's locales are en-US, en-GB, es-ES …; the file has plain languages.
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
            shared: Mapping[str, Any] = _table()[SHARED_TABLE]["options"]
            return options.get(context.data.name) or shared.get(context.data.name)
        case location.choice_name:
            choices: Mapping[str, Any] = _table().get(CHOICES_TABLE, {})
            return choices.get(str(context.data.value))
        case _:
            return None


def _field(context: app_commands.TranslationContextTypes) -> str:
    return "name" if context.location.name.endswith("_name") else "description"
