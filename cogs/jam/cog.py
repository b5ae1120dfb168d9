"""/jam: an endless, shared jam in a voice channel. This cog reads what was typed, no more."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands, tasks

from cogs.common.cards import Card
from cogs.common.delivery import ReplyTarget, send_ephemeral
from cogs.common.errors import error_message, log_error, reporting_errors
from cogs.common.formatting import MUTED
from cogs.common.i18n import command_description, option_descriptions
from cogs.common.markdown import escape_line
from cogs.common.options import Denoising, Prompt, check_seed_image, suggest_seed_images
from cogs.jam._actions import end_pause, keep_last, stage_here, steer_stage, stop_stage, who
from cogs.jam._buttons import JamButton, VoteMenu
from cogs.jam._controller import Stage
from cogs.jam._panel import now_lines
from riffbot.errors import BadRequest, RiffBotError
from riffbot.jam.session import JamSession
from riffbot.jam.types import JamChannels
from riffbot.library.jam_record import GuildJam, JamRecord
from riffbot.library.types import Author, Origin

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""How often each jam is looked at, beside every click and every coming and going."""

RESTARTED = "I was restarted. `/jam resume` goes on from the same place."

Interaction = discord.Interaction["RiffBot"]


@app_commands.guild_only()
@app_commands.allowed_installs(guilds=True, users=False)
class Jams(commands.GroupCog, name="jam", description=command_description("jam")):
    """The commands, the panel's buttons, and the stages of all servers."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot
        self._tasks: set[asyncio.Task[None]] = set()
        self._recovering = asyncio.Lock()
        super().__init__()

    async def cog_load(self) -> None:
        """Make the buttons of every panel work again, and begin to look."""
        self.bot.add_dynamic_items(JamButton, VoteMenu)
        if not self.bot.simulated:  # whose clock stands still while nobody acts: see on_pulse
            self._look_around.start()

    async def cog_unload(self) -> None:
        """Say goodbye in the channels: a restart goes on with what plays."""
        self._look_around.cancel()
        await self.bot.leave_stages()

    # -- commands --------------------------------------------------------------------------------

    @app_commands.command(name="start", description=command_description("jam start"))
    @app_commands.describe(**option_descriptions("jam start"))
    @app_commands.autocomplete(seed_image=suggest_seed_images)
    async def start(
        self,
        interaction: Interaction,
        prompt: Prompt | None = None,
        seed_image: str | None = None,
        bpm: app_commands.Range[float, 40, 240] | None = None,
        denoising: Denoising | None = None,
    ) -> None:
        """Begin a jam in the caller's voice channel."""
        async with reporting_errors(interaction):
            channel = self._channel_of(interaction)
            guild_id = _guild_id(interaction)
            jams = self.bot.services.jams
            if jams.get(GuildJam(guild_id)) is not None:
                raise BadRequest(
                    "A jam plays here already: /jam prompt steers it, /jam stop ends it."
                )
            check_seed_image(self.bot, seed_image)
            place = await ReplyTarget.respond(interaction, _tuning(prompt))
            try:
                session = await jams.start(
                    GuildJam(guild_id),
                    prompt,
                    starter=who(interaction),
                    seed_image=seed_image,
                    bpm=bpm,
                    denoising=denoising,
                    bitrate=_bitrate(channel),
                    paced_by="voice" if channel is not None else "clock",
                )
                await self._set_up(session, channel, place)
            except Exception:
                await place.delete()
                raise

    @app_commands.command(name="prompt", description=command_description("jam prompt"))
    @app_commands.describe(**option_descriptions("jam prompt"))
    async def prompt(self, interaction: Interaction, prompt: Prompt) -> None:
        """Steer."""
        async with reporting_errors(interaction):
            await steer_stage(interaction, stage_here(interaction), prompt)

    @app_commands.command(name="stop", description=command_description("jam stop"))
    async def stop(self, interaction: Interaction) -> None:
        """End it."""
        async with reporting_errors(interaction):
            await stop_stage(interaction, stage_here(interaction))

    @app_commands.command(name="save", description=command_description("jam save"))
    @app_commands.describe(**option_descriptions("jam save"))
    async def save(
        self, interaction: Interaction, seconds: app_commands.Range[int, 5, 60] = 30
    ) -> None:
        """Keep what was heard last."""
        async with reporting_errors(interaction):
            await keep_last(interaction, stage_here(interaction), seconds)

    @app_commands.command(name="now", description=command_description("jam now"))
    async def now(self, interaction: Interaction) -> None:
        """Bring the panel down to where people read."""
        async with reporting_errors(interaction):
            stage = stage_here(interaction)
            status = stage.session.status()
            place = await ReplyTarget.respond(interaction, _tuning(status.current_prompt))
            await stage.move_panel(place)
            connection = stage.connection
            latency = connection.latency_s if connection is not None else None
            reconnects = connection.reconnects if connection is not None else 0
            await send_ephemeral(interaction, now_lines(status, latency, reconnects))

    @app_commands.command(name="resume", description=command_description("jam resume"))
    async def resume(self, interaction: Interaction) -> None:
        """Go on where the last jam stood."""
        async with reporting_errors(interaction):
            await self.resume_here(interaction)

    # -- setting up ------------------------------------------------------------------------------

    async def resume_here(self, interaction: Interaction) -> None:
        """Take up a server's jam again, in the caller's channel.

        Raises:
            BadRequest: it plays, or the asker may not end a pause.
            NotFound: there is none.
            RiffBotError: it cannot go on; the sentence says why.
        """
        guild_id = _guild_id(interaction)
        stage = self.bot.stages.get(guild_id)
        if stage is not None:
            if stage.session.status().phase != "paused":
                raise BadRequest("The jam plays already: /jam now shows its panel.")
            await end_pause(interaction, stage)
            return
        channel = self._channel_of(interaction)
        if self.bot.services.jams.get(GuildJam(guild_id)) is not None:
            raise BadRequest("The jam is coming back already: it takes a moment.")
        place = await ReplyTarget.respond(interaction, _tuning(None))
        try:
            session = await self.bot.services.jams.resume(
                GuildJam(guild_id),
                paced_by="voice" if channel is not None else "clock",
                bitrate=_bitrate(channel),
                channels=JamChannels(),
            )
            await self._set_up(session, channel, place)
        except Exception:
            await place.delete()
            raise

    async def _set_up(
        self,
        session: JamSession,
        channel: discord.VoiceChannel | None,
        panel: ReplyTarget,
    ) -> None:
        """Join the channel and put the panel up.

        Raises:
            VoiceError: the channel cannot be joined; the jam is kept for later.
        """
        stage = Stage(self.bot, session, panel)
        if channel is not None:
            try:
                await stage.join(channel, lambda: self._look_soon(stage))
            except Exception:
                await self.bot.services.jams.park(session)
                raise
        assert session.guild_id is not None
        self.bot.stages[session.guild_id] = stage
        await stage.remember()
        await stage.look(at_once=True)

    def _channel_of(self, interaction: Interaction) -> discord.VoiceChannel | None:
        """The caller's voice channel; None in a simulated Discord, which carries no sound.

        Raises:
            BadRequest: the caller is in none, or in one where a jam cannot play.
            app_commands.BotMissingPermissions: the bot may not join or speak there.
        """
        if self.bot.simulated:
            return None
        user = interaction.user
        voice = user.voice if isinstance(user, discord.Member) else None
        if voice is None or voice.channel is None:
            raise BadRequest("Join a voice channel first, then I come and play there.")
        channel = voice.channel
        if not isinstance(channel, discord.VoiceChannel):
            raise BadRequest("I play in voice channels, not on stages: please join one.")
        me = channel.guild.me
        allowed = channel.permissions_for(me)
        missing = [name for name in ("view_channel", "connect", "speak") if not _may(allowed, name)]
        if missing:
            raise app_commands.BotMissingPermissions(missing)
        others = [member for member in channel.members if member != me]
        if channel.user_limit and len(others) >= channel.user_limit and not allowed.move_members:
            raise BadRequest(f"{channel.mention} is full; make room for one more, please.")
        return channel

    # -- looking after them ------------------------------------------------------------------------

    @tasks.loop(seconds=LOOK_S)
    async def _look_around(self) -> None:
        # Each for itself: discord.py sleeps on a rate limit, and no server waits for another's.
        for stage in list(self.bot.stages.values()):
            self._look_soon(stage, at_once=False)

    @commands.Cog.listener()
    async def on_pulse(self) -> None:
        """The local Discord's own tick."""
        for stage in list(self.bot.stages.values()):
            await self._look(stage)

    async def _look(self, stage: Stage, *, at_once: bool = False) -> None:
        try:
            await stage.look(at_once=at_once)
        except Exception as error:
            log_error(error, f"the jam of server {stage.session.guild_id}")
        if stage.over and self.bot.stages.get(stage.session.guild_id or 0) is stage:
            del self.bot.stages[stage.session.guild_id or 0]

    def _look_soon(self, stage: Stage, *, at_once: bool = True) -> None:
        task = asyncio.get_running_loop().create_task(self._look(stage, at_once=at_once))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        """Somebody came, went, or closed their ears."""
        stage = self.bot.stages.get(member.guild.id)
        if stage is not None and stage.channel in (before.channel, after.channel):
            await self._look(stage)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was shown out of a server."""
        stage = self.bot.stages.pop(guild.id, None)
        try:
            if stage is not None:
                await stage.stop()
        finally:
            await self.bot.services.library.guilds.forget(guild.id)

    # -- after a restart --------------------------------------------------------------------------

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Discord is there: may come again after a reconnect, and then finds nothing to do."""
        if not self.bot.simulated:
            await self.recover()

    @commands.Cog.listener()
    async def on_furnished(self, channel_id: int) -> None:
        """The local Discord is there."""
        await self.recover()

    async def recover(self) -> None:
        """Go on with every jam that played when RiffBot went down, and say so where it cannot.

        Each gets one chance: what does not go on waits for `/jam resume`, or Discord's next
        hiccup, which is an `on_ready` too, would start it out of the blue.
        """
        async with self._recovering:
            rows = await self.bot.services.jams.find_unfinished()
            # At the same time: no server waits for another's voice channel.
            await asyncio.gather(*map(self._recover_one, rows))

    async def _recover_one(self, row: JamRecord) -> None:
        jams = self.bot.services.jams
        guild = self.bot.get_guild(row.guild_id or 0)
        if guild is None or row.status != "running" or jams.get(GuildJam(guild.id)) is not None:
            return
        try:
            if not await self._go_on(guild, row):
                await jams.mark_paused(row)
        except Exception as error:
            log_error(error, f"the jam of server {guild.id}")
            await self._give_up(row, error)

    async def _give_up(self, row: JamRecord, error: Exception) -> None:
        try:
            if isinstance(error, RiffBotError):
                await self._panel_of(row).post(Card(content=error_message(error)))
            await self.bot.services.jams.mark_paused(row)
        except Exception as again:  # the other servers' jams must go on
            log_error(again, f"the jam of server {row.guild_id}")

    async def _go_on(self, guild: discord.Guild, row: JamRecord) -> bool:
        """Play on where somebody listens; whether somebody does."""
        channel = guild.get_channel(row.voice_channel_id or 0)
        voice = channel if isinstance(channel, discord.VoiceChannel) else None
        panel = self._panel_of(row)
        listens = voice is not None and any(not member.bot for member in voice.members)
        if not listens and not self.bot.simulated:
            quiet = discord.Embed(title="The jam", description=RESTARTED, colour=MUTED)
            await panel.edit(Card(embed=quiet))
            return False
        session = await self.bot.services.jams.resume(
            GuildJam(guild.id),
            paced_by="clock" if self.bot.simulated else "voice",
            bitrate=_bitrate(voice),
        )
        await self._set_up(session, None if self.bot.simulated else voice, panel)
        return True

    def _panel_of(self, row: JamRecord) -> ReplyTarget:
        author = Author(row.starter_id or 0, row.starter_name or "", row.guild_id)
        origin = Origin(channel_id=row.text_channel_id or 0, message_id=row.message_id)
        return ReplyTarget.from_origin(self.bot, author, origin)


def _guild_id(interaction: discord.Interaction[Any]) -> int:
    assert interaction.guild_id is not None, "the commands are for servers only"
    return interaction.guild_id


def _bitrate(channel: discord.VoiceChannel | None) -> int:
    return channel.bitrate if channel is not None else 96_000


def _may(allowed: discord.Permissions, name: str) -> bool:
    return bool(getattr(allowed, name))


def _tuning(prompt: str | None) -> Card:
    """The first message, until there is something to hear."""
    what = escape_line(prompt) if prompt else "The jam"
    return Card(embed=discord.Embed(title=what, description="tuning up …", colour=MUTED))


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(Jams(bot))
