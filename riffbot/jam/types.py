"""What a jam tells and is told: plain, immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from audio.arrays import Floats, Pixels
from riffbot.jam.excerpt import Stretch
from riffbot.request import RiffRequest

JamPhase = Literal["starting", "playing", "catching up", "paused", "ended"]


@dataclass(frozen=True)
class Steerer:
    """Who asks something of a jam.

    Attributes:
        user_id: Discord's id; 0 for the person at this machine.
        name: as shown to others.
    """

    user_id: int
    name: str


HOUSE = Steerer(0, "you")
"""The person at this machine."""


@dataclass(frozen=True)
class Place:
    """Where a jam plays and where its panel is; None outside of Discord."""

    voice_channel_id: int | None = None
    text_channel_id: int | None = None
    message_id: int | None = None


@dataclass(frozen=True)
class Share:
    """One prompt on the ballot.

    Attributes:
        prompt: as its author wrote it.
        share: of all votes as they stand after fading, 0 … 1.
        voters: the names behind it, the newest first.
    """

    prompt: str
    share: float
    voters: tuple[str, ...] = ()


@dataclass(frozen=True)
class JamStatus:
    """A jam as its panel shows it.

    Attributes:
        id: the jam's name, in the page's address and in the library.
        state: `starting` (the first chunk is being made), `playing`, `catching up` (a chunk is
            late and the last bar loops), `paused` or `ended`.
        playing: the prompt that is heard.
        coming: the prompt that it moves to; None while it stays.
        shares: the ballot, the strongest first.
        steered_by: whose wish was followed last.
        seed_image, bpm, beats: what the jam is locked to; beats are those of the whole loop.
        denoising, seed: of the chunk that is heard.
        alpha: how far that chunk is from one waypoint to the next, 0 … 1.
        played_s: seconds heard since the jam began.
        buffer_s: seconds of pictures that are made and not yet heard.
        packets_ready: packets of 20 ms that wait in the ring.
        underruns: packets that were not ready in time.
        late_chunks: how often the last bar had to loop.
        real_time_factor: seconds of sound that this machine makes in a second; None before it was
            measured.
        listeners: how many listen along, the voice channel not counted.
        spectrogram: uint8[512, W] of the chunk that is heard; None before the first.
        error: why the jam ended by itself, as a sentence.
    """

    id: str
    state: JamPhase
    playing: str
    coming: str | None
    shares: tuple[Share, ...]
    steered_by: Steerer | None
    seed_image: str
    bpm: float | None
    beats: int
    denoising: float
    seed: int
    alpha: float
    played_s: float
    buffer_s: float
    packets_ready: int
    underruns: int
    late_chunks: int
    real_time_factor: float | None
    listeners: int
    spectrogram: Pixels | None
    error: str | None = None


@dataclass(frozen=True, eq=False)
class Kept:
    """A stretch of a jam that was heard.

    Attributes:
        samples: float32[n], mono, as it was heard.
        sample_rate: 48,000.
        picture: uint8[512, n / 480], the pictures that it was made of.
        chunk: uint8[512, W], the picture of the chunk that was heard last, and `request`, which
            makes it again.
        prompts: what was heard, in order.
        stretch: every chunk's request and where it came in: what makes all of it again.
        model_name, model_hash: which weights made it.
    """

    samples: Floats
    sample_rate: int
    picture: Pixels
    chunk: Pixels
    request: RiffRequest
    prompts: tuple[str, ...]
    stretch: Stretch
    model_name: str
    model_hash: str
