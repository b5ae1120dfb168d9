"""The seed image that a jam's tempo and measure are locked to, and its loop."""

from __future__ import annotations

from audio.columns import beats_of
from riffbot.errors import BadRequest, NotFound
from riffbot.images import Images
from riffbot.jam.timeline import LoopGrid
from riffbot.tempo import FASTEST, SLOWEST, find_tempo

DEFAULT_SEED_IMAGE = "steady_beat"


def choose_seed_image(images: Images, bpm: float | None, prompt: str = "") -> str:
    """The bundled seed image whose tempo is nearest to the one asked for or named in the prompt.

    Raises:
        BadRequest: `bpm` is out of range.
        NotFound: no seed images are installed.
    """
    if bpm is not None and not SLOWEST <= bpm <= FASTEST:
        raise BadRequest(f"Bpm must be {SLOWEST:g} … {FASTEST:g}, not {bpm:g}.")
    wanted = bpm or find_tempo(prompt)
    names = images.names()
    if not names:
        raise NotFound("A jam needs a seed image, and none is installed.")
    if wanted is None:
        return DEFAULT_SEED_IMAGE if DEFAULT_SEED_IMAGE in names else names[0]
    return min(names, key=lambda name: abs(images.bundled(name).bpm - wanted))


def read_loop_grid(images: Images, seed_image: str) -> LoopGrid:
    """The loop that a seed image locks a jam to. Raises NotFound, BadRequest."""
    width = images.load(seed_image).shape[1]
    if seed_image in images.names():
        seed = images.bundled(seed_image)
        return LoopGrid(width, seed.beats, seed.meter)
    bpm = images.tempo(seed_image)
    beats = max(1, round(beats_of(width, bpm))) if bpm else 4
    return LoopGrid(width, beats, images.meter(seed_image))
