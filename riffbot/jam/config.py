"""What a jam session is made with: what all jams of a process share, and what is its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.inference.job import new_id
from riffbot.jam.attempts import FailedAttempts
from riffbot.jam.loop_thread import LoopThread
from riffbot.jam.pacing import PaceSource
from riffbot.jam.types import JamChannels
from riffbot.library.jam_record import JamKey, PageJam


@dataclass(frozen=True)
class JamHost:
    """What all jams of a process share.

    Attributes:
        engine: generates the chunks.
        images: has the seed images.
        loop: the thread with the event loop that the jams run on.
        failed_attempts: starts that this machine was too slow for.
    """

    engine: Engine
    images: Images
    loop: LoopThread
    failed_attempts: FailedAttempts = field(default_factory=FailedAttempts)


@dataclass(frozen=True)
class JamConfig:
    """What is decided when a jam starts or resumes.

    Attributes:
        id: in the page's address and in the library; a new one by default.
        key: the server or page that the jam belongs to.
        channels: where it is heard and where its panel is, to begin with.
        bitrate: bit rate of the packets, in bits a second.
        loudness_lufs: target loudness.
        paced_by: `voice` when a voice channel reads the ring, `clock` to have it read in real time.
        pause_when_idle: pause when the clock sets the pace and nobody listens.
    """

    id: str = field(default_factory=new_id)
    key: JamKey = field(default_factory=PageJam)
    channels: JamChannels = field(default_factory=JamChannels)
    bitrate: int = 96_000
    loudness_lufs: float = -14.0
    paced_by: PaceSource = "voice"
    pause_when_idle: bool = True
