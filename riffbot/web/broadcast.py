"""One jam to many browsers: everything is made once, and whoever is too slow leaves alone.

A `Broadcast` listens to the jam's ring like one listener, puts eight packets (160 ms) into a
message, and hands the same bytes to every `Audience` member's own bounded queue.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from riffbot.errors import Refused
from riffbot.jam.ring import PACKET_SAMPLES
from riffbot.jam.session import JamSession
from riffbot.jam.synthesizer import COLUMN_SAMPLES
from riffbot.jam.timeline import Placement
from riffbot.web import protocol, schema
from riffbot.web.live_ogg import OggBroadcast, OggReader
from riffbot.web.recording import Recording

log = logging.getLogger(__name__)

BATCH = 8
"""Packets of a message: 200 browsers are 1,250 messages a second."""

QUEUE = 64
"""Messages that may wait for one browser, about six seconds; who is further behind is let go."""

RECENT = 5
"""Messages of sound that a newcomer gets at once (0.8 s): playing begins without waiting."""

PAST = 900
"""Columns of the past that a newcomer sees."""

LOOK_AHEAD = 160
"""Columns of a looping bar that are shown before they are heard."""

PULSE_S = 0.5
STATUS_EVERY = 4
"""Pulses after which the status is told although nothing changed."""

Message = bytes | str
Told = Callable[[JamSession], schema.JamStatus]


@dataclass(eq=False)
class Member:
    """One browser that listens.

    Attributes:
        codec: what it can play.
        lost: set when it was too slow.
    """

    codec: schema.Codec
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    _queue: asyncio.Queue[Message | None] = field(default_factory=lambda: asyncio.Queue(QUEUE))

    def offer(self, message: Message | None) -> None:
        """Put a message into its queue, None at the end; never waits."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            self.lost.set()

    async def next(self) -> Message | None:
        """What to send next; None when there is no more."""
        return await self._queue.get()

    @property
    def waiting(self) -> int:
        """Messages that wait."""
        return self._queue.qsize()


class Hub:
    """All browsers of all jams.

    Args:
        limit: how many may listen at a time.
        told: a jam's status as the page gets it.
    """

    def __init__(self, limit: int, told: Told) -> None:
        self._limit = limit
        self._describe = told
        self._broadcasts: dict[str, Broadcast] = {}
        self._oggs: dict[str, OggBroadcast] = {}
        self._recordings: dict[str, tuple[JamSession, Recording]] = {}
        self.dropped = 0

    def join(self, session: JamSession, codec: schema.Codec) -> Member:
        """Let a browser listen. Raises Refused when there is no room."""
        self._check_room()
        broadcast = self._broadcasts.get(session.id)
        if broadcast is None or broadcast.over:
            broadcast = Broadcast(session, self.told, self.recording(session))
            self._broadcasts[session.id] = broadcast
        member = Member(codec)
        broadcast.add(member)
        return member

    def leave(self, session: JamSession, member: Member) -> None:
        """Forget a browser."""
        self.dropped += member.lost.is_set()
        broadcast = self._broadcasts.get(session.id)
        if broadcast is not None:
            broadcast.remove(member)
            if not broadcast.members:
                broadcast.close()
                del self._broadcasts[session.id]
        self._forget()

    def join_ogg(self, session: JamSession) -> OggReader:
        """Let somebody read `live.ogg`. Raises Refused when there is no room."""
        self._check_room()
        broadcast = self._oggs.get(session.id)
        if broadcast is None or broadcast.over:
            broadcast = self._oggs[session.id] = OggBroadcast(session)
        return broadcast.add()

    def leave_ogg(self, session: JamSession, reader: OggReader) -> None:
        """Forget a reader of `live.ogg`."""
        broadcast = self._oggs.get(session.id)
        if broadcast is None:
            return
        broadcast.remove(reader)
        if not broadcast.readers:
            broadcast.close()
            del self._oggs[session.id]

    def _check_room(self) -> None:
        """One limit for every kind of listener. Raises Refused."""
        if self.listeners() >= self._limit:
            raise Refused("So many listen here already that there is no room: please come later.")

    def recording(self, session: JamSession) -> Recording:
        """What was heard of a jam lately; forgotten with the jam."""
        self._forget()
        return self._recordings.setdefault(session.id, (session, Recording()))[1]

    @property
    def remembered(self) -> int:
        """Jams of which it is known what was heard."""
        return len(self._recordings)

    def _forget(self) -> None:
        for jam, (session, _) in list(self._recordings.items()):
            if session.is_ended:
                del self._recordings[jam]

    def listeners(self, session: JamSession | None = None) -> int:
        """How many listen, to one jam or to all, whatever way the sound takes to them."""
        each = [(jam, len(one.members)) for jam, one in self._broadcasts.items()]
        each += [(jam, len(one.readers)) for jam, one in self._oggs.items()]
        return sum(count for jam, count in each if session is None or jam == session.id)

    def close(self) -> None:
        """Send everybody home."""
        for broadcast in self._broadcasts.values():
            broadcast.close()
        for ogg in self._oggs.values():
            ogg.close()

    def told(self, session: JamSession) -> schema.JamStatus:
        """A jam's status, with everybody counted."""
        told = self._describe(session)
        # The ring counts each broadcast as one listener.
        broadcasts = (session.id in self._broadcasts) + (session.id in self._oggs)
        told["listeners"] += max(0, self.listeners(session) - broadcasts)
        return told


