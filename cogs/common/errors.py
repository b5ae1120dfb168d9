"""One table from exception to sentence, and the one way in which a member is told.

Commands, buttons, modals and autocompletion all end here. discord.py sends only command errors to
`CommandTree.on_error`; what a DynamicItem or a modal raises is merely logged, and the member looks
at "This interaction failed". So every callback of ours runs inside `answered`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import discord
from discord import app_commands

from cogs.common.delivery import MESSAGE_LIMIT, UNDELIVERED
from cogs.common.formatting import plural
from cogs.common.markdown import Formatted, clipped, escape_markdown, from_plain
from cogs.common.mentions import command_pattern, linked_content
from riffbot.errors import Refused, RiffBotError

log = logging.getLogger(__name__)

BROKEN = "Something broke on my side. It is in my log, and trying again may help."
UNREACHABLE = "Discord did not take my answer just now. Please try again in a moment."


def _own(error: RiffBotError) -> str:
    said = error.args[0] if error.args else ""
    return said if isinstance(said, Formatted) else from_plain(str(error), command_pattern())


def _cooldown(error: app_commands.CommandOnCooldown) -> str:
    wait = plural(max(1, round(error.retry_after)), "second")
    return f"Too fast: please try again in {wait}."


def _missing_mine(error: app_commands.BotMissingPermissions) -> str:
    return f"I need the permission “{_permissions(error)}” here for that."


def _missing_yours(error: app_commands.MissingPermissions) -> str:
    return f"You need the permission “{_permissions(error)}” here for that."


def _permissions(
    error: app_commands.BotMissingPermissions | app_commands.MissingPermissions,
) -> str:
    names = (name.replace("_", " ").title() for name in error.missing_permissions)
    return "”, “".join(names)


# First match wins: keep the special above the general.
_SENTENCES: tuple[tuple[type[Exception], Callable[[Any], str]], ...] = (
    (RiffBotError, _own),
    (app_commands.CommandOnCooldown, _cooldown),
    (app_commands.BotMissingPermissions, _missing_mine),
    (app_commands.MissingPermissions, _missing_yours),
    (app_commands.NoPrivateMessage, lambda _: "This works in servers only."),
    (
        app_commands.TransformerError,
        lambda e: f"I cannot read “{escape_markdown(str(e.value))}” there.",
    ),
    (app_commands.CheckFailure, lambda _: "You may not do that here."),
    (
        app_commands.CommandSignatureMismatch,
        lambda _: "This command has just changed: please reload Discord and try again.",
    ),
    (app_commands.CommandNotFound, lambda _: "I no longer have this command."),
    (discord.Forbidden, lambda _: "I may not write in this channel."),
    (discord.NotFound, lambda _: "That message or channel is gone."),
    (discord.HTTPException, lambda _: UNREACHABLE),
)


def sentence(error: Exception) -> str:
    """What a member is told about an error, in Discord's markdown."""
    cause = _cause(error)
    for kind, say in _SENTENCES:
        if isinstance(cause, kind):
            return say(cause)
    return BROKEN


def record(error: Exception, what: str) -> None:
    """One log line for what was foreseen, a traceback for what was not."""
    cause = _cause(error)
    if sentence(cause) == BROKEN:
        log.error("%s broke", what, exc_info=cause)
    elif isinstance(cause, Refused):
        log.info("%s was refused (%s)", what, cause)
    else:
        log.info("%s: %s (%s)", what, cause, type(cause).__name__)


async def tell(interaction: discord.Interaction[Any], text: str) -> None:
    """Say something that only the asker sees, whichever door is still open.

    Never raises: whoever reports a failure must not fail over it.

    Args:
        text: in Discord's markdown; members' words in it are escaped already.
    """
    # A sentence may quote what a member typed.
    text = clipped(linked_content(interaction.client, text), MESSAGE_LIMIT)
    try:
        if not interaction.response.is_done():
            await interaction.response.send_message(text, ephemeral=True)
        elif not interaction.is_expired():
            await interaction.followup.send(text, ephemeral=True)
        else:
            log.info("too late to tell %s: %s", interaction.user.id, text)
    except UNDELIVERED as error:
        log.info("could not tell %s (%s): %s", interaction.user.id, error, text)


async def answer(interaction: discord.Interaction[Any], error: Exception) -> None:
    """Log an error and tell the asker, in one sentence."""
    record(error, _what(interaction))
    if interaction.type is discord.InteractionType.autocomplete:
        return  # there is nowhere to put a sentence in a list of suggestions
    await tell(interaction, sentence(error))


@asynccontextmanager
async def answered(interaction: discord.Interaction[Any]) -> AsyncIterator[None]:
    """Everything inside is answered when it raises; nothing is raised further."""
    try:
        yield
    except Exception as error:
        await answer(interaction, error)


def _cause(error: Exception) -> Exception:
    return error.original if isinstance(error, app_commands.CommandInvokeError) else error


def _what(interaction: discord.Interaction[Any]) -> str:
    data: Any = interaction.data or {}
    name = data.get("name") or data.get("custom_id") or interaction.type.name
    return f"{name} (member {interaction.user.id}, channel {interaction.channel_id})"
