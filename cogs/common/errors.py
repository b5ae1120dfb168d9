"""Maps exceptions to sentences in one table, logs them, and tells the member.

Commands, buttons, modals and autocompletion all use it. discord.py passes only command errors to
`CommandTree.on_error`; what a DynamicItem or a modal raises is merely logged, and the member sees
"This interaction failed". So every callback of ours runs inside `reporting_errors`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import discord
from discord import app_commands

from cogs.common.delivery import send_ephemeral
from cogs.common.formatting import plural
from cogs.common.markdown import MarkdownText, escape_markdown, sentence_to_markdown
from cogs.common.mentions import command_pattern
from riffbot.errors import Disallowed, Refused, RiffBotError

log = logging.getLogger(__name__)

UNEXPECTED_ERROR = "Something broke on my side. It is in my log, and trying again may help."
DISCORD_UNAVAILABLE = "Discord did not take my answer just now. Please try again in a moment."


def _own_message(error: RiffBotError) -> str:
    message = error.args[0] if error.args else ""
    if isinstance(message, MarkdownText):
        return message
    return sentence_to_markdown(str(error), command_pattern())


def _disallowed(error: Disallowed) -> str:
    sentence = sentence_to_markdown(error.sentence, command_pattern())
    if error.again_at is None:
        return sentence
    at = math.ceil(error.again_at.timestamp())
    return f"{sentence} It goes again <t:{at}:R>, at <t:{at}:t>."


def _cooldown(error: app_commands.CommandOnCooldown) -> str:
    wait = plural(max(1, round(error.retry_after)), "second")
    return f"Too fast: please try again in {wait}."


def _bot_lacks_permission(error: app_commands.BotMissingPermissions) -> str:
    return f"I need the permission “{_permissions(error)}” here for that."


def _member_lacks_permission(error: app_commands.MissingPermissions) -> str:
    return f"You need the permission “{_permissions(error)}” here for that."


def _permissions(
    error: app_commands.BotMissingPermissions | app_commands.MissingPermissions,
) -> str:
    names = (name.replace("_", " ").title() for name in error.missing_permissions)
    return "”, “".join(names)


# The first match wins: subclasses stand above their base classes.
_MESSAGES: tuple[tuple[type[Exception], Callable[[Any], str]], ...] = (
    (Disallowed, _disallowed),
    (RiffBotError, _own_message),
    (app_commands.CommandOnCooldown, _cooldown),
    (app_commands.BotMissingPermissions, _bot_lacks_permission),
    (app_commands.MissingPermissions, _member_lacks_permission),
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
    (discord.HTTPException, lambda _: DISCORD_UNAVAILABLE),
)


def error_message(error: Exception) -> str:
    """The sentence that a member reads about an error, in Discord's markdown."""
    cause = _cause(error)
    for kind, message in _MESSAGES:
        if isinstance(cause, kind):
            return message(cause)
    return UNEXPECTED_ERROR


def log_error(error: Exception, what: str) -> None:
    """Log an expected error as one line, an unexpected one with its traceback.

    Args:
        what: what failed, as the subject of the log line.
    """
    cause = _cause(error)
    if error_message(cause) == UNEXPECTED_ERROR:
        log.error("%s broke", what, exc_info=cause)
    elif isinstance(cause, Refused):
        log.info("%s was refused (%s)", what, cause)
    else:  # its sentence may quote what a member typed
        log.info("%s: %s", what, type(cause).__name__)
        log.debug("%s: %s", what, cause)


async def report_error(interaction: discord.Interaction[Any], error: Exception) -> None:
    """Log an error and tell the asker, in one sentence."""
    log_error(error, _name_of(interaction))
    if interaction.type is discord.InteractionType.autocomplete:
        return  # a list of suggestions has no room for a sentence
    await send_ephemeral(interaction, error_message(error))


@asynccontextmanager
async def reporting_errors(interaction: discord.Interaction[Any]) -> AsyncIterator[None]:
    """Report every exception raised inside to the asker; none leaves the block."""
    try:
        yield
    except Exception as error:
        await report_error(interaction, error)


def _cause(error: Exception) -> Exception:
    return error.original if isinstance(error, app_commands.CommandInvokeError) else error


def _name_of(interaction: discord.Interaction[Any]) -> str:
    """The command or custom id, with member and channel, for the log."""
    data: Any = interaction.data or {}
    name = data.get("name") or data.get("custom_id") or interaction.type.name
    return f"{name} (member {interaction.user.id}, channel {interaction.channel_id})"
