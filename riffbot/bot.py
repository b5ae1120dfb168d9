"""RiffBot on Discord: the client that holds the services, loads the cogs and syncs commands.

Commands and events are in `cogs/`; what they call is in `Services`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from riffbot import interrupts
from riffbot.discord_requests import trace_requests
from riffbot.errors import BadRequest, RiffBotError
from riffbot.file_threads import FileSlots
from riffbot.inference.engine.engine import STOP_GRACE_S
from riffbot.locations import settings_example
from riffbot.process import handle_stop_signals, run_until_stopped, serve_page
from riffbot.request_id import begin_request, get_request_id
from riffbot.services import Services, open_services
from riffbot.settings import Settings

if TYPE_CHECKING:
    from cogs.jam._controller import JamController

log = logging.getLogger(__name__)

# Translations and the error handler first: commands are synced with the former and their errors
# are answered by the latter. A cog that fails to load stops the start.
EXTENSIONS = (
    "cogs.system.locales",
    "cogs.system.errors",
    "cogs.system.gateway",
    "cogs.riff.cog",
    "cogs.jam.cog",
    "cogs.server.cog",
    "cogs.edit.remix",
    "cogs.edit.compose",
    "cogs.library.cog",
    "cogs.system.threads",
    "cogs.privacy",
    "cogs.guide.cog",
    "cogs.system.announcements",
    "cogs.system.recovery",
)

ACCENT = discord.Colour(0xF2683C)
"""RiffBot's colour: the warm end of the spectrogram's colour map."""

GOODBYE_TIMEOUT_S = 3.0
"""How long a stop waits until the jams have left their channels and said so."""

ANSWERS_TIMEOUT_S = 2.0
"""How long it waits until everyone with a running command has been answered."""

DISCONNECT_TIMEOUT_S = 1.5
"""How long it waits for Discord to close the connection."""

TICK_S = 2.0
"""Interval of the `host_tick` event."""

ENTRY_POINT_COMMAND = 4
"""Command type of an Activity's launcher, which discord.py 2.7 cannot express."""


def _intents() -> discord.Intents:
    # Nothing privileged: guilds fill the channel cache, voice_states let a voice client connect.
    intents = discord.Intents.none()
    intents.guilds = True
    intents.voice_states = True
    return intents


class Stoppable(Protocol):
    """Work that a Cancel button can stop."""

    async def stop(self) -> None:
        """Cancel what is not finished yet."""


class RiffTree(app_commands.CommandTree["RiffBot"]):
    """A command tree that syncs only when the commands have changed.

    Attributes:
        command_ids: Discord's ids of the slash commands, by name; empty until they are known.
    """

    def __init__(self, client: RiffBot, **options: Any) -> None:
        super().__init__(client, **options)
        self.command_ids: dict[str, int] = {}

    async def interaction_check(self, interaction: discord.Interaction[RiffBot]) -> bool:
        """Log what was asked for, under the id that its work has in the log."""
        if not get_request_id():
            begin_request()
        if interaction.type is discord.InteractionType.application_command:
            name = interaction.command.qualified_name if interaction.command else "?"
            log.info("/%s in server %s", name, interaction.guild_id)
        return True

    async def sync_if_changed(self, state_file: Path) -> bool:
        """Sync the global commands unless they are the same as at the last sync.

        Discord allows 200 command creations a day, and a sync on every start of a bot under
        development uses them up; so the payload's hash is stored in `state_file`, a JSON
        file keyed by application. Returns True when it synced.
        """
        known = _read_state(state_file)
        key = str(self.client.application_id)
        digest = hashlib.sha256(
            json.dumps(await self.payload(), sort_keys=True).encode()
        ).hexdigest()
        if known.get(key) == digest:
            await self._fetch_ids()
            return False
        await self.sync_keeping_entry_point()
        _write_state(state_file, {**known, key: digest})
        return True

    async def payload(self) -> list[dict[str, Any]]:
        """The global commands as they are sent to Discord, with all translations."""
        translator = self.translator
        assert translator is not None, (
            "cogs.system.locales is loaded before the commands are synced"
        )
        return [
            await command.get_translated_payload(self, translator)
            for command in self.get_commands()
        ]

    async def sync_keeping_entry_point(self) -> None:
        """Overwrite the global commands except an Activity's Entry Point command.

        A plain sync is a bulk overwrite that would leave the Entry Point command out and so
        delete it; Discord refuses or forgets the Activity then.
        """
        application = self.client.application_id
        assert application is not None, "the bot is logged in before its commands are synced"
        http = self.client.http
        existing = await http.get_global_commands(application)
        kept: list[Any] = [dict(c) for c in existing if c.get("type") == ENTRY_POINT_COMMAND]
        synced = await http.bulk_upsert_global_commands(application, [*await self.payload(), *kept])
        self.command_ids = _slash_command_ids(synced)

    async def _fetch_ids(self) -> None:
        """Fetch the ids; without them sentences name commands in plain text."""
        assert self.client.application_id is not None
        try:
            known = await self.client.http.get_global_commands(self.client.application_id)
        except discord.HTTPException as error:
            log.info("the commands' ids are not known: %s", error)
        else:
            self.command_ids = _slash_command_ids(known)


