"""All listeners of all jams on the page, whether over WebSocket or `live.ogg`, and their limit."""

from __future__ import annotations

from collections.abc import Callable

from riffbot.errors import Refused
from riffbot.jam.session import JamSession
from riffbot.web import schema
from riffbot.web.broadcast import JamBroadcast
from riffbot.web.browser_queue import BrowserQueue
from riffbot.web.live_ogg import OggBroadcast, OggQueue
from riffbot.web.recording import Recording

SerializeJam = Callable[[JamSession], schema.JamStatus]


class Broadcaster:
    """Broadcasts jams: one broadcast a jam and kind, from its first listener to its last.

    Args:
        limit: most listeners of all jams together.
        serialize: returns a jam's status as JSON, without the listeners of this broadcaster.

    Attributes:
        dropped: how many browsers were dropped as too slow since the start.
    """

    def __init__(self, limit: int, serialize: SerializeJam) -> None:
        self._limit = limit
        self._serialize = serialize
        self._broadcasts: dict[str, JamBroadcast] = {}
        self._oggs: dict[str, OggBroadcast] = {}
        self._recordings: dict[str, tuple[JamSession, Recording]] = {}
        self.dropped = 0

    def join(self, session: JamSession, codec: schema.Codec) -> BrowserQueue:
        """Add a browser that listens over WebSocket. Raises Refused when there is no room."""
        self._check_room()
        broadcast = self._broadcasts.get(session.id)
        if broadcast is None or broadcast.has_ended:
            broadcast = JamBroadcast(session, self.get_status, self.get_recording(session))
            self._broadcasts[session.id] = broadcast
        browser = BrowserQueue(codec)
        broadcast.add(browser)
        return browser

    def leave(self, session: JamSession, browser: BrowserQueue) -> None:
        """Remove a browser; the broadcast ends with its last one."""
        self.dropped += browser.overflowed.is_set()
        broadcast = self._broadcasts.get(session.id)
        if broadcast is not None:
            broadcast.remove(browser)
            if not broadcast.browsers:
                broadcast.close()
                del self._broadcasts[session.id]
        self._forget_ended()

    def join_ogg(self, session: JamSession) -> OggQueue:
        """Add a reader of `live.ogg`. Raises Refused when there is no room."""
        self._check_room()
        broadcast = self._oggs.get(session.id)
        if broadcast is None or broadcast.has_ended:
            broadcast = self._oggs[session.id] = OggBroadcast(session)
        return broadcast.add()

    def leave_ogg(self, session: JamSession, reader: OggQueue) -> None:
        """Remove a reader of `live.ogg`; the broadcast ends with its last one."""
        broadcast = self._oggs.get(session.id)
        if broadcast is None:
            return
        broadcast.remove(reader)
        if not broadcast.readers:
            broadcast.close()
            del self._oggs[session.id]

    def get_recording(self, session: JamSession) -> Recording:
        """The recording of what was heard of a jam; it is forgotten with the jam."""
        self._forget_ended()
        return self._recordings.setdefault(session.id, (session, Recording()))[1]

    @property
    def recordings(self) -> int:
        """How many jams have a recording."""
        return len(self._recordings)

    def listeners(self, session: JamSession | None = None) -> int:
        """How many listeners one jam or all jams have, over WebSocket and `live.ogg` together."""
        each = [(jam, len(one.browsers)) for jam, one in self._broadcasts.items()]
        each += [(jam, len(one.readers)) for jam, one in self._oggs.items()]
        return sum(count for jam, count in each if session is None or jam == session.id)

    def get_status(self, session: JamSession) -> schema.JamStatus:
        """A jam's status as JSON, with all listeners counted."""
        status = self._serialize(session)
        # The ring counts each broadcast as one listener.
        broadcasts = (session.id in self._broadcasts) + (session.id in self._oggs)
        status["listeners"] += max(0, self.listeners(session) - broadcasts)
        return status

    def close(self) -> None:
        """End all broadcasts."""
        for broadcast in self._broadcasts.values():
            broadcast.close()
        for ogg in self._oggs.values():
            ogg.close()

    def _check_room(self) -> None:
        """Check the limit of listeners of all kinds together. Raises Refused."""
        if self.listeners() >= self._limit:
            raise Refused("So many listen here already that there is no room: please come later.")

    def _forget_ended(self) -> None:
        for jam, (session, _) in list(self._recordings.items()):
            if session.is_ended:
                del self._recordings[jam]
