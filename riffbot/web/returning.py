"""Private jams after a restart: whoever has the link and comes back finds theirs going on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from riffbot.errors import NotFound
from riffbot.jam.session import JamSession
from riffbot.services import Services


class Returning:
    """Finds jams by their id, those that a restart interrupted included.

    Args:
        services: the jams among them.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._since = datetime.now(UTC)
        self._lock = asyncio.Lock()  # two tabs that come back begin it once

    async def find(self, jam_id: str) -> JamSession:
        """The jam of this name; a private one that waits in the library goes on.

        Raises:
            NotFound: it is over.
            Refused, ModelError, GenerationFailed, StorageError: it cannot go on just now.
        """
        jams = self._services.jams
        async with self._lock:
            if (session := jams.by_id(jam_id)) is not None:
                return session
            for slot, waiting in (await self.waiting()).items():
                if waiting == jam_id and jams.get(slot) is None:
                    return await jams.resume(slot, paced_by="clock")
        raise NotFound("This jam is over.")

    async def waiting(self) -> dict[int, str]:
        """The private jams that the library could go on with: their slots and names.

        Only those that were there before this start: what is stopped now is over, however late its
        end is written down.
        """
        unfinished = await self._services.jams.unfinished()
        rows = {row.guild_id: row.id for row in unfinished if row.updated_at < self._since}
        slots = range(-self._services.settings.page_jams, 0)
        return {slot: rows[slot] for slot in slots if slot in rows}
