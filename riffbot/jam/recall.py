"""The last seconds of a jam, as they were heard: what `keep` puts into the library."""

from __future__ import annotations

from riffbot.errors import BadRequest
from riffbot.jam.excerpt import Stretch
from riffbot.jam.player import Player
from riffbot.jam.synthesizer import COLUMN_SAMPLES, SAMPLE_RATE
from riffbot.jam.timeline import Meter
from riffbot.jam.types import Kept


def recalled(player: Player, meter: Meter, *, seconds: float, began_at: int) -> Kept:
    """A stretch that ends with what is heard now, and begins on a beat.

    Args:
        player: remembers the last minute.
        meter: what it is locked to.
        seconds: how much at most.
        began_at: the column at which this life of the jam began.

    Raises:
        BadRequest: nothing was heard yet.
    """
    end = player.heard_column
    first = max(began_at, end - round(max(1.0, seconds) * 100))
    position, samples = player.heard.between(first * COLUMN_SAMPLES, end * COLUMN_SAMPLES)
    first = -(-position // COLUMN_SAMPLES)
    if end <= first:
        raise BadRequest("Nothing was heard yet: please wait a moment.")
    beat = meter.beat_from(first)
    if beat < end - 100:  # who keeps something wants it to begin on the beat
        first = beat
    samples = samples[first * COLUMN_SAMPLES - position :]
    picture, entries = player.pictures(first, end)
    last = entries[-1].chunk
    chunks = [(entry.start - first, entry.chunk.request) for entry in entries]
    return Kept(
        samples=samples,
        sample_rate=SAMPLE_RATE,
        picture=picture,
        chunk=last.picture,
        request=last.request,
        prompts=tuple(dict.fromkeys(entry.chunk.prompt for entry in entries)),
        stretch=Stretch(meter, first % meter.width, end - first, tuple(chunks)),
        model_name=last.model_name,
        model_hash=last.model_hash,
    )
