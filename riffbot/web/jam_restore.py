"""Restores private jams that a restart interrupted, when a browser asks for their link."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from riffbot.errors import NotFound
from riffbot.jam.session import JamSession
from riffbot.library.jam_record import JamKey, PageJam
from riffbot.services import Services


class JamRestorer:
    """Finds jams by their id, and restores those that a restart interrupted.

    Args:
        services: the jams among them.

    Attributes:
        restoring: slots whose jam is being restored just now.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._since = datetime.now(UTC)
        self._waiting: dict[JamKey, str] | None = None
        self._read_lock = asyncio.Lock()
        self._locks: dict[str, asyncio.Lock] = {}  # two tabs that come back restore a jam once
        self.restoring: set[JamKey] = set()

    async def find(self, jam_id: str, admit: Callable[[], None]) -> JamSession:
        """The jam with this id; a private one that waits in the library is restored.

        Args:
            jam_id: the jam's id.
            admit: called before the library is asked for a jam that does not play; may refuse.

        Raises:
            NotFound: it is over.
            Refused, ModelError, GenerationFailed, StorageError: it cannot go on just now.
        """
        session = self._services.jams.get_by_id(jam_id)
        if session is not None and jam_id not in (self._waiting or {}).values():
            return session
        admit()
        if jam_id not in (await self.get_waiting()).values():
            raise NotFound("This jam is over.")
        async with self._locks.setdefault(jam_id, asyncio.Lock()):
            return self._services.jams.get_by_id(jam_id) or await self._restore(jam_id)

    async def _restore(self, jam_id: str) -> JamSession:
        waiting = await self.get_waiting()
        # Nothing is awaited from here until the slot is taken: no other jam starts there meanwhile.
        slot = next((slot for slot, name in waiting.items() if name == jam_id), None)
        if slot is None or self._services.jams.get(slot) is not None:
            raise NotFound("This jam is over.")
        self.restoring.add(slot)
        try:
            session = await self._services.jams.resume(slot, paced_by="clock")
        finally:
            self.restoring.discard(slot)
        self.mark_taken(slot)
        return session

    def has_waiting(self, slot: JamKey) -> bool:
        """Whether a jam of this slot can be restored, as far as is known (`get_waiting`)."""
        return slot in (self._waiting or {})

    def mark_taken(self, slot: JamKey) -> None:
        """Note that a jam plays in this slot, so that none waits there any more."""
        name = (self._waiting or {}).pop(slot, None)
        if name is not None:
            self._locks.pop(name, None)

    async def get_waiting(self) -> dict[JamKey, str]:
        """The private jams that can be restored: slot → id.

        Only those from before this start of RiffBot: one that is stopped now is over, however late
        its end is written into the database. So the database is asked once.
        """
        async with self._read_lock:
            if self._waiting is None:
                unfinished = await self._services.jams.find_unfinished()
                rows = {row.key: row.id for row in unfinished if row.updated_at < self._since}
                count = self._services.settings.page_jams
                slots = [PageJam(slot) for slot in range(count, 0, -1)]
                self._waiting = {slot: rows[slot] for slot in slots if slot in rows}
            return self._waiting
