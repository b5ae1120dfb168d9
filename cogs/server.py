"""/server settings: what a server decides for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from cogs._errors import answered
from cogs._style import ACCENT
from cogs._words import describe, describe_options
from riffbot.library.guilds import Who
from riffbot.library.models import GuildSettings

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

WHO: list[app_commands.Choice[str]] = [
    app_commands.Choice(name=app_commands.locale_str("anyone in the channel"), value="anyone"),
    app_commands.Choice(name=app_commands.locale_str("the DJ role"), value="dj"),
    app_commands.Choice(name=app_commands.locale_str("whoever started it"), value="starter"),
]
_WORDS = {choice.value: str(choice.name) for choice in WHO}


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class Server(commands.GroupCog, name="server", description=describe("server")):
    """A server's own settings, for whoever manages it."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot
        super().__init__()

    @app_commands.command(name="settings", description=describe("server settings"))
    @app_commands.describe(**describe_options("server settings"))
    @app_commands.choices(jam_steer=WHO, jam_stop=WHO)
    async def settings(
        self,
        interaction: discord.Interaction[RiffBot],
        jam_steer: str | None = None,
        jam_stop: str | None = None,
        dj_role: discord.Role | None = None,
    ) -> None:
        """Show the settings, changed by what was given."""
        async with answered(interaction):
            assert interaction.guild_id is not None
            library = interaction.client.services.library
            if jam_steer is None and jam_stop is None and dj_role is None:
                settings = await library.guild_settings(interaction.guild_id)
            else:
                settings = await library.set_guild_settings(
                    interaction.guild_id,
                    jam_steer=_who(jam_steer),
                    jam_stop=_who(jam_stop),
                    dj_role_id=dj_role.id if dj_role is not None else None,
                )
            await interaction.response.send_message(embed=settings_embed(settings), ephemeral=True)


def settings_embed(settings: GuildSettings) -> discord.Embed:
    """What holds on a server."""
    embed = discord.Embed(title="Settings of this server", colour=ACCENT)
    embed.add_field(name="May steer a jam", value=_WORDS[settings.jam_steer])
    embed.add_field(name="May pause and stop it", value=_WORDS[settings.jam_stop])
    role = f"<@&{settings.dj_role_id}>" if settings.dj_role_id is not None else "none chosen"
    embed.add_field(name="The DJ role", value=role)
    embed.set_footer(text="Moderators and whoever started a jam always may.")
    return embed


def _who(value: str | None) -> Who | None:
    return value  # type: ignore[return-value]  # Discord lets only the choices through


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(Server(bot))