class Broadcast:
    """One jam on its way to its members; runs from the first of them to the last."""

    def __init__(self, session: JamSession, told: Told, recording: Recording) -> None:
        self.members: set[Member] = set()
        self._live: set[Member] = set()  # those who know what was before
        self._introductions: set[asyncio.Task[None]] = set()
        self.over = False
        self._session = session
        self._told = told
        self._recording = recording
        self._known: tuple[Placement, ...] = ()
        self._shown = 0
        self._recent: deque[dict[schema.Codec, bytes]] = deque(maxlen=RECENT)
        self._status = ""
        self._tasks = [
            asyncio.create_task(self._sound()),
            asyncio.create_task(self._pulse()),
        ]

    def add(self, member: Member) -> None:
        """Welcome somebody: what was lately, then everything that comes."""
        self.members.add(member)
        member.offer(json.dumps(protocol.hello(member.codec, self._session.meter)))
        task = asyncio.get_running_loop().create_task(self._introduce(member))
        self._introductions.add(task)
        task.add_done_callback(self._introductions.discard)

    def remove(self, member: Member) -> None:
        """Forget somebody."""
        self.members.discard(member)
        self._live.discard(member)

    def close(self) -> None:
        """End it for everybody."""
        self.over = True
        for task in self._tasks:
            task.cancel()
        for member in self.members:
            member.offer(None)

    async def _introduce(self, member: Member) -> None:
        seen: tuple[object, ...] = ()
        sent: list[dict[schema.Codec, bytes]] = []
        # What is planned and what is shown of it may change meanwhile.
        while seen != (state := (self._known, self._shown)):
            seen = state
            status, tiles = await asyncio.to_thread(self._scene)
            member.offer(status)
            for message in tiles:
                member.offer(message)
            while missing := [sound for sound in self._recent if sound not in sent]:
                for sound in missing:
                    member.offer(await self._as(member.codec, sound))
                sent += missing
        # Without a pause since the last look, so that nothing falls in between.
        if member in self.members:
            self._live.add(member)
        if self.over:
            member.offer(None)

    def _scene(self) -> tuple[str, list[bytes]]:
        entries = self._session.reader.placements()
        if not entries:
            return self._status_text(), []
        head = self._session.ring.head * PACKET_SAMPLES // COLUMN_SAMPLES
        first = max(entries[0].start, head - PAST)
        last = max(entries[-1].end, head + LOOK_AHEAD)
        return self._status_text(), self._tiles(first, last)

    def _tiles(self, first: int, last: int) -> list[bytes]:
        try:
            return (
                protocol.tiles(first, self._session.reader.read_pixels(first, last))
                if last > first
                else []
            )
        except LookupError:  # forgotten meanwhile
            return []

    def _status_text(self) -> str:
        message: schema.StatusMessage = {
            "type": "status",
            **self._told(self._session),
            "timeline": protocol.timeline(self._session.reader.placements()[-12:]),
        }
        return json.dumps(message, ensure_ascii=False)

    def _tell(self, message: Message) -> None:
        for member in self._live:
            member.offer(message)

    # -- the tasks --------------------------------------------------------------------------------

    async def _sound(self) -> None:
        batch: list[bytes] = []
        first = 0
        try:
            with self._session.ring.listen() as listener:
                async for position, packet in listener.with_positions():
                    if batch and position != first + len(batch):
                        await self._send_sound(first, batch)
                        batch = []
                    first = position - len(batch)
                    batch.append(packet)
                    if len(batch) == BATCH:
                        await self._send_sound(first, batch)
                        batch = []
        except Exception:
            log.exception("the broadcast of jam %s broke", self._session.id)
        # The ring ended, so the jam did: its last word, then the end.
        status = await asyncio.to_thread(self._status_text)
        self._tell(status)
        self.close()

    async def _send_sound(self, first: int, packets: list[bytes]) -> None:
        sound: dict[schema.Codec, bytes] = {"opus": protocol.opus(first, packets)}
        self._recent.append(sound)
        self._recording.add(sound["opus"])
        if any(member.codec == "pcm" for member in self._live):
            await self._as("pcm", sound)
        for member in self._live:
            if member.codec in sound:  # who came in this moment has it already
                member.offer(sound[member.codec])

    async def _as(self, codec: schema.Codec, sound: dict[schema.Codec, bytes]) -> bytes:
        """A message of sound for a codec; the rarer one is made when it is first wanted."""
        if codec not in sound:
            _, _, count, _, place = protocol.HEAD.unpack_from(sound["opus"])
            first = round(place)
            last = first + count * PACKET_SAMPLES
            begins, samples = await asyncio.to_thread(
                self._session.reader.read_samples, first, last
            )
            sound[codec] = protocol.pcm(begins, samples)
        return sound[codec]

    async def _pulse(self) -> None:
        """Tell what plays and comes when it changes, and show what is planned."""
        since = 0
        while True:
            try:
                status, tiles = await asyncio.to_thread(self._news)
            except Exception:
                log.exception("jam %s could not be told", self._session.id)
                status, tiles = self._status, []
            since += 1
            for message in tiles:
                self._tell(message)
            if _essence(status) != _essence(self._status) or since >= STATUS_EVERY:
                since = 0
                self._status = status
                self._tell(status)
            await asyncio.sleep(PULSE_S)

    def _news(self) -> tuple[str, list[bytes]]:
        entries = tuple(self._session.reader.placements())
        head = self._session.ring.head * PACKET_SAMPLES // COLUMN_SAMPLES
        fresh = [entry for entry in entries if entry not in self._known]
        tiles = []
        if fresh:
            self._known = entries
            # A chunk that was late comes in behind a bar that looped, which is to be seen, too.
            first = max(entries[0].start, head - PAST, min(fresh[0].start, self._shown))
            tiles += self._tiles(first, entries[-1].end)
            self._shown = entries[-1].end
        if entries and head + LOOK_AHEAD // 2 > self._shown:  # the last bar loops
            tiles += self._tiles(self._shown, head + LOOK_AHEAD)
            self._shown = head + LOOK_AHEAD
        return self._status_text(), tiles


_CLOCKS = ("played_s", "buffer_s", "real_time_factor", "shares", "head")


def _essence(status: str) -> dict[str, Any]:
    """A status without what changes all the time."""
    told: dict[str, Any] = json.loads(status) if status else {}
    return {name: value for name, value in told.items() if name not in _CLOCKS} | {
        "votes": [(share["prompt"], share["votes"]) for share in told.get("shares", ())]
    }
