"""RiffBot on Discord: the client that carries the services, loads the cogs and syncs commands.

What the bot says and does lives in `cogs/`; what it computes lives behind `Services`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from riffbot import interrupts
from riffbot.errors import BadRequest, RiffBotError
from riffbot.file_threads import FileSlots
from riffbot.inference.engine.engine import STOP_GRACE_S
from riffbot.process import handle_stop_signals, run_until_stopped, serve_page
from riffbot.services import Services, open_services
from riffbot.settings import Settings

log = logging.getLogger(__name__)

# The words and the error table first: the cogs' commands are synced with one and answered by the
# other. A cog that does not load stops the start: half a bot that looks alive helps nobody.
EXTENSIONS = (
    "cogs.system.locales",
    "cogs.system.errors",
    "cogs.riff.cog",
    "cogs.jam.cog",
    "cogs.server",
    "cogs.edit.remix",
    "cogs.edit.compose",
    "cogs.library.cog",
    "cogs.system.threads",
    "cogs.privacy",
    "cogs.guide.cog",
    "cogs.system.recovery",
)

ACCENT = discord.Colour(0xF2683C)
"""RiffBot's colour: the warm end of the spectrogram's colour map."""

GOODBYE_S = 5.0

ENTRY_POINT = 4
"""Command type of an Activity's launcher, which discord.py 2.7 cannot express."""


def _intents() -> discord.Intents:
    # Nothing privileged: guilds fill the channel cache, voice_states let a voice client connect.
    intents = discord.Intents.none()
    intents.guilds = True
    intents.voice_states = True
    return intents


class Stoppable(Protocol):
    """Work that a Cancel button can take back."""

    async def stop(self) -> None:
        """Take back what is not finished yet."""


class RiffTree(app_commands.CommandTree["RiffBot"]):
    """A command tree that syncs only when there is something new to say.

    Attributes:
        ids: of the slash commands as Discord has them, by name; empty until it has told them.
    """

    def __init__(self, client: RiffBot, **options: Any) -> None:
        super().__init__(client, **options)
        self.ids: dict[str, int] = {}

    async def sync_if_changed(self, memory: Path) -> bool:
        """Sync the global commands unless Discord has them from the last time.

        Discord allows 200 command creations a day, and a sync on every start of a bot under
        development uses them up; so the payload's hash is remembered in `memory`, a JSON file
        keyed by application. Returns True when it synced.
        """
        known = _read(memory)
        key = str(self.client.application_id)
        digest = hashlib.sha256(
            json.dumps(await self.payload(), sort_keys=True).encode()
        ).hexdigest()
        if known.get(key) == digest:
            await self._learn_ids()
            return False
        await self.sync_keeping_entry_point()
        _write(memory, {**known, key: digest})
        return True

    async def payload(self) -> list[dict[str, Any]]:
        """The global commands as Discord will be told, every language included."""
        translator = self.translator
        assert translator is not None, (
            "cogs.system.locales is loaded before the commands are synced"
        )
        return [
            await command.get_translated_payload(self, translator)
            for command in self.get_commands()
        ]

    async def sync_keeping_entry_point(self) -> None:
        """Overwrite the global commands, all but an Activity's Entry Point command.

        A plain sync is a bulk overwrite that would leave the Entry Point command out and so
        delete it; Discord refuses or forgets the Activity then.
        """
        application = self.client.application_id
        assert application is not None, "the bot is logged in before its commands are synced"
        http = self.client.http
        existing = await http.get_global_commands(application)
        kept: list[Any] = [dict(c) for c in existing if c.get("type") == ENTRY_POINT]
        synced = await http.bulk_upsert_global_commands(application, [*await self.payload(), *kept])
        self.ids = _ids(synced)

    async def _learn_ids(self) -> None:
        """Ask for the ids; without them sentences name commands in plain text."""
        assert self.client.application_id is not None
        try:
            known = await self.client.http.get_global_commands(self.client.application_id)
        except discord.HTTPException as error:
            log.info("the commands' ids are not known: %s", error)
        else:
            self.ids = _ids(known)


