"""/server settings: a panel with all rules of a server; its options change some at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from cogs.common.audit import record
from cogs.common.errors import reporting_errors
from cogs.common.i18n import command_description, option_descriptions
from cogs.server._modals import SettingsButton
from cogs.server._panel import JAM_CONTROL_NAMES, settings_embed, settings_view
from riffbot.errors import BadRequest
from riffbot.library.guilds import NO_ROLE, JamControl

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

ROLE_CHOICES: list[app_commands.Choice[str]] = [
    app_commands.Choice(name=app_commands.locale_str(name), value=value)
    for value, name in JAM_CONTROL_NAMES.items()
]


@app_commands.guild_only()
@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.default_permissions(manage_guild=True)
class ServerCog(commands.GroupCog, name="server", description=command_description("server")):
    """A server's own settings, for members who may manage it."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot
        super().__init__()

    async def cog_load(self) -> None:
        """Handle the buttons of all panels, those from before this start included."""
        self.bot.add_dynamic_items(SettingsButton)

    @app_commands.command(name="settings", description=command_description("server settings"))
    @app_commands.describe(**option_descriptions("server settings"))
    @app_commands.choices(jam_steer=ROLE_CHOICES, jam_stop=ROLE_CHOICES)
    async def settings(
        self,
        interaction: discord.Interaction[RiffBot],
        jam_steer: str | None = None,
        jam_stop: str | None = None,
        dj_role: discord.Role | None = None,
        no_dj_role: bool = False,
    ) -> None:
        """Change the settings that are given, and show all."""
        async with reporting_errors(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            assert interaction.guild_id is not None
            library = interaction.client.services.library
            if dj_role is not None and no_dj_role:
                raise BadRequest("Choose a DJ role or none, not both.")
            if jam_steer is None and jam_stop is None and dj_role is None and not no_dj_role:
                settings = await library.guilds.get_settings(interaction.guild_id)
            else:
                settings = await library.guilds.set_settings(
                    interaction.guild_id,
                    jam_steer=_role(jam_steer),
                    jam_stop=_role(jam_stop),
                    dj_role_id=NO_ROLE if no_dj_role else dj_role.id if dj_role else None,
                )
                await record(interaction, "settings", "jams")
            rules = await library.guilds.get_rules(interaction.guild_id)
            await interaction.followup.send(
                embed=settings_embed(settings, rules), view=settings_view(), ephemeral=True
            )


def _role(value: str | None) -> JamControl | None:
    return value  # type: ignore[return-value]  # Discord sends only the choices


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(ServerCog(bot))
