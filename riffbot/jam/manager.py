"""Starts, finds, stores and resumes jams: one for each key, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from riffbot.clips.clip import Clip
from riffbot.clips.service import ClipService
from riffbot.errors import NotFound
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.jam.ballot import Ballot
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.config import JamConfig, JamHost
from riffbot.jam.excerpt import render_excerpt
from riffbot.jam.loop_thread import LoopThread
from riffbot.jam.pacing import PaceSource
from riffbot.jam.registry import JamRegistry
from riffbot.jam.saver import JamSaver
from riffbot.jam.session import JamSession
from riffbot.jam.snapshot import JamSnapshot
from riffbot.jam.starting import SessionOpener, build_path
from riffbot.jam.types import JamChannels, Participant
from riffbot.library.jam_record import JamKey, JamRecord
from riffbot.library.store import Library
from riffbot.library.types import Author, Origin
from riffbot.settings import Settings


class JamManager:
    """Starts, finds, stores and resumes jams.

    Methods may be called from any event loop: the jams live on a loop of their own, with their own
    connections to the library's database.

    Args:
        engine, images, library, clip_service, settings: as in `riffbot.services.Services`.

    Attributes:
        page: the address of RiffBot's own page while it is served, for example
            `http://127.0.0.1:8765/`.
    """

    def __init__(
        self,
        engine: Engine,
        images: Images,
        library: Library,
        clip_service: ClipService,
        settings: Settings,
    ) -> None:
        self._clip_service = clip_service
        self._settings = settings
        self._loop = LoopThread()
        self._host = JamHost(engine, images, self._loop)
        self._registry = JamRegistry()
        self._saver = JamSaver(self._registry, self._loop, settings, library.files)
        self._opener = SessionOpener(self._host, self._registry, self._saver)
        self.page: str | None = None

    # -- starting ---------------------------------------------------------------------------------

    async def start(
        self,
        key: JamKey,
        options: ChunkOptions,
        *,
        starter: Participant,
        channels: JamChannels | None = None,
        bitrate: int = 96_000,
        paced_by: PaceSource = "voice",
        instead_of: JamSession | None = None,
    ) -> JamSession:
        """Start a jam; returns when it can be heard.

        Args:
            key: whose jam it is; one jam each.
            options: what to hear; see `build_path` and `PromptPath.begin` for what is left out.
            starter: has the first vote.
            channels: where it is heard and shown.
            bitrate: of the packets, in bits a second.
            paced_by: see `JamConfig`.
            instead_of: the jam that ends when this one can be heard, and plays on where it cannot.

        Raises:
            BadRequest: a jam plays here already, or the tempo is out of range.
            NotFound: there is no such seed image.
            Refused: this machine cannot sustain it; the message has the measured factor.
            ModelError, GenerationFailed: there is no sound to begin with.
        """
        path = build_path(self._host.images, options)
        ballot = Ballot().cast(starter.user_id, starter.name, path.prompt, 0.0)
        config = JamConfig(
            key=key,
            channels=channels or JamChannels(),
            bitrate=bitrate,
            loudness_lufs=self._settings.loudness_lufs,
            paced_by=paced_by,
        )
        return await self._opener.open(
            JamSnapshot.begin(path, ballot=ballot), config, starter, instead_of
        )

    # -- finding ----------------------------------------------------------------------------------

    def get(self, key: JamKey) -> JamSession | None:
        """The jam of a key that is playing or paused."""
        return self._registry.get(key)

    def get_by_id(self, jam_id: str) -> JamSession | None:
        """A jam by its id."""
        return self._registry.get_by_id(jam_id)

    def all(self) -> list[JamSession]:
        """All jams that are playing or paused."""
        return self._registry.all()

    def get_starter(self, session: JamSession) -> Participant | None:
        """Who started a jam; None for a former member."""
        return self._registry.get_starter(session)

    def is_being_replaced(self, session: JamSession) -> bool:
        """Whether another jam is about to replace this one."""
        return self._registry.is_being_replaced(session)

    def page_url(self, session: JamSession) -> str | None:
        """Where a jam can be listened to in a browser; None while no page is served."""
        return f"{self.page}jam/{session.id}" if self.page else None

    # -- resuming ---------------------------------------------------------------------------------

    async def find_unfinished(self) -> Sequence[JamRecord]:
        """Stored jams that are running or paused and that this process does not have."""
        return await self._saver.find_unfinished()

    async def resume(
        self,
        key: JamKey,
        *,
        paced_by: PaceSource = "voice",
        bitrate: int | None = None,
        channels: JamChannels | None = None,
    ) -> JamSession:
        """Resume a key's jam where it was: one that is paused, or the stored one.

        Raises:
            NotFound: there never was one.
            Refused, ModelError, GenerationFailed, StorageError: as for `start`.
        """
        if (session := self.get(key)) is not None:
            await session.resume()
            if channels is not None:
                session.channels = channels
            session.set_pace(paced_by)
            return session
        record = await self._saver.find_latest(key)
        if record is None:
            raise NotFound("There is no jam to go on with here: start one with /jam start.")
        starter = None
        if record.starter_id is not None:
            starter = Participant(record.starter_id, record.starter_name or "")
        stored = JamChannels(record.voice_channel_id, record.text_channel_id, record.message_id)
        config = JamConfig(
            id=record.id,
            key=key,
            channels=channels or stored,
            bitrate=bitrate or record.bitrate,
            loudness_lufs=self._settings.loudness_lufs,
            paced_by=paced_by,
        )
        return await self._opener.open(
            JamSnapshot.from_json(record.snapshot), config, starter, None
        )

    async def mark_paused(self, record: JamRecord) -> None:
        """Change a stored jam to paused: the next start of RiffBot does not resume it by itself."""
        await self._saver.mark_paused(record)

    async def park(self, session: JamSession) -> None:
        """Store a jam, end it and free its memory; `resume` resumes it later."""
        await session.park()
        await self._saver.save(session)
        self._registry.remove(session)

    # -- while it plays ---------------------------------------------------------------------------

    async def update_channels(self, session: JamSession, channels: JamChannels) -> None:
        """Set and store where a jam is heard and where its panel is."""
        session.channels = channels
        await self._saver.save(session)

    async def save_excerpt(
        self,
        session: JamSession,
        seconds: float = 30.0,
        *,
        author: Author,
        origin: Origin | None = None,
    ) -> Clip:
        """Store what was heard last in the library, as a riff ready to be posted.

        Its MP3 and its plot show all of it. Its raw spectrogram is the chunk that was heard last,
        which is what its recipe makes again and what a remix starts from; the recipe also lists
        every other chunk of the excerpt.

        Raises:
            BadRequest: nothing was heard yet.
            StorageError: it cannot be stored.
        """
        excerpt = await session.take_excerpt(seconds)
        files = await asyncio.to_thread(render_excerpt, excerpt)
        return await self._clip_service.store(excerpt.riff, files, author=author, origin=origin)

    async def forget_member(self, user_id: int) -> None:
        """Remove a member's votes and name from this process's jams (the library does its rows)."""
        for session in self.all():
            await session.forget_member(user_id)
        self._registry.forget_starter(user_id)

    # -- ending -----------------------------------------------------------------------------------

    async def close(self) -> None:
        """Store every jam and stop it; the next start of RiffBot can resume it."""
        if self._saver.is_closing:
            return
        self._saver.is_closing = True
        if self._registry.has_any or self._saver.is_open:
            await self._loop.run(self._close())
        await asyncio.to_thread(self._loop.stop)

    async def _close(self) -> None:
        await self._saver.wait_all_saved()
        for session in self._registry.get_unregistered():  # no more than an attempt so far
            await session.stop()
        for session in self.all():
            status = session.stored_status
            await session.park()
            await self._saver.save(session, status)
        await self._saver.close()
