"""Stores jams in the library while they play, so that a restart can resume them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from riffbot.errors import RiffBotError, StorageError
from riffbot.jam.loop_thread import LoopThread
from riffbot.jam.registry import JamRegistry
from riffbot.jam.session import JamSession
from riffbot.library.connection import database_url
from riffbot.library.database import Database
from riffbot.library.files import Files
from riffbot.library.jam_record import JamKey, JamRecord, StoredJamStatus
from riffbot.library.jams import JamRepository
from riffbot.settings import Settings

log = logging.getLogger(__name__)


class JamSaver:
    """Stores jams on connections of its own, which belong to the jams' loop.

    Args:
        registry: a jam is stored as long as it is registered.
        loop: the jams' loop; all but `schedule` may be awaited on any loop.
        settings: name the database.
        files: of the library.

    Attributes:
        is_closing: RiffBot is stopping: what is stored now is what a restart resumes.
    """

    def __init__(
        self, registry: JamRegistry, loop: LoopThread, settings: Settings, files: Files
    ) -> None:
        self._registry = registry
        self._loop = loop
        self._settings = settings
        self._files = files
        self._database: Database | None = None
        self._saving: dict[str, asyncio.Task[None]] = {}
        self._changed: set[str] = set()
        self.is_closing = False

    @property
    def is_open(self) -> bool:
        """Whether there are connections to close."""
        return self._database is not None

    @property
    def is_saving(self) -> bool:
        """Whether a jam is being stored."""
        return bool(self._saving)

    # -- stored jams ------------------------------------------------------------------------------

    async def find_unfinished(self) -> Sequence[JamRecord]:
        """Stored jams that are running or paused and that this process does not have."""

        async def find() -> Sequence[JamRecord]:
            if self.is_closing:  # asked before the stop, answered during it
                return []
            playing = {session.id for session in self._registry.all()}
            records = await self._open_repository().find_unfinished()
            return [record for record in records if record.id not in playing]

        return [] if self.is_closing else await self._loop.run(find())

    async def find_latest(self, key: JamKey) -> JamRecord | None:
        """The newest stored jam of a key."""

        async def find() -> JamRecord | None:
            return await self._open_repository().find_latest(key)

        return await self._loop.run(find())

    async def mark_paused(self, record: JamRecord) -> None:
        """Change a stored jam to paused, so that the next start does not resume it by itself."""

        async def mark() -> None:
            await self._open_repository().mark_paused(record.id)

        if not self.is_closing:  # what a stop interrupts is resumed by the next start
            await self._loop.run(mark())

    # -- saving -----------------------------------------------------------------------------------

    def schedule(self, session: JamSession) -> None:
        """Store a jam soon; changes that come while it is being stored are stored once more.

        Called on the jams' loop.
        """
        if not self._registry.has_starter(session):
            return
        self._changed.add(session.id)
        if session.id not in self._saving and not self.is_closing:
            task = asyncio.get_running_loop().create_task(self._save_while_changed(session))
            self._saving[session.id] = task

    async def save(self, session: JamSession, status: StoredJamStatus | None = None) -> None:
        """Store a jam now, as `status` or as what it is."""
        await self._loop.run(self._save(session, status))

    async def wait_saved(self, session: JamSession) -> None:
        """Wait until nothing of a jam is being stored."""

        async def wait() -> None:
            if (task := self._saving.get(session.id)) is not None:
                await asyncio.wait([task])

        await self._loop.run(wait())

    async def wait_all_saved(self) -> None:
        """Wait until no jam is being stored. Called on the jams' loop."""
        if self._saving:
            await asyncio.wait(list(self._saving.values()))

    async def close(self) -> None:
        """Close the connections. Called on the jams' loop."""
        if self._database is not None:
            await self._database.close()

    def _open_repository(self) -> JamRepository:
        if self._database is None:
            if self.is_closing:  # nobody would close it any more
                raise StorageError("RiffBot is stopping: please try again when it is back.")
            self._database = Database(database_url(self._settings.database), self._files)
        return JamRepository(self._database)

    async def _save_while_changed(self, session: JamSession) -> None:
        ended = False
        try:
            while session.id in self._changed:
                self._changed.discard(session.id)
                ended = session.is_ended
                await self._save(session)
        finally:
            self._saving.pop(session.id, None)
        # A jam that ended while an older snapshot was stored is only forgotten after its end is.
        if ended:
            self._registry.remove(session)

    async def _save(self, session: JamSession, status: StoredJamStatus | None = None) -> None:
        if not self._registry.has_starter(session):
            return  # its end is stored, and its starter is not known any more
        try:
            await self._open_repository().save(self._record_of(session, status))
        except RiffBotError as error:  # the music goes on; the next change tries again
            log.warning("jam %s could not be stored: %s", session.id, error)

    def _record_of(self, session: JamSession, status: StoredJamStatus | None) -> JamRecord:
        status = status or session.stored_status
        starter = self._registry.get_starter(session)
        # The synthesizer's state is worth its bytes only where the sound is really resumed from it.
        sound = status is StoredJamStatus.PAUSED or self.is_closing
        return JamRecord(
            id=session.id,
            key=session.key,
            voice_channel_id=session.channels.voice_channel_id,
            text_channel_id=session.channels.text_channel_id,
            message_id=session.channels.message_id,
            starter_id=starter.user_id if starter else None,
            starter_name=starter.name if starter else None,
            bitrate=session.reader.bitrate,
            seed_image=session.seed_image,
            status=status,
            snapshot=session.reader.snapshot(sound=sound).model_dump_json(),
        )
