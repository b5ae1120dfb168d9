"""Turns slash commands in sentences into mentions that can be clicked.

A sentence names a command as `` `/jam resume` ``. Where the command's id is known, that becomes
`</jam resume:id>`, which Discord shows in the reader's language and runs on a click; elsewhere
it stays code. Members' words cannot become mentions: their backticks are escaped.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import discord

from cogs.common.i18n import command_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from riffbot.bot import RiffBot


@cache
def command_pattern() -> re.Pattern[str]:
    """A pattern for all of RiffBot's slash commands, with their slash."""
    names = sorted(command_names(), key=len, reverse=True)
    return re.compile(rf"(?<![\w/<.])/(?:{'|'.join(map(re.escape, names))})(?![\w/-])")


def mention_commands(text: str, ids: Mapping[str, int]) -> str:
    """Replace commands between backticks by mentions.

    Args:
        text: in Discord's markdown.
        ids: of top-level commands, by name; others stay code.
    """

    def mention(match: re.Match[str]) -> str:
        name = match[1]
        known = ids.get(name.split()[0])
        return match[0] if known is None or name not in _invocable() else f"</{name}:{known}>"

    return re.sub(r"(?<![\\`])`/([a-z]+(?: [a-z]+)?)`(?!`)", mention, text)


def mention_commands_in_text(bot: RiffBot, text: str) -> str:
    """A message's content with its commands as mentions, by the ids that Discord gave the bot."""
    return mention_commands(text, bot.tree.command_ids)


def mention_commands_in_embed(bot: RiffBot, embed: discord.Embed) -> discord.Embed:
    """A copy of an embed with the commands in its description and fields as mentions.

    Discord shows mentions in no title or footer, the local Discord in no part of an embed.
    """
    if not bot.renders_mentions_in_embeds:
        return embed
    embed, ids = embed.copy(), bot.tree.command_ids
    if embed.description:
        embed.description = mention_commands(embed.description, ids)
    for number, field in enumerate(embed.fields):
        embed.set_field_at(
            number,
            name=field.name,
            value=mention_commands(field.value or "", ids),
            inline=field.inline,
        )
    return embed


@cache
def _invocable() -> frozenset[str]:
    """Names of commands that can be run: all but groups."""
    names = command_names()
    groups = {name.split()[0] for name in names if " " in name}
    return frozenset(names - groups)
