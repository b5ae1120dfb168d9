"""One jam a server, many servers at once, and what a restart must not lose."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from riffbot.clips.clip import Clip
from riffbot.clips.service import ClipService
from riffbot.errors import BadRequest, NotFound, RiffBotError, StorageError
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.inference.job import Riff
from riffbot.jam.attempts import Attempts
from riffbot.jam.ballot import Ballot
from riffbot.jam.keeping import rendered
from riffbot.jam.loop_thread import JamLoop
from riffbot.jam.pacing import Pace
from riffbot.jam.prompt_path import Walk
from riffbot.jam.session import JamSession
from riffbot.jam.snapshot import JamState
from riffbot.jam.tempo_lock import meter_of, seed_image_for
from riffbot.jam.types import Place, Steerer
from riffbot.library.connection import database_url
from riffbot.library.database import Database
from riffbot.library.jams import JamRepository
from riffbot.library.models import StoredJam
from riffbot.library.store import Library
from riffbot.library.types import Author, Origin
from riffbot.request import DEFAULT_DENOISING
from riffbot.settings import Settings

log = logging.getLogger(__name__)

DEFAULT_PROMPT = "funky sax"

STOPPING = "RiffBot is stopping: please try again in a moment."
PLAYS_ALREADY = "A jam plays here already: steer it with /jam prompt, or stop it first."


class JamManager:
    """Starts, finds, stores and resumes jams.

    Methods may be called from any event loop: the jams live on a loop of their own, with their own
    connection to the library's database.

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
        self._engine = engine
        self._images = images
        self._clip_service = clip_service
        self._settings = settings
        self._files = library.files
        self._loop = JamLoop()
        self._store: Database | None = None
        self._sessions: dict[int | None, JamSession] = {}
        self._starters: dict[str, Steerer | None] = {}
        self._saving: dict[str, asyncio.Task[None]] = {}
        self._dirty: set[str] = set()
        self._attempts = Attempts()
        self._beginning: set[JamSession] = set()
        self._giving_way: set[str] = set()
        self._closing = False
        self.page: str | None = None

    # -- starting and finding ---------------------------------------------------------------------

    async def start(
        self,
        guild_id: int | None,
        prompt: str | None = None,
        *,
        who: Steerer,
        seed_image: str | None = None,
        bpm: float | None = None,
        denoising: float | None = None,
        seed: int = 0,
        guidance: float | None = None,
        bitrate: int = 96_000,
        place: Place | None = None,
        paced_by: Pace = "voice",
        instead_of: JamSession | None = None,
    ) -> JamSession:
        """Start a server's jam; returns when it can be heard.

        Args:
            guild_id: one jam each; None is the jam outside of any server.
            prompt: what to hear; the house's own by default.
            who: has the first vote.
            seed_image: what locks tempo and measure; by default the one whose tempo is nearest to
                `bpm` or to the one that the prompt names, else a plain beat.
            bpm: the tempo wanted, where no seed image is named.
            denoising: how far from the seed image, 0 … 1.
            seed: of the walk's beginning.
            guidance: how strictly the prompt is followed, 1 … 30; the model's own by default.
            bitrate: of the packets.
            place: where it is heard and shown.
            paced_by: see `JamSession`.
            instead_of: the jam that ends when this one can be heard, and plays on where it cannot.

        Raises:
            BadRequest: a jam plays here already, or something asked for is nonsense.
            NotFound: there is no such seed image.
            Refused: this machine cannot sustain it; the sentence has the measured factor.
            ModelError, GenerationFailed: there is no sound to begin with.
        """
        walk = self.first_walk(
            prompt,
            seed_image=seed_image,
            bpm=bpm,
            denoising=denoising,
            seed=seed,
            guidance=guidance,
        )
        ballot = Ballot().cast(who.user_id, who.name, walk.prompt, 0.0)
        return await self._open(
            guild_id,
            JamState.begin(walk, ballot=ballot),
            starter=who,
            bitrate=bitrate,
            place=place or Place(),
            paced_by=paced_by,
            instead_of=instead_of,
        )

    def first_walk(
        self,
        prompt: str | None = None,
        *,
        seed_image: str | None = None,
        bpm: float | None = None,
        denoising: float | None = None,
        seed: int = 0,
        guidance: float | None = None,
    ) -> Walk:
        """What `start` begins with, judged before anything is: its arguments. May read a file.

        Raises:
            BadRequest: something asked for is nonsense.
            NotFound: there is no such seed image.
        """
        text = (prompt or DEFAULT_PROMPT).strip()
        chosen = seed_image or self.seed_image_for(bpm, text)
        walk = Walk.begin(
            text,
            seed_image=chosen,
            seed=seed,
            denoising=DEFAULT_DENOISING if denoising is None else denoising,
            guidance=guidance,
        )
        meter_of(self._images, chosen)
        return walk

    def seed_image_for(self, bpm: float | None, prompt: str = "") -> str:
        """The bundled seed image whose tempo is nearest. Raises BadRequest, NotFound."""
        return seed_image_for(self._images, bpm, prompt)

    def get(self, guild_id: int | None) -> JamSession | None:
        """The jam that plays (or is paused) on a server."""
        session = self._sessions.get(guild_id)
        return None if session is None or session.ended else session

    def by_id(self, jam_id: str) -> JamSession | None:
        """A jam by its name."""
        return next((session for session in self.all() if session.id == jam_id), None)

    def all(self) -> list[JamSession]:
        """All jams that play or are paused."""
        return [session for session in list(self._sessions.values()) if not session.ended]

    def starter(self, session: JamSession) -> Steerer | None:
        """Who began a jam; None for a former member."""
        return self._starters.get(session.id)

    def page_url(self, session: JamSession) -> str | None:
        """Where a jam can be listened to in a browser; None while no page is served."""
        return f"{self.page}jam/{session.id}" if self.page else None

    # -- coming back ------------------------------------------------------------------------------

    async def unfinished(self) -> Sequence[StoredJam]:
        """Stored jams that run or are paused and that nobody plays now."""

        async def find() -> Sequence[StoredJam]:
            if self._closing:  # Discord came while RiffBot was told to go
                return []
            playing = {session.id for session in self.all()}
            rows = await self._jams().unfinished()
            return [row for row in rows if row.id not in playing]

        return [] if self._closing else await self._loop.run(find())

    async def resume(
        self,
        guild_id: int | None,
        *,
        paced_by: Pace = "voice",
        bitrate: int | None = None,
        place: Place | None = None,
    ) -> JamSession:
        """Go on with a server's jam at the same place: one that is paused, or the stored one.

        Raises:
            NotFound: it never had one.
            Refused, ModelError, GenerationFailed, StorageError: as for `start`.
        """
        if (session := self.get(guild_id)) is not None:
            await session.resume()
            if place is not None:
                session.place = place
            session.set_pace(paced_by)
            return session

        async def find() -> StoredJam | None:
            return await self._jams().newest(guild_id)

        row = await self._loop.run(find())
        if row is None:
            raise NotFound("There is no jam to go on with here: start one with /jam start.")
        starter = (
            Steerer(row.starter_id, row.starter_name or "") if row.starter_id is not None else None
        )
        stored = Place(row.voice_channel_id, row.text_channel_id, row.message_id)
        return await self._open(
            guild_id,
            JamState.from_json(row.state),
            id=row.id,
            starter=starter,
            bitrate=bitrate or row.bitrate,
            place=place or stored,
            paced_by=paced_by,
        )

    async def park(self, session: JamSession) -> None:
        """Store where a jam is, end it and free its memory; `resume` goes on with it later."""
        await session.park()
        await self._loop.run(self._save(session))
        self._forget(session)

    async def set_aside(self, jam: StoredJam) -> None:
        """Let a stored jam wait for `resume`: the next start does not go on with it by itself."""
        if not self._closing:  # what a stop interrupts is gone on with
            await self._loop.run(self._jams().set_aside(jam.id))

    async def move(self, session: JamSession, place: Place) -> None:
        """Remember where a jam is heard and where its panel is."""
        session.place = place
        await self._loop.run(self._save(session))

    async def keep(
        self,
        session: JamSession,
        seconds: float = 30.0,
        *,
        author: Author,
        origin: Origin | None = None,
    ) -> Clip:
        """Put what was heard last into the library, as a riff ready to be posted.

        Its MP3 and its picture for people show the whole stretch. Its raw spectrogram is the chunk
        that was heard last, which is what its recipe makes again and what a remix starts from; the
        recipe also lists every other chunk of the stretch.

        Raises:
            BadRequest: nothing was heard yet.
            StorageError: it cannot be kept.
        """
        kept = await session.keep(seconds)
        files = await asyncio.to_thread(rendered, kept)
        riff = Riff(kept.request, kept.chunk, kept.model_name, kept.model_hash)
        return await self._clip_service.store(riff, files, author=author, origin=origin)

    async def forget_member(self, user_id: int) -> None:
        """Take a member's votes and name out of the jams that play (the library does its rows)."""
        for session in self.all():
            await session.forget_member(user_id)
        for jam_id, starter in list(self._starters.items()):
            if starter is not None and starter.user_id == user_id:
                self._starters[jam_id] = None

    async def close(self) -> None:
        """Store where every jam is and stop them; the next start can go on with them."""
        if self._closing:
            return
        self._closing = True
        if self._sessions or self._store is not None:
            await self._loop.run(self._close())
        await asyncio.to_thread(self._loop.stop)

    # -- on the jams' loop ------------------------------------------------------------------------

    async def _open(
        self,
        guild_id: int | None,
        state: JamState,
        *,
        starter: Steerer | None,
        bitrate: int,
        place: Place,
        paced_by: Pace,
        id: str | None = None,
        instead_of: JamSession | None = None,
    ) -> JamSession:
        if self._closing:
            raise RiffBotError(STOPPING)
        if self.get(guild_id) not in (None, instead_of):
            raise BadRequest(PLAYS_ALREADY)
        if instead_of is not None and instead_of.id in self._giving_way:
            raise BadRequest("That jam is being replaced already: please wait a moment.")
        session = JamSession(
            self._engine,
            self._images,
            state,
            loop=self._loop,
            id=id,
            guild_id=guild_id,
            place=place,
            bitrate=bitrate,
            loudness_lufs=self._settings.loudness_lufs,
            paced_by=paced_by,
            on_change=self._changed,
            load_of_others=lambda: sum(
                other.load for other in self.all() if other not in (session, instead_of)
            ),
            attempts=self._attempts,
        )
        if self.get(guild_id) is None:
            self._sessions[guild_id] = session
        self._starters[session.id] = starter
        self._beginning.add(session)
        if instead_of is not None:
            self._giving_way.add(instead_of.id)
        try:
            await session.start()
            if instead_of is not None:
                await self._replace(instead_of, session)
        except BaseException:
            if self._sessions.get(guild_id) is session:
                del self._sessions[guild_id]
            self._starters.pop(session.id, None)
            task = asyncio.current_task()
            cancelled = task is not None and task.cancelling() > 0
            if self._is_closing() and not cancelled:
                raise RiffBotError(STOPPING) from None  # `close` has stopped it already
            await session.stop()
            raise
        finally:
            self._beginning.discard(session)
            if instead_of is not None:
                self._giving_way.discard(instead_of.id)
        await self._loop.run(self._save(session))
        return session

    def _is_closing(self) -> bool:
        """Whether `close` was called, at whatever moment it is asked."""
        return self._closing

    def gives_way(self, session: JamSession) -> bool:
        """Whether another jam is about to take this one's place."""
        return session.id in self._giving_way

    async def _replace(self, old: JamSession, new: JamSession) -> None:
        """End a jam whose place another takes, which can be heard by now.

        The end is stored before the new one is: the newest row is what a restart goes on with.
        """
        if self.get(new.guild_id) not in (None, old, new):
            raise BadRequest(PLAYS_ALREADY)
        self._sessions[new.guild_id] = new
        await old.stop()
        await self._loop.run(self._stored(old))

    async def _stored(self, session: JamSession) -> None:
        """Wait until nothing of a session is being saved."""
        if (task := self._saving.get(session.id)) is not None:
            await asyncio.wait([task])

    def _jams(self) -> JamRepository:
        """The store, on connections that belong to the jams' loop."""
        if self._store is None:
            if self._closing:  # nobody would close it any more
                raise StorageError("RiffBot is stopping: please try again when it is back.")
            self._store = Database(database_url(self._settings.database), self._files)
        return JamRepository(self._store)

    def _changed(self, session: JamSession) -> None:
        """Save soon; changes that come while it is being saved are saved once more."""
        if session.id not in self._starters:
            return
        self._dirty.add(session.id)
        if session.id not in self._saving and not self._closing:
            task = asyncio.get_running_loop().create_task(self._save_while_dirty(session))
            self._saving[session.id] = task

    async def _save_while_dirty(self, session: JamSession) -> None:
        final = False
        try:
            while session.id in self._dirty:
                self._dirty.discard(session.id)
                final = session.ended
                await self._save(session)
        finally:
            self._saving.pop(session.id, None)
        # A jam that ended while an older state was written still has its end to tell.
        if final:
            self._forget(session)

    async def _save(self, session: JamSession, status: str | None = None) -> None:
        if session.id not in self._starters:
            return  # its end is stored, and here nobody knows any more who began it
        status = status or session.stored_status
        starter = self._starters[session.id]
        # The phase of the sound is worth its bytes only where the sound really goes on from it.
        state = session.state(sound=status == "paused" or self._closing)
        row = StoredJam(
            id=session.id,
            guild_id=session.guild_id,
            voice_channel_id=session.place.voice_channel_id,
            text_channel_id=session.place.text_channel_id,
            message_id=session.place.message_id,
            starter_id=starter.user_id if starter else None,
            starter_name=starter.name if starter else None,
            bitrate=session.bitrate,
            seed_image=session.seed_image,
            status=status,
            state=state.model_dump_json(),
            created_at=datetime.now(UTC),
            updated_at=datetime.now(UTC),
        )
        try:
            await self._jams().save(row)
        except RiffBotError as error:  # the music goes on; the next change tries again
            log.warning("jam %s could not be stored: %s", session.id, error)

    def _forget(self, session: JamSession) -> None:
        if self._sessions.get(session.guild_id) is session:
            del self._sessions[session.guild_id]
        self._starters.pop(session.id, None)

    async def _close(self) -> None:
        if self._saving:
            await asyncio.wait(list(self._saving.values()))
        for session in self._beginning - set(self.all()):  # no more than an attempt so far
            await session.stop()
        for session in self.all():
            status = session.stored_status
            await session.park()
            await self._save(session, status)
        if self._store is not None:
            await self._store.close()
