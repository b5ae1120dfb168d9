"""One jam to many browsers over WebSocket: each message is encoded once for all of them.

A `JamBroadcast` listens to the jam's packet ring as one listener, puts eight packets (160 ms) into
a message, and puts the same bytes into every browser's own bounded queue. A browser that is too
slow loses its own connection only.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from riffbot.jam.ring import PACKET_SAMPLES
from riffbot.jam.session import JamSession
from riffbot.jam.synthesizer import COLUMN_SAMPLES
from riffbot.jam.timeline import Placement
from riffbot.web import protocol, schema
from riffbot.web.browser_queue import BrowserQueue, Message
from riffbot.web.recording import Recording

log = logging.getLogger(__name__)

BATCH = 8
"""Packets in a message: for 200 browsers that is 1,250 messages a second."""

RECENT = 5
"""Messages of sound that a new browser gets at once (0.8 s): playing starts without waiting."""

PAST = 900
"""Columns of the past that a new browser gets."""

LOOK_AHEAD = 160
"""Columns of a repeating bar that are sent before they are heard."""

POLL_S = 0.5
"""Seconds between two polls of the jam's status and plan."""

STATUS_EVERY = 4
"""Polls after which the status is sent although nothing changed."""

_VOLATILE_FIELDS = ("played_s", "buffer_s", "real_time_factor", "shares", "head")
"""Fields of a status that change all the time."""


