"""Who may steer a jam and who may stop it: the server decides, moderators always may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import discord

from cogs.common.markdown import MarkdownText, escape_line
from riffbot.errors import BadRequest

if TYPE_CHECKING:
    from cogs.jam._controller import Stage
    from riffbot.bot import RiffBot

Deed = Literal["steer", "stop"]


async def require(interaction: discord.Interaction[RiffBot], stage: Stage, deed: Deed) -> None:
    """Let through whoever may do this here.

    Raises:
        BadRequest: who may not; the sentence says who may.
    """
    user = interaction.user
    if stage.starter is not None and user.id == stage.starter.user_id:
        return
    allowed = interaction.permissions
    if allowed.manage_guild or allowed.move_members:
        return
    assert interaction.guild_id is not None
    settings = await interaction.client.services.library.guilds.get_settings(interaction.guild_id)
    who = settings.jam_steer if deed == "steer" else settings.jam_stop
    if who == "starter":
        starter = stage.starter
        name = escape_line(starter.name, 60) if starter is not None else "whoever started it"
        raise BadRequest(
            MarkdownText(f"On this server only {name} may {deed} this jam, and the moderators.")
        )
    if who == "dj" and not _wears(user, settings.dj_role_id):
        role = settings.dj_role_id
        only = "the DJs, of whom there are none yet," if role is None else f"<@&{role}>"
        raise BadRequest(f"On this server only {only} may {deed} a jam, and the moderators.")
    if who == "anyone" and not stage.has(user):
        raise BadRequest(f"Join {stage.where} first: only those who listen may {deed} it.")


def _wears(user: discord.User | discord.Member, role_id: int | None) -> bool:
    return isinstance(user, discord.Member) and any(role.id == role_id for role in user.roles)
