"""What can be read of a jam session: its status, its timeline, its sound and its snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from audio.arrays import Floats, Pixels
from audio.columns import seconds_of
from riffbot.harmony import NO_HARMONY
from riffbot.jam.capacity import Capacity
from riffbot.jam.opus import OpusEncoder
from riffbot.jam.phase import JamLifecycle
from riffbot.jam.planner import Planner
from riffbot.jam.player import BlockCallback, Player
from riffbot.jam.ring import PACKET_SAMPLES, PacketRing
from riffbot.jam.snapshot import JamSnapshot, PlannedChunk
from riffbot.jam.steering import Steering
from riffbot.jam.synthesizer import COLUMN_SAMPLES, SAMPLE_RATE, Synthesizer
from riffbot.jam.timeline import LoopGrid, Placement
from riffbot.jam.types import JamStatus

PACKET_COLUMNS = PACKET_SAMPLES // COLUMN_SAMPLES


@dataclass(frozen=True, eq=False)
class JamReader:
    """Reads the parts of a jam session; every method may be called from any thread.

    Attributes:
        id: the id of the jam.
        initial: the snapshot that the session began with.
        steering, ring, synthesizer, player, encoder, planner, capacity, lifecycle: the parts.
        loop_grid: the loop's width, beats and tempo.
    """

    id: str
    initial: JamSnapshot
    loop_grid: LoopGrid
    steering: Steering
    ring: PacketRing
    synthesizer: Synthesizer
    player: Player
    encoder: OpusEncoder
    planner: Planner
    capacity: Capacity
    lifecycle: JamLifecycle

    @property
    def seed_image(self) -> str:
        """The seed image that every chunk starts from."""
        return self.initial.current.path.seed_image

    @property
    def played_s(self) -> float:
        """Seconds since the jam began, as heard."""
        return self.ring.head * PACKET_SAMPLES / SAMPLE_RATE

    @property
    def response_times(self) -> list[float]:
        """Seconds from each of the last hundred changes to the sound that changed."""
        return self.planner.response_times

    @property
    def chunk_count(self) -> int:
        """How many chunks were placed after the first."""
        return self.planner.chunk_count

    @property
    def start_engine_s(self) -> float:
        """Seconds of the engine's time that the first chunk took."""
        return self.planner.start_engine_s

    @property
    def bitrate(self) -> int:
        """The bit rate of the packets, in bits a second."""
        return self.encoder.bitrate

    @property
    def load(self) -> float:
        """The share of the machine's time that this jam needs; 0 while it is paused or over."""
        stopped = self.lifecycle.is_paused or self.lifecycle.is_ended
        return 0.0 if stopped else self.capacity.load

    def add_block_callback(self, callback: BlockCallback) -> None:
        """Call `callback(sample_index, samples)` with every block of sound before it is encoded.

        Args:
            callback: called on the player's thread with the block's first sample index (at
                48 kHz) and float32[7680], mono.
        """
        self.player.block_callbacks.append(callback)

    def read_pixels(self, first: int, last: int) -> Pixels:
        """The spectrogram of some columns, played or planned: uint8[512, last − first].

        Raises:
            LookupError: the columns are discarded by now, or the jam has not begun.
        """
        return self.player.read_pixels(first, last)[0]

    def read_samples(self, first: int, last: int) -> tuple[int, Floats]:
        """The samples `first` … `last` as far as they are in the last minute.

        Returns:
            The index of the first of them, and float32[n], mono at 48 kHz.
        """
        return self.player.history.read(first, last)

    def placements(self) -> list[Placement]:
        """The chunks that sounded recently, sound now and are planned, in order."""
        return self.player.placements()

    def status(self) -> JamStatus:
        """The jam's status for the panel and the page."""
        ring = self.ring.stats()
        placement = self.player.placement_at(self.player.heard_column)
        path = placement.chunk.path if placement else self.planner.next_path
        target, current = self.planner.target_prompt, path.prompt
        harmony = self.planner.target_harmony if _is_told_harmony(placement) else NO_HARMONY
        return JamStatus(
            id=self.id,
            phase=self.lifecycle.phase,
            current_prompt=current,
            next_prompt=target if target != current else None,
            shares=self.steering.ballot.shares(self.played_s),
            steered_by=self.steering.steered_by,
            seed_image=self.seed_image,
            bpm=self.loop_grid.bpm,
            beats=self.loop_grid.beats,
            denoising=path.base_waypoint.denoising,
            seed=path.base_waypoint.seed,
            alpha=path.alpha,
            played_s=self.played_s,
            buffer_s=seconds_of(self.player.columns_ahead() + ring.ready * PACKET_COLUMNS),
            packets_ready=ring.ready,
            underruns=ring.underruns,
            late_chunks=self.player.late_chunks,
            real_time_factor=self.capacity.real_time_factor,
            listeners=ring.listeners,
            spectrogram=placement.chunk.pixels if placement else None,
            error=self.lifecycle.error,
            key=harmony.key,
            chords=harmony.chords,
        )

    def snapshot(self, *, sound: bool = True) -> JamSnapshot:
        """The state of the jam, to be stored.

        Args:
            sound: with the synthesizer's state (about 80 kB), for resuming with the same samples.
        """
        head = self.ring.head
        column, state = self.player.state_at(head * PACKET_COLUMNS)
        steering = self.steering
        placement = self.player.placement_at(state.consumed if state else column)
        if placement is None:
            update = {"ballot": steering.ballot, "steered_by": steering.stored_steered_by}
            return self.initial.model_copy(update=update)
        following = self.player.placement_after(placement)
        return JamSnapshot(
            current=_planned(placement),
            upcoming=_planned(following) if following else None,
            column=column,
            packets_heard=head - column // PACKET_COLUMNS,
            ballot=steering.ballot,
            steered_by=steering.stored_steered_by,
            sound_state=state.to_json() if sound and state else None,
        )


def _is_told_harmony(placement: Placement | None) -> bool:
    """Whether the model is told the key and the chords of the jam, as far as one can see."""
    if placement is None or placement.chunk.path.harmony == NO_HARMONY:
        return True
    return placement.chunk.request.harmony != NO_HARMONY


def _planned(placement: Placement) -> PlannedChunk:
    chunk = placement.chunk
    return PlannedChunk(path=chunk.path, start=placement.start, chosen_steps=chunk.chosen_steps)