class JamBroadcast:
    """Sends one jam to its browsers; runs from the first of them to the last.

    Args:
        session: the jam.
        get_status: the jam's status as JSON.
        recording: gets every message of sound.

    Attributes:
        browsers: the queues of the browsers that listen.
        has_ended: whether the jam or the broadcast is over.
    """

    def __init__(
        self,
        session: JamSession,
        get_status: Callable[[JamSession], schema.JamStatus],
        recording: Recording,
    ) -> None:
        self.browsers: set[BrowserQueue] = set()
        self.has_ended = False
        self._live: set[BrowserQueue] = set()  # those that have got the past already
        self._introductions: set[asyncio.Task[None]] = set()
        self._session = session
        self._get_status = get_status
        self._recording = recording
        self._sent_placements: tuple[Placement, ...] = ()
        self._sent_until = 0  # column up to which tiles were sent
        self._recent: deque[dict[schema.Codec, bytes]] = deque(maxlen=RECENT)
        self._last_status = ""
        self._tasks = [
            asyncio.create_task(self._send_sound()),
            asyncio.create_task(self._poll()),
        ]

    def add(self, browser: BrowserQueue) -> None:
        """Add a browser: it gets the hello, the recent past, then everything that follows."""
        self.browsers.add(browser)
        browser.put(json.dumps(protocol.hello_message(browser.codec, self._session.loop_grid)))
        task = asyncio.get_running_loop().create_task(self._introduce(browser))
        self._introductions.add(task)
        task.add_done_callback(self._introductions.discard)

    def remove(self, browser: BrowserQueue) -> None:
        """Stop sending to a browser."""
        self.browsers.discard(browser)
        self._live.discard(browser)

    def close(self) -> None:
        """End the broadcast for all browsers."""
        self.has_ended = True
        for task in self._tasks:
            task.cancel()
        for browser in self.browsers:
            browser.put(None)

    async def _introduce(self, browser: BrowserQueue) -> None:
        """Send the recent past to a new browser, then make it live."""
        before: tuple[object, ...] = ()
        sent: list[dict[schema.Codec, bytes]] = []
        # The plan, and what was sent of it, may change meanwhile.
        while before != (now := (self._sent_placements, self._sent_until)):
            before = now
            status, tiles = await asyncio.to_thread(self._encode_past)
            browser.put(status)
            for message in tiles:
                browser.put(message)
            while missing := [sound for sound in self._recent if sound not in sent]:
                for sound in missing:
                    browser.put(await self._transcode(browser.codec, sound))
                sent += missing
        # No await since the last comparison, so that nothing is missed in between.
        if browser in self.browsers:
            self._live.add(browser)
        if self.has_ended:
            browser.put(None)

    def _encode_past(self) -> tuple[str, list[bytes]]:
        placements = self._session.reader.placements()
        if not placements:
            return self._encode_status(), []
        head = self._head_column()
        first = max(placements[0].start, head - PAST)
        last = max(placements[-1].end, head + LOOK_AHEAD)
        return self._encode_status(), self._encode_tiles(first, last)

    def _encode_tiles(self, first: int, last: int) -> list[bytes]:
        if last <= first:
            return []
        try:
            return protocol.encode_tiles(first, self._session.reader.read_pixels(first, last))
        except LookupError:  # forgotten meanwhile
            return []

    def _encode_status(self) -> str:
        message: schema.StatusMessage = {
            "type": "status",
            **self._get_status(self._session),
            "timeline": protocol.serialize_timeline(self._session.reader.placements()[-12:]),
        }
        return json.dumps(message, ensure_ascii=False)

    def _head_column(self) -> int:
        return self._session.ring.head * PACKET_SAMPLES // COLUMN_SAMPLES

    def _send(self, message: Message) -> None:
        for browser in self._live:
            browser.put(message)

    # -- sound -------------------------------------------------------------------------------------

    async def _send_sound(self) -> None:
        """Send the ring's packets in batches until the jam ends."""
        batch: list[bytes] = []
        first = 0
        try:
            with self._session.ring.listen() as listener:
                async for packet_index, packet in listener.with_positions():
                    if batch and packet_index != first + len(batch):
                        await self._send_batch(first, batch)
                        batch = []
                    first = packet_index - len(batch)
                    batch.append(packet)
                    if len(batch) == BATCH:
                        await self._send_batch(first, batch)
                        batch = []
        except Exception:
            log.exception("the broadcast of jam %s broke", self._session.id)
        # The ring has ended, and so has the jam: its last status, then the end.
        self._send(await asyncio.to_thread(self._encode_status))
        self.close()

    async def _send_batch(self, first: int, packets: list[bytes]) -> None:
        sound: dict[schema.Codec, bytes] = {"opus": protocol.encode_opus(first, packets)}
        self._recent.append(sound)
        self._recording.add(sound["opus"])
        if any(browser.codec == "pcm" for browser in self._live):
            await self._transcode("pcm", sound)
        for browser in self._live:
            if browser.codec in sound:  # one that became live in this moment has it already
                browser.put(sound[browser.codec])

    async def _transcode(self, codec: schema.Codec, sound: dict[schema.Codec, bytes]) -> bytes:
        """A message of sound in a codec; PCM is only encoded where a browser needs it."""
        if codec not in sound:
            _, _, count, _, place = protocol.HEADER.unpack_from(sound["opus"])
            first = round(place)
            last = first + count * PACKET_SAMPLES
            begins, samples = await asyncio.to_thread(
                self._session.reader.read_samples, first, last
            )
            sound[codec] = protocol.encode_pcm(begins, samples)
        return sound[codec]

    # -- status and tiles --------------------------------------------------------------------------

    async def _poll(self) -> None:
        """Send the status when it changes, and tiles of what is newly planned."""
        since = 0
        while True:
            try:
                status, tiles = await asyncio.to_thread(self._encode_news)
            except Exception:
                log.exception("the status of jam %s could not be encoded", self._session.id)
                status, tiles = self._last_status, []
            since += 1
            for message in tiles:
                self._send(message)
            changed = _without_volatile_fields(status) != _without_volatile_fields(
                self._last_status
            )
            if changed or since >= STATUS_EVERY:
                since = 0
                self._last_status = status
                self._send(status)
            await asyncio.sleep(POLL_S)

    def _encode_news(self) -> tuple[str, list[bytes]]:
        placements = tuple(self._session.reader.placements())
        head = self._head_column()
        fresh = [placement for placement in placements if placement not in self._sent_placements]
        tiles = []
        if fresh:
            self._sent_placements = placements
            # A chunk that was late comes in behind a bar that looped, which is sent, too.
            first = max(placements[0].start, head - PAST, min(fresh[0].start, self._sent_until))
            tiles += self._encode_tiles(first, placements[-1].end)
            self._sent_until = placements[-1].end
        if placements and head + LOOK_AHEAD // 2 > self._sent_until:  # the last bar loops
            tiles += self._encode_tiles(self._sent_until, head + LOOK_AHEAD)
            self._sent_until = head + LOOK_AHEAD
        return self._encode_status(), tiles


def _without_volatile_fields(status: str) -> dict[str, Any]:
    """A status without the fields that change all the time."""
    fields: dict[str, Any] = json.loads(status) if status else {}
    return {name: value for name, value in fields.items() if name not in _VOLATILE_FIELDS} | {
        "votes": [(share["prompt"], share["votes"]) for share in fields.get("shares", ())]
    }
