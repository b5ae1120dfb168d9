"""Who may steer a jam and who may stop it: the server decides, moderators always may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import discord

from cogs.common.markdown import MarkdownText, escape_line
from riffbot.errors import BadRequest

if TYPE_CHECKING:
    from cogs.jam._controller import JamController
    from riffbot.bot import RiffBot

JamAction = Literal["steer", "stop"]


async def require_permission(
    interaction: discord.Interaction[RiffBot], controller: JamController, action: JamAction
) -> None:
    """Return only if the asker may do this here.

    Raises:
        BadRequest: the asker may not; the sentence says who may.
    """
    user, starter = interaction.user, controller.starter
    if starter is not None and user.id == starter.user_id:
        return
    permissions = interaction.permissions
    if permissions.manage_guild or permissions.move_members:
        return
    assert interaction.guild_id is not None
    settings = await interaction.client.services.library.guilds.get_settings(interaction.guild_id)
    allowed = settings.jam_steer if action == "steer" else settings.jam_stop
    if allowed == "starter":
        name = escape_line(starter.name, 60) if starter is not None else "whoever started it"
        raise BadRequest(
            MarkdownText(f"On this server only {name} may {action} this jam, and the moderators.")
        )
    if allowed == "dj" and not _has_role(user, settings.dj_role_id):
        role = settings.dj_role_id
        only = "the DJs, of whom there are none yet," if role is None else f"<@&{role}>"
        raise BadRequest(f"On this server only {only} may {action} a jam, and the moderators.")
    if allowed == "anyone" and not controller.output.has(user):
        raise BadRequest(
            f"Join {controller.output.mention} first: only those who listen may {action} it."
        )


def _has_role(user: discord.User | discord.Member, role_id: int | None) -> bool:
    return isinstance(user, discord.Member) and any(role.id == role_id for role in user.roles)
