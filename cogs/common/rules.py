"""Asks whether a member may do this here and now: the one place where cogs ask.

Everything that makes something, by command, menu, button or modal, calls one of these functions;
`generate_and_post` does it for all riffs. The decisions are those of `riffbot.rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord

from cogs.common.audit import record
from cogs.common.markdown import escape_line
from cogs.common.visibility import require_unrestricted
from riffbot.errors import Disallowed
from riffbot.inference.job import new_id
from riffbot.library.tables import StoredRiff
from riffbot.request import RiffRequest
from riffbot.rules.decisions import (
    check_channel,
    check_hours,
    check_roles,
    check_size,
    check_words,
    limit_steps,
    shorten_steps,
    texts_of,
)
from riffbot.rules.policy import ServerRules
from riffbot.rules.quota import limits_of

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

WARNING = "A note: this server would rather not have the word “{word}” in what I make."


@dataclass(frozen=True)
class Admission:
    """Riffs that a server's rules allow.

    Attributes:
        requests: what to make; the steps are limited where they were left open.
        job_ids: ids for their jobs, for which the quotas are charged.
        warning: a sentence for the member; None for none.
    """

    requests: tuple[RiffRequest, ...]
    job_ids: tuple[str, ...]
    warning: str | None


async def require_allowed(interaction: discord.Interaction[RiffBot]) -> ServerRules:
    """Return the server's rules if the asker may make something in this channel.

    Raises:
        Disallowed: the owner or the server does not allow it.
    """
    library, guild_id = interaction.client.services.library, interaction.guild_id
    await library.operator.check(interaction.user.id, guild_id)
    rules = await library.guilds.get_rules(guild_id)
    check_channel(rules, _channel_id(interaction))
    if not interaction.permissions.manage_guild:
        check_roles(rules, [role.id for role in getattr(interaction.user, "roles", ())])
    return rules


async def admit_riffs(
    interaction: discord.Interaction[RiffBot],
    requests: Sequence[RiffRequest],
    *,
    are_stored: bool = False,
) -> Admission:
    """Admit the riffs of one command or click, all or none, and charge them to the quotas.

    Give back the charges of those that are not made.

    Args:
        are_stored: the requests are those of earlier riffs: nobody asks for their steps now, so
            they are shortened where the rules allow fewer.

    Raises:
        Disallowed: a rule does not allow them; it has the time at which it goes again, if any.
    """
    services = interaction.client.services
    rules = await require_allowed(interaction)
    if are_stored:
        requests = [shorten_steps(rules, request) for request in requests]
    check_size(rules, requests)
    texts = [text for request in requests for text in texts_of(request)]
    warning = await check_texts(interaction, rules, texts)
    usual = services.engine.resolve(RiffRequest(prompt="any", seed=0))  # None while it loads
    usual_steps = None if usual is None else usual.steps
    requests = [limit_steps(rules, request, usual_steps) for request in requests]
    job_ids = tuple(new_id() for _ in requests)
    if rules.has_quota and interaction.guild_id is not None:
        await services.library.quotas.take(
            interaction.guild_id, interaction.user.id, job_ids, limits_of(rules)
        )
    return Admission(tuple(requests), job_ids, warning)


async def admit_jam(interaction: discord.Interaction[RiffBot], prompt: str | None) -> str | None:
    """Admit the start of a jam, or the end of its pause; returns a warning, if any.

    Raises:
        Disallowed: a rule does not allow it.
    """
    rules = await require_allowed(interaction)
    check_hours(rules, discord.utils.utcnow())
    return await check_texts(interaction, rules, [prompt or ""])


async def admit_jam_change(
    interaction: discord.Interaction[RiffBot], prompt: str = ""
) -> str | None:
    """Admit a change of a jam; returns a warning, if any. Who may steer is decided elsewhere.

    Raises:
        Disallowed: the asker is blocked, or the prompt has a word that the server does not want.
    """
    library = interaction.client.services.library
    await library.operator.check(interaction.user.id, interaction.guild_id, is_new=False)
    rules = await library.guilds.get_rules(interaction.guild_id)
    return await check_texts(interaction, rules, [prompt])


async def check_texts(
    interaction: discord.Interaction[RiffBot], rules: ServerRules, texts: Iterable[str]
) -> str | None:
    """Check what the asker wrote against the word list; what is found enters the audit log.

    Returns:
        A warning for the asker, if the rules only warn.

    Raises:
        Disallowed: the rules refuse it.
    """
    try:
        word = check_words(rules, texts)
    except Disallowed as refused:
        await record(interaction, "refused", refused.word or "")
        raise
    if word is None:
        return None
    await record(interaction, "warned", word)
    return WARNING.format(word=escape_line(word, 100))


async def require_postable(interaction: discord.Interaction[RiffBot], riff: StoredRiff) -> None:
    """Check that a riff of the library may be posted in this channel.

    Raises:
        Disallowed: a rule does not allow it, or the riff was made in an age-restricted channel and
            this one is not.
    """
    rules = await require_allowed(interaction)
    await check_texts(interaction, rules, texts_of(riff.request))
    require_unrestricted(interaction, riff)


def _channel_id(interaction: discord.Interaction[Any]) -> int:
    """The channel that the rules know: of a thread its parent."""
    channel = interaction.channel
    if isinstance(channel, discord.Thread):
        return channel.parent_id
    return interaction.channel_id or 0
