"""The values that a jam is called with and reports: plain and immutable."""

from __future__ import annotations

from dataclasses import dataclass

from audio.arrays import Pixels
from riffbot.jam.phase import JamPhase


@dataclass(frozen=True)
class Participant:
    """Somebody who steers a jam.

    Attributes:
        user_id: Discord's id; 0 for the person at this machine, negative for visitors of the page.
        name: as shown to others.
    """

    user_id: int
    name: str


LOCAL_USER = Participant(0, "you")
"""The person at this machine."""


@dataclass(frozen=True)
class JamChannels:
    """The Discord channels of a jam and the message of its panel; None outside of Discord."""

    voice_channel_id: int | None = None
    text_channel_id: int | None = None
    message_id: int | None = None


@dataclass(frozen=True)
class PromptShare:
    """One prompt on the ballot.

    Attributes:
        prompt: as its author wrote it.
        share: of all votes after fading, 0 … 1.
        voters: the names of those who voted for it, the newest first.
    """

    prompt: str
    share: float
    voters: tuple[str, ...] = ()


@dataclass(frozen=True)
class JamStatus:
    """The status of a jam, as its panel shows it.

    Attributes:
        id: in the page's address and in the library.
        phase: see `JamPhase`.
        current_prompt: the prompt that is heard.
        next_prompt: the prompt that the jam moves to; None while it stays.
        shares: the ballot, the strongest first.
        steered_by: whose change was heard last.
        seed_image, bpm, beats: what the jam is locked to; beats are those of one loop cycle.
        denoising, seed: of the chunk that is heard.
        key, chords: those that the jam keeps, as text; None where they are open, or where the model
            is not told them.
        alpha: how far that chunk is from one waypoint to the next, 0 … 1.
        played_s: seconds heard since the jam began.
        buffer_s: seconds of chunks that are generated and not yet heard.
        packets_ready: packets of 20 ms that wait in the ring.
        underruns: packets that were not ready in time.
        late_chunks: how often the last bar had to loop.
        real_time_factor: seconds of sound that this machine makes in a second; None before it was
            measured.
        listeners: how many listen, the voice channel not counted.
        spectrogram: uint8[512, W] of the chunk that is heard; None before the first.
        error: why the jam ended by itself, as a sentence.
    """

    id: str
    phase: JamPhase
    current_prompt: str
    next_prompt: str | None
    shares: tuple[PromptShare, ...]
    steered_by: Participant | None
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
    key: str | None = None
    chords: str | None = None