class RiffBot(commands.AutoShardedBot):
    """The bot of one process. It owns no service: whoever opened them closes them.

    Args:
        services: engine, library, clip service and settings, opened.
        simulated: this is a local Discord, which begins empty: the commands are synced at every
            start, and what was promised in an older world waits until this one is furnished.
    """

    tree: RiffTree

    def __init__(self, services: Services, *, simulated: bool = False) -> None:
        super().__init__(
            # Never used: without the message_content intent there are no text commands.
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=_intents(),
            # Prompts are members' words and are repeated in public: they must never ping.
            allowed_mentions=discord.AllowedMentions.none(),
            activity=discord.Activity(type=discord.ActivityType.listening, name="/riff"),
            tree_cls=RiffTree,
        )
        self.services = services
        self.sessions: dict[str, Stoppable] = {}
        """What is being made right now, by the name that its Cancel button carries."""
        self.stages: dict[int, Any] = {}
        """The jam of each server (`cogs.jam._controller.Stage`), by the server's id."""
        self.simulated = simulated
        self.reading = FileSlots(2)
        """Uploads that are decoded at a time: each may take a hundred megabytes while it lasts."""

    async def setup_hook(self) -> None:
        """Load every cog, then tell Discord the commands if they changed."""
        for extension in EXTENSIONS:
            await self.load_extension(extension)
        if self.simulated:
            await self.tree.sync_keeping_entry_point()
            return
        try:
            if await self.tree.sync_if_changed(self.services.settings.data_dir / "commands.json"):
                log.info("the slash commands changed: synced")
        except discord.HTTPException as error:
            # A bad day at Discord or its daily limit: the commands it has go on working.
            log.error("the slash commands could not be synced (%s); the next start tries", error)

    async def say_goodbye(self) -> None:
        """Stop the model while Discord still listens: whoever waits is told that it goes on later.

        The library keeps what is not done, and the next start finishes it.
        """
        await self.leave_stages()
        await self.services.jams.close()  # first, or an engine that stops would end them
        await self.services.engine.close(grace_s=STOP_GRACE_S, last_step_s=STOP_GRACE_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                while self.sessions:  # noqa: ASYNC110  # each ends by itself within an edit or two
                    await asyncio.sleep(0.05)

    async def leave_stages(self) -> None:
        """Leave all voice channels; the library believes that the jams play, so they come back."""
        stages, self.stages = list(self.stages.values()), {}
        await asyncio.gather(*(stage.goodbye() for stage in stages), return_exceptions=True)

    async def on_ready(self) -> None:
        """Log who and where; may fire again after a reconnect."""
        if not self.simulated:  # that one is always this computer's, under a name for tests
            log.info("connected as %s, in %d servers", self.user, len(self.guilds))


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
        raise BadRequest("There is no DISCORD_TOKEN; see .env.example.")
    with interrupts.orderly_stop():
        async with open_services(settings) as services, serve_page(services):
            bot = RiffBot(services)
            with handle_stop_signals(services.instance_lock) as stop:
                async with bot:
                    client = asyncio.create_task(bot.start(token.get_secret_value()))
                    await run_until_stopped(stop, client)
                    await bot.say_goodbye()
                    await bot.close()
                    await _outcome(client)


async def _outcome(client: asyncio.Task[None]) -> None:
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


def _ids(commands: Sequence[Any]) -> dict[str, int]:
    slash = discord.AppCommandType.chat_input.value
    return {
        str(command["name"]): int(command["id"])
        for command in commands
        if command.get("type", slash) == slash
    }


def _read(memory: Path) -> dict[str, str]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # a lost memory costs one sync
    return known if isinstance(known, dict) else {}


def _write(memory: Path, known: dict[str, str]) -> None:
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_text(json.dumps(known, indent=2), encoding="utf-8")
