"""Private jams after a restart: whoever has the link and comes back finds theirs going on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from riffbot.errors import NotFound
from riffbot.jam.session import JamSession
from riffbot.library.jam_record import JamKey, PageJam
from riffbot.services import Services


class Returning:
    """Finds jams by their id, those that a restart interrupted included.

    Args:
        services: the jams among them.

    Attributes:
        busy: slots whose jam is coming back just now.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._since = datetime.now(UTC)
        self._waiting: dict[JamKey, str] | None = None
        self._reading = asyncio.Lock()
        self._turns: dict[str, asyncio.Lock] = {}  # two tabs that come back begin it once
        self.busy: set[JamKey] = set()

    async def find(self, jam_id: str, admit: Callable[[], None]) -> JamSession:
        """The jam of this name; a private one that waits in the library goes on.

        Args:
            jam_id: its name.
            admit: called before anything is looked for that does not play; may refuse.

        Raises:
            NotFound: it is over.
            Refused, ModelError, GenerationFailed, StorageError: it cannot go on just now.
        """
        session = self._services.jams.get_by_id(jam_id)
        if session is not None and jam_id not in (self._waiting or {}).values():
            return session
        admit()
        if jam_id not in (await self.waiting()).values():
            raise NotFound("This jam is over.")
        async with self._turns.setdefault(jam_id, asyncio.Lock()):
            return self._services.jams.get_by_id(jam_id) or await self._resumed(jam_id)

    async def _resumed(self, jam_id: str) -> JamSession:
        waiting = await self.waiting()
        # From here on nothing waits until the slot is taken: no other jam begins there meanwhile.
        slot = next((slot for slot, name in waiting.items() if name == jam_id), None)
        if slot is None or self._services.jams.get(slot) is not None:
            raise NotFound("This jam is over.")
        self.busy.add(slot)
        try:
            session = await self._services.jams.resume(slot, paced_by="clock")
        finally:
            self.busy.discard(slot)
        self.taken(slot)
        return session

    def keeps(self, slot: JamKey) -> bool:
        """Whether a jam waits in this slot, as far as is known (`waiting`)."""
        return slot in (self._waiting or {})

    def taken(self, slot: JamKey) -> None:
        """A jam plays in this slot: the one that waited there plays or is over."""
        name = (self._waiting or {}).pop(slot, None)
        if name is not None:
            self._turns.pop(name, None)

    async def waiting(self) -> dict[JamKey, str]:
        """The private jams that the library could go on with: their slots and names.

        Only those that were there before this start: what is stopped now is over, however late its
        end is written down. So the library is asked once.
        """
        async with self._reading:
            if self._waiting is None:
                unfinished = await self._services.jams.find_unfinished()
                rows = {row.key: row.id for row in unfinished if row.updated_at < self._since}
                count = self._services.settings.page_jams
                slots = [PageJam(slot) for slot in range(count, 0, -1)]
                self._waiting = {slot: rows[slot] for slot in slots if slot in rows}
            return self._waiting