class RiffBot(commands.AutoShardedBot):
    """The bot of one process. It does not close the services: the caller does, who opened them.

    Two events of its own tell the cogs about the Discord that it runs in:

        on_host_ready(fallback_channel_id: int | None)
            Servers and channels are known; may come again after a reconnect. The argument is None,
            except in a Discord that begins empty: there it is the channel for what was asked for
            in channels of earlier runs.
        on_host_tick()
            Every few seconds, for whatever is refreshed regularly.

    Args:
        services: engine, library, clip service and settings, opened.

    Attributes:
        has_voice: voice channels carry sound.
        renders_mentions_in_embeds: commands in embeds can be mentions.
        generation_tasks: what is being generated, by the id in its Cancel button's custom id.
        jam_controllers: the jams of the servers, by server id.
        upload_slots: uploads decoded at a time: each may take a hundred megabytes meanwhile.
    """

    has_voice: ClassVar[bool] = True
    renders_mentions_in_embeds: ClassVar[bool] = True

    tree: RiffTree

    def __init__(self, services: Services) -> None:
        super().__init__(
            # Never used: without the message_content intent there are no text commands.
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=_intents(),
            # Prompts are members' words and are repeated in public: they must never ping.
            allowed_mentions=discord.AllowedMentions.none(),
            activity=discord.Activity(type=discord.ActivityType.listening, name="/riff"),
            tree_cls=RiffTree,
            http_trace=trace_requests(services.metrics),
        )
        self.services = services
        self.generation_tasks: dict[str, Stoppable] = {}
        self.jam_controllers: dict[int, JamController] = {}
        self.upload_slots = FileSlots(2)

    def dispatch(self, event_name: str, /, *args: Any, **kwargs: Any) -> None:
        """Give what an event of the gateway starts an id of its own in the log.

        discord.py says `socket_event_type` just before it handles an event, in the same task.
        """
        if event_name == "socket_event_type":
            begin_request()
        super().dispatch(event_name, *args, **kwargs)

    async def setup_hook(self) -> None:
        """Load every cog, then sync the commands."""
        for extension in EXTENSIONS:
            await self.load_extension(extension)
        await self.sync_commands()

    async def sync_commands(self) -> None:
        """Send the commands to Discord if they have changed; a failure is logged."""
        try:
            if await self.tree.sync_if_changed(self.services.settings.data_dir / "commands.json"):
                log.info("the slash commands changed: synced")
        except discord.HTTPException as error:
            # Discord is failing or its daily limit is reached: the old commands go on working.
            log.error("the slash commands could not be synced (%s); the next start tries", error)

    async def shut_down(self) -> None:
        """Stop jams and model while still connected, so that waiting members are told.

        What is not finished stays in the library, and the next start finishes it. Every step has
        a limit, so that all of them fit into `process.STOP_S` where Discord does not answer.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                await self.suspend_jams()
        await self.services.jams.close()  # first, or an engine that stops would end them
        await self.services.engine.close(grace_s=STOP_GRACE_S, last_step_s=STOP_GRACE_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWERS_TIMEOUT_S):
                while self.generation_tasks:  # noqa: ASYNC110  # each ends within an edit or two
                    await asyncio.sleep(0.05)

    async def suspend_jams(self) -> None:
        """Leave all voice channels; the jams stay stored as running, so the next start resumes."""
        controllers, self.jam_controllers = list(self.jam_controllers.values()), {}
        await asyncio.gather(*(one.suspend() for one in controllers), return_exceptions=True)

    async def on_ready(self) -> None:
        """Dispatch `host_ready`; may fire again after a reconnect."""
        log.info("connected as %s, in %d servers", self.user, len(self.guilds))
        self.dispatch("host_ready", None)


async def dispatch_ticks(bot: RiffBot, interval_s: float = TICK_S) -> None:
    """Dispatch `host_tick` until cancelled."""
    while True:
        await asyncio.sleep(interval_s)
        bot.dispatch("host_tick")


def run(settings: Settings) -> None:
    """Run the bot on Discord, and its page, until SIGINT or SIGTERM.

    Raises:
        BadRequest: no token, or Discord does not accept it.
        RiffBotError: the model, the library or the page cannot be opened.
    """
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    token = settings.discord_token
    if token is None:
        raise BadRequest(f"There is no DISCORD_TOKEN; see {settings_example()}.")
    with interrupts.orderly_stop():
        async with open_services(settings) as services, serve_page(services):
            bot = RiffBot(services)
            with handle_stop_signals(services.instance_lock) as stop:
                async with bot:
                    client = asyncio.create_task(bot.start(token.get_secret_value()))
                    ticks = asyncio.create_task(dispatch_ticks(bot))
                    await run_until_stopped(stop, client)
                    ticks.cancel()
                    await bot.shut_down()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(DISCONNECT_TIMEOUT_S):
                            await bot.close()
                    await _raise_client_error(client)


async def _raise_client_error(client: asyncio.Task[None]) -> None:
    try:
        await client
    except asyncio.CancelledError:
        pass
    except discord.LoginFailure as error:
        raise BadRequest(
            "Discord does not accept DISCORD_TOKEN; copy it again from the developer portal."
        ) from error
    except aiohttp.ClientConnectionError as error:
        raise RiffBotError(
            f"Discord cannot be reached ({error}); check the connection and try again."
        ) from error
    except (discord.HTTPException, discord.GatewayNotFound, discord.ConnectionClosed) as error:
        raise RiffBotError(f"Discord does not let RiffBot in just now ({error}).") from error


def _slash_command_ids(commands: Sequence[Any]) -> dict[str, int]:
    slash = discord.AppCommandType.chat_input.value
    return {
        str(command["name"]): int(command["id"])
        for command in commands
        if command.get("type", slash) == slash
    }


def _read_state(state_file: Path) -> dict[str, str]:
    try:
        known = json.loads(state_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # without it the commands are synced once more
    return known if isinstance(known, dict) else {}


def _write_state(state_file: Path, known: dict[str, str]) -> None:
    state_file.parent.mkdir(parents=True, exist_ok=True)
    state_file.write_text(json.dumps(known, indent=2), encoding="utf-8")
