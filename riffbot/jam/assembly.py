"""Builds the parts of a jam session and connects them."""

from __future__ import annotations

from collections.abc import Callable

from audio.columns import seconds_of
from riffbot.jam.capacity import Capacity
from riffbot.jam.config import JamConfig, JamHost
from riffbot.jam.opus import OpusEncoder
from riffbot.jam.phase import JamLifecycle
from riffbot.jam.planner import Planner
from riffbot.jam.player import RELAXED_LEAD, Player
from riffbot.jam.reader import PACKET_COLUMNS, JamReader
from riffbot.jam.ring import PacketRing
from riffbot.jam.snapshot import JamSnapshot
from riffbot.jam.steering import Steering
from riffbot.jam.synthesizer import Synthesizer
from riffbot.jam.tempo_lock import read_loop_grid
from riffbot.jam.timeline import LoopGrid, Timeline


def assemble_jam(
    host: JamHost,
    snapshot: JamSnapshot,
    config: JamConfig,
    *,
    on_block: Callable[[], None],
    load_of_others: Callable[[], float],
) -> JamReader:
    """The parts of a session, as the reader that they are read through.

    Args:
        host, snapshot, config, load_of_others: as in `JamSession`.
        on_block: called on the player's thread after every block.

    Raises:
        BadRequest, NotFound: the seed image cannot be read.
    """
    path = snapshot.current.path
    loop_grid = read_loop_grid(host.images, path.seed_image)
    encoder, ring = OpusEncoder(config.bitrate), _build_ring(loop_grid, snapshot)
    synthesizer = Synthesizer(
        Timeline(loop_grid),
        loudness_lufs=config.loudness_lufs,
        first=snapshot.column,
        state=snapshot.synthesizer_state(),
    )
    player = Player(synthesizer, ring, encoder, on_block=on_block)
    lifecycle, capacity = JamLifecycle(), Capacity(seconds_of(loop_grid.width), load_of_others)
    planner = Planner(
        host.engine,
        player,
        capacity,
        host.failed_attempts,
        lifecycle,
        jam_id=config.id,
        loop_grid=loop_grid,
        first=snapshot.current,
        upcoming=snapshot.upcoming,
    )
    player.expects_chunk = lambda: planner.is_busy
    return JamReader(
        id=config.id,
        initial=snapshot,
        loop_grid=loop_grid,
        steering=Steering.of(snapshot),
        ring=ring,
        synthesizer=synthesizer,
        player=player,
        encoder=encoder,
        planner=planner,
        capacity=capacity,
        lifecycle=lifecycle,
    )


def _build_ring(loop_grid: LoopGrid, snapshot: JamSnapshot) -> PacketRing:
    head = snapshot.column // PACKET_COLUMNS + snapshot.packets_heard
    return PacketRing(
        RELAXED_LEAD, measure_packets=loop_grid.fallback_loop_columns // PACKET_COLUMNS, head=head
    )
