"""Options that several commands share: value ranges, descriptions and suggestions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import discord
from discord import app_commands
from discord.ext import commands

from cogs.common.formatting import format_tempo, join_parts
from cogs.common.i18n import command_description, option_descriptions, shared_option_names
from cogs.common.riff_lookup import MAX_CHOICE_NAME, MAX_CHOICES, complete_riffs
from riffbot.clips.denoising_advice import denoising_suggestions
from riffbot.harmony import ANY, suggestions
from riffbot.harmony.progressions import MAX_TEXT
from riffbot.request import MAX_PROMPT, MAX_SEED

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

Prompt = app_commands.Range[str, 1, MAX_PROMPT]
OptionalText = app_commands.Range[str, 0, MAX_PROMPT]
Seed = app_commands.Range[int, 0, MAX_SEED]
KeyName = app_commands.Range[str, 1, 40]
Chords = app_commands.Range[str, 1, MAX_TEXT]
Denoising = app_commands.Range[float, 0, 1]
Guidance = app_commands.Range[float, 1, 30]
StartSeconds = app_commands.Range[float, 0, 600]

CogT = TypeVar("CogT", bound=commands.Cog)
OptionsP = ParamSpec("OptionsP")


def command_anywhere(
    name: str,
) -> Callable[
    [Callable[Concatenate[CogT, discord.Interaction[Any], OptionsP], Coroutine[Any, Any, None]]],
    app_commands.Command[CogT, OptionsP, None],
]:
    """Declare a slash command for servers and DMs, installed by a server or by a member.

    Its description comes from `command_strings.toml`. Options without a description of their own
    there are shared ones; those get the shared suggestions, too.
    """

    def command(
        callback: Callable[
            Concatenate[CogT, discord.Interaction[Any], OptionsP], Coroutine[Any, Any, None]
        ],
    ) -> app_commands.Command[CogT, OptionsP, None]:
        _, _, *options = inspect.signature(callback).parameters
        shared = shared_option_names(name, options)
        app_commands.describe(**option_descriptions(name, *shared))(callback)
        completions = {option: _COMPLETIONS[option] for option in shared if option in _COMPLETIONS}
        app_commands.autocomplete(**completions)(callback)
        app_commands.allowed_installs(guilds=True, users=True)(callback)
        app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)(callback)
        return app_commands.command(name=name, description=command_description(name))(callback)

    return command


def check_seed_image(bot: RiffBot, name: str | None) -> None:
    """Check that a bundled seed image exists, before anything is posted. Raises NotFound."""
    if name is not None:
        bot.services.images.bundled(name)


async def suggest_riffs(
    interaction: discord.Interaction[RiffBot], current: str
) -> list[app_commands.Choice[str]]:
    """Suggest the asker's riffs, then this server's."""
    return await complete_riffs(interaction, current)


async def suggest_own_riffs(
    interaction: discord.Interaction[RiffBot], current: str
) -> list[app_commands.Choice[str]]:
    """Suggest the asker's riffs."""
    return await complete_riffs(interaction, current, own_only=True)


async def suggest_denoising(
    _: discord.Interaction[RiffBot], current: float | str
) -> list[app_commands.Choice[float]]:
    """Suggest values with a description; those that begin with what was typed, if any do."""
    choices = [
        app_commands.Choice(name=name, value=value) for value, name in denoising_suggestions()
    ]
    matching = [choice for choice in choices if choice.name.startswith(str(current))]
    return matching or choices


async def suggest_seed_images(
    interaction: discord.Interaction[RiffBot], current: str
) -> list[app_commands.Choice[str]]:
    """Suggest bundled seed images whose name, title, tempo or mood contains what was typed."""
    images = interaction.client.services.images
    typed = current.strip().lower()
    found = []
    for name in images.names():
        seed = images.bundled(name)
        text = join_parts(seed.title, format_tempo(seed.bpm), seed.mood)
        if typed in f"{name} {text}".lower():
            found.append(app_commands.Choice(name=text[:MAX_CHOICE_NAME], value=name))
    return found[:MAX_CHOICES]


async def suggest_keys(
    _: discord.Interaction[RiffBot], current: str
) -> list[app_commands.Choice[str]]:
    """Suggest common keys, and how to leave the key open again."""
    names = suggestions.suggest_keys(current)[: MAX_CHOICES - 1]
    choices = [app_commands.Choice(name=name, value=name) for name in names]
    return [*choices, *_suggest_any(current)]


async def suggest_chords(
    interaction: discord.Interaction[RiffBot], current: str
) -> list[app_commands.Choice[str]]:
    """Suggest what was typed, as it is understood, and common progressions in the key chosen."""
    key = getattr(interaction.namespace, "key", None)
    found = suggestions.suggest_progressions(current, key if isinstance(key, str) else None)
    choices = [
        app_commands.Choice(name=one.label[:MAX_CHOICE_NAME], value=one.chords)
        for one in found[: MAX_CHOICES - 1]
        if len(one.chords) <= MAX_CHOICE_NAME
    ]
    return [*choices, *_suggest_any(current)]


def _suggest_any(current: str) -> list[app_commands.Choice[str]]:
    if not ANY.startswith(current.strip().lower()):
        return []
    return [app_commands.Choice(name=f"{ANY}: leave it to the model", value=ANY)]


_COMPLETIONS: dict[str, Any] = {
    "riff": suggest_riffs,
    "denoising": suggest_denoising,
    "seed_image": suggest_seed_images,
    "key": suggest_keys,
    "chords": suggest_chords,
}
