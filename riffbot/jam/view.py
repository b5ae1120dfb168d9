"""What anybody may look at of a jam that plays: its place, its panel, and where to go on from."""

from __future__ import annotations

from audio.arrays import Floats, Pixels
from riffbot.jam.ballot import Ballot
from riffbot.jam.capacity import Capacity
from riffbot.jam.opus import OpusEncoder
from riffbot.jam.planner import Planner
from riffbot.jam.player import Player, Tap
from riffbot.jam.ring import PACKET_SAMPLES, PacketRing
from riffbot.jam.snapshot import JamState, Planned
from riffbot.jam.synthesizer import COLUMN_SAMPLES, SAMPLE_RATE
from riffbot.jam.timeline import Entry, Meter
from riffbot.jam.types import JamPhase, JamStatus, Steerer

PACKET_COLUMNS = PACKET_SAMPLES // COLUMN_SAMPLES


class JamView:
    """A jam's half that only reads; every method may be called from any thread.

    Attributes:
        id: its name.
        ring: the packets; `ring.read` is what a voice channel plays.
        meter: the loop's width, beats and tempo.
        seed_image: what every chunk starts from.
    """

    id: str
    ring: PacketRing
    meter: Meter
    seed_image: str
    _state: JamState
    _ballot: Ballot
    _steered_by: Steerer | None
    _player: Player
    _encoder: OpusEncoder
    _planner: Planner
    _capacity: Capacity
    _phase: JamPhase
    _error: str | None
    _parked: bool

    @property
    def played_s(self) -> float:
        """Seconds since the jam began, as heard."""
        return self.ring.head * PACKET_SAMPLES / SAMPLE_RATE

    @property
    def answers(self) -> list[float]:
        """Seconds from the last hundred wishes to the sound that changed."""
        return self._planner.answers

    @property
    def chunks(self) -> int:
        """How many came in after the first."""
        return self._planner.chunks

    @property
    def start_s(self) -> float:
        """Seconds of the engine's time that its first chunk took."""
        return self._planner.start_s

    @property
    def bitrate(self) -> int:
        """Bits a second of the packets."""
        return self._encoder.bitrate

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._phase == "ended"

    @property
    def stored_status(self) -> str:
        """What the library remembers: `running`, `paused` or `ended`.

        A jam that an error ended or that was parked counts as paused: it can be gone on with.
        """
        if self._phase == "ended":
            return "paused" if self._error or self._parked else "ended"
        return "paused" if self._phase == "paused" else "running"

    @property
    def load(self) -> float:
        """The share of the machine's time that this jam needs; 0 while it stands still."""
        return 0.0 if self._phase in ("paused", "ended") else self._capacity.load

    def tap(self, callback: Tap) -> None:
        """Call `callback(position, samples)` with every block of sound before it is encoded.

        Args:
            callback: told the position in samples at 48 kHz and float32[7680], mono, on the
                player's thread.
        """
        self._player.taps.append(callback)

    def columns(self, first: int, last: int) -> Pixels:
        """The picture of a stretch, played or planned: uint8[512, last − first].

        Raises:
            LookupError: it is forgotten, or the jam has not begun.
        """
        return self._player.pictures(first, last)[0]

    def sound(self, first: int, last: int) -> tuple[int, Floats]:
        """What is remembered of the samples `first` … `last` (a minute): its beginning, float32."""
        return self._player.heard.between(first, last)

    def plan(self) -> list[Entry]:
        """Which chunks sounded lately, sound now and are to sound, in order."""
        return self._player.entries()

    def status(self) -> JamStatus:
        """A snapshot for the panel."""
        ring = self.ring.stats()
        entry = self._player.sounding(self._player.heard_column)
        walk = entry.chunk.walk if entry else self._planner.next
        goal = self._planner.goal
        playing = walk.prompt
        return JamStatus(
            id=self.id,
            state=self._phase,
            playing=playing,
            coming=goal if goal != playing else None,
            shares=self._ballot.shares(self.played_s),
            steered_by=self._steered_by,
            seed_image=self.seed_image,
            bpm=self.meter.bpm,
            beats=self.meter.beats,
            denoising=walk.request().denoising,
            seed=walk.request().seed,
            alpha=walk.alpha,
            played_s=self.played_s,
            buffer_s=(self._player.ahead() + ring.ready * PACKET_COLUMNS) / 100,
            packets_ready=ring.ready,
            underruns=ring.underruns,
            late_chunks=self._player.late_chunks,
            real_time_factor=self._capacity.factor,
            listeners=ring.listeners,
            spectrogram=entry.chunk.picture if entry else None,
            error=self._error,
        )

    def state(self, *, sound: bool = True) -> JamState:
        """Where the jam is, to be stored.

        Args:
            sound: with the phase of the sound (70 kB), for going on to the same bits.
        """
        head = self.ring.head
        column, heard = self._player.sound_at(head * PACKET_COLUMNS)
        written = heard.seen if heard else column
        entry = self._player.sounding(written)
        if entry is None:
            return self._state.model_copy(
                update={"ballot": self._ballot, "steered_by": _pair(self._steered_by)}
            )
        following = self._player.following(entry)
        return JamState(
            now=Planned(walk=entry.chunk.walk, start=entry.start),
            coming=Planned(walk=following.chunk.walk, start=following.start) if following else None,
            at=column,
            heard=head - column // PACKET_COLUMNS,
            ballot=self._ballot,
            steered_by=_pair(self._steered_by),
            sound=heard.to_json() if sound and heard else None,
        )


def _pair(who: Steerer | None) -> tuple[int, str] | None:
    return (who.user_id, who.name) if who else None
