"""Starts a server's jam, resumes it on demand, and resumes all jams after a restart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from cogs.common.cards import Card
from cogs.common.delivery import ReplyTarget, send_ephemeral
from cogs.common.errors import error_message, log_error
from cogs.common.formatting import MUTED
from cogs.common.markdown import escape_line
from cogs.common.options import check_seed_image
from cogs.common.rules import admit_jam
from cogs.jam._actions import end_pause, participant_of
from cogs.jam._controller import JamController
from riffbot.errors import BadRequest, RiffBotError
from riffbot.harmony import NO_HARMONY
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.session import HARMONY_UNKNOWN, JamSession
from riffbot.jam.types import JamChannels
from riffbot.library.jam_record import GuildJam, JamRecord
from riffbot.library.types import Author, Origin

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

RESTARTED = "I was restarted. `/jam resume` goes on from the same place."

DEFAULT_BITRATE = 96_000
"""Of the packets where no voice channel sets a limit."""


async def start_guild_jam(
    interaction: discord.Interaction[RiffBot],
    *,
    prompt: str | None,
    seed_image: str | None,
    bpm: float | None,
    denoising: float | None,
    key: str | None,
    chords: str | None,
) -> None:
    """Start a jam in the caller's voice channel; the options are those of `ChunkOptions`.

    Raises:
        Disallowed: a rule of the server or of the owner does not allow it.
        BadRequest: one plays here, the caller is in no channel that a jam can play in, or an
            option is invalid.
        NotFound: there is no such seed image.
        app_commands.BotMissingPermissions: the bot may not join or speak there.
        RiffBotError: it cannot be started; the sentence says why.
    """
    bot = interaction.client
    channel = caller_channel(interaction)
    jam_key = GuildJam(_guild_id(interaction))
    if bot.services.jams.get(jam_key) is not None:
        raise BadRequest("A jam plays here already: /jam prompt steers it, /jam stop ends it.")
    check_seed_image(bot, seed_image)
    warning = await admit_jam(interaction, prompt)
    options = ChunkOptions.build(
        prompt=prompt,
        seed_image=seed_image,
        denoising=denoising,
        bpm=bpm,
        key=key,
        chords=chords,
    )
    options.choose_harmony(NO_HARMONY).parse()  # before anything is posted
    target = await ReplyTarget.respond(interaction, starting_card(options.prompt))
    try:
        session = await bot.services.jams.start(
            jam_key,
            options,
            starter=participant_of(interaction),
            bitrate=_bitrate(channel),
            paced_by="voice" if channel is not None else "clock",
        )
        await open_controller(bot, session, channel, target)
    except Exception:
        await target.delete()
        raise
    if warning is not None:
        await target.send_ephemeral(warning)
    if options.names_harmony and bot.services.engine.knows_harmony is False:
        await send_ephemeral(interaction, HARMONY_UNKNOWN)


async def resume_guild_jam(interaction: discord.Interaction[RiffBot]) -> None:
    """End the pause of a server's jam, or resume the stored one in the caller's channel.

    Raises:
        Disallowed: a rule of the server or of the owner does not allow it.
        BadRequest: it plays, or the caller may not end a pause.
        NotFound: there is none.
        RiffBotError: it cannot be resumed; the sentence says why.
    """
    bot, guild_id = interaction.client, _guild_id(interaction)
    controller = bot.jam_controllers.get(guild_id)
    if controller is not None:
        if controller.session.status().phase != "paused":
            raise BadRequest("The jam plays already: /jam now shows its panel.")
        await end_pause(interaction, controller)
        return
    channel = caller_channel(interaction)
    if bot.services.jams.get(GuildJam(guild_id)) is not None:
        raise BadRequest("The jam is coming back already: it takes a moment.")
    await admit_jam(interaction, None)
    target = await ReplyTarget.respond(interaction, starting_card(None))
    try:
        session = await bot.services.jams.resume(
            GuildJam(guild_id),
            paced_by="voice" if channel is not None else "clock",
            bitrate=_bitrate(channel),
            channels=JamChannels(),
        )
        await open_controller(bot, session, channel, target)
    except Exception:
        await target.delete()
        raise


async def open_controller(
    bot: RiffBot,
    session: JamSession,
    channel: discord.VoiceChannel | None,
    target: ReplyTarget,
) -> None:
    """Join the channel, show the panel, and register the controller with the bot.

    Raises:
        VoiceError: the channel cannot be joined; the jam can be resumed later.
    """
    controller = JamController(bot, session, target)
    if channel is not None:
        try:
            await controller.output.join(channel, controller.refresh_soon)
        except Exception:
            await bot.services.jams.park(session)
            raise
    assert session.guild_id is not None
    bot.jam_controllers[session.guild_id] = controller
    await controller.store_channels()
    await controller.refresh(at_once=True)


def caller_channel(interaction: discord.Interaction[RiffBot]) -> discord.VoiceChannel | None:
    """The caller's voice channel; None where Discord carries no sound.

    Raises:
        BadRequest: the caller is in none, or in one where a jam cannot play.
        app_commands.BotMissingPermissions: the bot may not join or speak there.
    """
    if not interaction.client.has_voice:
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
    needed = {
        "view_channel": allowed.view_channel,
        "connect": allowed.connect,
        "speak": allowed.speak,
    }
    missing = [name for name, is_allowed in needed.items() if not is_allowed]
    if missing:
        raise app_commands.BotMissingPermissions(missing)
    others = [member for member in channel.members if member != me]
    if channel.user_limit and len(others) >= channel.user_limit and not allowed.move_members:
        raise BadRequest(f"{channel.mention} is full; make room for one more, please.")
    return channel


def starting_card(prompt: str | None) -> Card:
    """The first message, until there is something to hear."""
    title = escape_line(prompt) if prompt else "The jam"
    return Card(embed=discord.Embed(title=title, description="tuning up …", colour=MUTED))


# -- after a restart ------------------------------------------------------------------------------


async def resume_all(bot: RiffBot) -> None:
    """Resume every jam that played when RiffBot went down, and report where that fails.

    Each is tried once: one that fails waits for `/jam resume`, or the next reconnect to Discord,
    which is an `on_ready` too, would start it out of the blue.
    """
    records = await bot.services.jams.find_unfinished()
    # At the same time: no server waits for another's voice channel.
    await asyncio.gather(*(_resume_record(bot, record) for record in records))


async def _resume_record(bot: RiffBot, record: JamRecord) -> None:
    jams = bot.services.jams
    guild = bot.get_guild(record.guild_id or 0)
    if guild is None or record.status != "running" or jams.get(GuildJam(guild.id)) is not None:
        return
    try:
        if not await _resume_where_heard(bot, guild, record):
            await jams.mark_paused(record)
    except Exception as error:
        log_error(error, f"the jam of server {guild.id}")
        await _report_failure(bot, record, error)


async def _resume_where_heard(bot: RiffBot, guild: discord.Guild, record: JamRecord) -> bool:
    """Resume a stored jam if somebody is in its voice channel; returns whether somebody is."""
    channel = guild.get_channel(record.voice_channel_id or 0)
    voice = channel if isinstance(channel, discord.VoiceChannel) else None
    target = _panel_target(bot, record)
    is_heard = voice is not None and any(not member.bot for member in voice.members)
    if bot.has_voice and not is_heard:
        notice = discord.Embed(title="The jam", description=RESTARTED, colour=MUTED)
        await target.edit(Card(embed=notice))
        return False
    session = await bot.services.jams.resume(
        GuildJam(guild.id),
        paced_by="voice" if bot.has_voice else "clock",
        bitrate=_bitrate(voice),
    )
    await open_controller(bot, session, voice if bot.has_voice else None, target)
    return True


async def _report_failure(bot: RiffBot, record: JamRecord, error: Exception) -> None:
    try:
        if isinstance(error, RiffBotError):
            await _panel_target(bot, record).post(Card(content=error_message(error)))
        await bot.services.jams.mark_paused(record)
    except Exception as second_error:  # the other servers' jams must go on
        log_error(second_error, f"the jam of server {record.guild_id}")


def _panel_target(bot: RiffBot, record: JamRecord) -> ReplyTarget:
    author = Author(record.starter_id or 0, record.starter_name or "", record.guild_id)
    origin = Origin(channel_id=record.text_channel_id or 0, message_id=record.message_id)
    return ReplyTarget.from_origin(bot, author, origin)


def _guild_id(interaction: discord.Interaction[Any]) -> int:
    assert interaction.guild_id is not None, "the commands are for servers only"
    return interaction.guild_id


def _bitrate(channel: discord.VoiceChannel | None) -> int:
    return channel.bitrate if channel is not None else DEFAULT_BITRATE
