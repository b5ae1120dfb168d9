"""/jam: an endless, shared jam in a voice channel. Its commands, and its events of Discord."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from cogs.common.delivery import ReplyTarget, send_ephemeral
from cogs.common.errors import reporting_errors
from cogs.common.i18n import command_description, option_descriptions
from cogs.common.options import (
    Chords,
    Denoising,
    KeyName,
    Prompt,
    suggest_chords,
    suggest_keys,
    suggest_seed_images,
)
from cogs.jam._actions import (
    get_guild_controller,
    save_excerpt,
    set_harmony,
    steer_jam,
    stop_jam,
)
from cogs.jam._buttons import JamButton, VoteMenu
from cogs.jam._panel import format_details
from cogs.jam._starting import resume_all, resume_guild_jam, start_guild_jam, starting_card

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

Interaction = discord.Interaction["RiffBot"]


@app_commands.guild_only()
@app_commands.allowed_installs(guilds=True, users=False)
class JamCog(commands.GroupCog, name="jam", description=command_description("jam")):
    """The commands, and the events that the controllers of all servers react to."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot
        self._resuming = asyncio.Lock()
        super().__init__()

    async def cog_load(self) -> None:
        """Make the buttons of every panel work again."""
        self.bot.add_dynamic_items(JamButton, VoteMenu)

    async def cog_unload(self) -> None:
        """Leave the channels as for a restart, after which the jams resume."""
        await self.bot.suspend_jams()

    # -- commands --------------------------------------------------------------------------------

    @app_commands.command(name="start", description=command_description("jam start"))
    @app_commands.describe(**option_descriptions("jam start", "key", "chords"))
    @app_commands.autocomplete(
        seed_image=suggest_seed_images, key=suggest_keys, chords=suggest_chords
    )
    async def start(
        self,
        interaction: Interaction,
        *,
        prompt: Prompt | None = None,
        seed_image: str | None = None,
        bpm: app_commands.Range[float, 40, 240] | None = None,
        denoising: Denoising | None = None,
        key: KeyName | None = None,
        chords: Chords | None = None,
    ) -> None:
        """Start a jam in the caller's voice channel."""
        async with reporting_errors(interaction):
            await start_guild_jam(
                interaction,
                prompt=prompt,
                seed_image=seed_image,
                bpm=bpm,
                denoising=denoising,
                key=key,
                chords=chords,
            )

    @app_commands.command(name="prompt", description=command_description("jam prompt"))
    @app_commands.describe(**option_descriptions("jam prompt"))
    async def prompt(self, interaction: Interaction, prompt: Prompt) -> None:
        """Steer the jam towards a prompt."""
        async with reporting_errors(interaction):
            await steer_jam(interaction, get_guild_controller(interaction), prompt)

    @app_commands.command(name="key", description=command_description("jam key"))
    @app_commands.describe(**option_descriptions("jam key", "key", "chords"))
    @app_commands.autocomplete(key=suggest_keys, chords=suggest_chords)
    async def key(
        self, interaction: Interaction, key: KeyName | None = None, chords: Chords | None = None
    ) -> None:
        """Set the key and the chords that the jam keeps."""
        async with reporting_errors(interaction):
            await set_harmony(interaction, get_guild_controller(interaction), key, chords)

    @app_commands.command(name="stop", description=command_description("jam stop"))
    async def stop(self, interaction: Interaction) -> None:
        """End the jam."""
        async with reporting_errors(interaction):
            await stop_jam(interaction, get_guild_controller(interaction))

    @app_commands.command(name="save", description=command_description("jam save"))
    @app_commands.describe(**option_descriptions("jam save"))
    async def save(
        self, interaction: Interaction, seconds: app_commands.Range[int, 5, 60] = 30
    ) -> None:
        """Save what was heard last as a riff."""
        async with reporting_errors(interaction):
            await save_excerpt(interaction, get_guild_controller(interaction), seconds)

    @app_commands.command(name="now", description=command_description("jam now"))
    async def now(self, interaction: Interaction) -> None:
        """Post the panel anew at the end of the channel, and show its numbers."""
        async with reporting_errors(interaction):
            controller = get_guild_controller(interaction)
            status = controller.session.status()
            target = await ReplyTarget.respond(interaction, starting_card(status.current_prompt))
            await controller.move_panel(target)
            connection = controller.output.connection
            latency_s = connection.latency_s if connection is not None else None
            reconnects = connection.reconnects if connection is not None else 0
            await send_ephemeral(interaction, format_details(status, latency_s, reconnects))

    @app_commands.command(name="resume", description=command_description("jam resume"))
    async def resume(self, interaction: Interaction) -> None:
        """Resume the server's last jam."""
        async with reporting_errors(interaction):
            await resume_guild_jam(interaction)

    # -- events ----------------------------------------------------------------------------------

    @commands.Cog.listener()
    async def on_host_tick(self) -> None:
        """Refresh every jam: none waits for another, whose edit may sleep on a rate limit."""
        controllers = list(self.bot.jam_controllers.values())
        await asyncio.gather(*(controller.refresh_and_log() for controller in controllers))

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        """Refresh the jam whose channel somebody joined, left, or was deafened in."""
        controller = self.bot.jam_controllers.get(member.guild.id)
        if controller is not None and controller.output.channel in (before.channel, after.channel):
            await controller.refresh_and_log()

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Stop the jam of a server that the bot was removed from, and erase the server's data."""
        controller = self.bot.jam_controllers.pop(guild.id, None)
        try:
            if controller is not None:
                await controller.stop()
        finally:
            await self.bot.services.library.guilds.delete_settings(guild.id)

    @commands.Cog.listener()
    async def on_host_ready(self, fallback_channel_id: int | None) -> None:
        """Resume the jams of before a restart; after a reconnect there are none left."""
        await self.resume_all()

    async def resume_all(self) -> None:
        """Resume every jam that played when RiffBot went down."""
        async with self._resuming:
            await resume_all(self.bot)


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(JamCog(bot))
