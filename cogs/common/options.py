"""Options that several commands share: their ranges, their words, what is suggested for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import discord
from discord import app_commands
from discord.ext import commands

from cogs.common.formatting import format_tempo, join_parts
from cogs.common.i18n import command_description, option_descriptions, shared_option_names
from cogs.common.sources import CHOICES, complete_riffs
from riffbot.clips.edits import DENOISING_HINTS
from riffbot.request import MAX_PROMPT, MAX_SEED

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

Prompt = app_commands.Range[str, 1, MAX_PROMPT]
OptionalText = app_commands.Range[str, 0, MAX_PROMPT]
Seed = app_commands.Range[int, 0, MAX_SEED]
Denoising = app_commands.Range[float, 0, 1]
Guidance = app_commands.Range[float, 1, 30]
StartSeconds = app_commands.Range[float, 0, 600]

OfCog = TypeVar("OfCog", bound=commands.Cog)
Typed = ParamSpec("Typed")


def command_anywhere(
    name: str,
) -> Callable[
    [Callable[Concatenate[OfCog, discord.Interaction[Any], Typed], Coroutine[Any, Any, None]]],
    app_commands.Command[OfCog, Typed, None],
]:
    """A command that can be used in servers, in private, and wherever its user takes it along.

    Its words come from `command_strings.toml`. Options without words of their own are shared
    ones, and bring their suggestions with them.
    """

    def command(
        callback: Callable[
            Concatenate[OfCog, discord.Interaction[Any], Typed], Coroutine[Any, Any, None]
        ],
    ) -> app_commands.Command[OfCog, Typed, None]:
        _, _, *options = inspect.signature(callback).parameters
        shared = shared_option_names(name, options)
        app_commands.describe(**option_descriptions(name, *shared))(callback)
        known = {option: _SUGGESTED[option] for option in shared if option in _SUGGESTED}
        app_commands.autocomplete(**known)(callback)
        app_commands.allowed_installs(guilds=True, users=True)(callback)
        app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)(callback)
        return app_commands.command(name=name, description=command_description(name))(callback)

    return command


def check_seed_image(bot: RiffBot, name: str | None) -> None:
    """Refuse a loop that is not there before anything is posted. Raises NotFound."""
    if name is not None:
        bot.services.images.bundled(name)


async def suggest_riffs(
    interaction: discord.Interaction[RiffBot], current: str
) -> list[app_commands.Choice[str]]:
    """The asker's riffs, then this server's."""
    return await complete_riffs(interaction, current)


async def suggest_own_riffs(
    interaction: discord.Interaction[RiffBot], current: str
) -> list[app_commands.Choice[str]]:
    """The asker's riffs."""
    return await complete_riffs(interaction, current, mine=True)


async def suggest_denoising(
    _: discord.Interaction[RiffBot], current: float | str
) -> list[app_commands.Choice[float]]:
    """How far to go, with the words of the prompt guide; what was typed itself stands first."""
    choices = [app_commands.Choice(name=words, value=value) for value, words in DENOISING_HINTS]
    begun = [choice for choice in choices if choice.name.startswith(str(current))]
    return begun or choices


async def suggest_seed_images(
    interaction: discord.Interaction[RiffBot], current: str
) -> list[app_commands.Choice[str]]:
    """The bundled loops whose name, title or mood holds what was typed so far."""
    images = interaction.client.services.images
    wanted = current.strip().lower()
    found = []
    for name in images.names():
        seed = images.bundled(name)
        text = join_parts(seed.title, format_tempo(seed.bpm), seed.mood)
        if wanted in f"{name} {text}".lower():
            found.append(app_commands.Choice(name=text[:100], value=name))
    return found[:CHOICES]


_SUGGESTED: dict[str, Any] = {
    "riff": suggest_riffs,
    "denoising": suggest_denoising,
    "seed_image": suggest_seed_images,
}
