"""Plain values that the engine takes and returns; without torch."""

from __future__ import annotations

import secrets
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from audio.arrays import Pixels
from riffbot.request import RiffRequest
from riffbot.request_id import get_request_id

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford: no i, l, o, u to misread
_ID_LENGTH = 12


def new_id() -> str:
    """Generate the id of a job and of its riff: 12 characters of base 32, 60 random bits.

    Safe in URLs, file names and Discord's custom ids. Among a million riffs, the probability of a
    collision is one in two million.
    """
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


@dataclass(frozen=True)
class Requester:
    """Who requested a clip, and so whose turn in the queue it takes.

    Turns are shared fairly among members, then among servers.

    Attributes:
        user_id: the member, or the visitor of the page.
        guild_id: the server; None for a direct message.
        network: of a visitor, a number for their network: all visitors of one network share one
            member's turns.
    """

    user_id: int
    guild_id: int | None = None
    network: int | None = None

    @property
    def account(self) -> tuple[str, int]:
        """The unit of fair sharing: a member, or a network of visitors."""
        return ("member", self.user_id) if self.network is None else ("network", self.network)


@dataclass(frozen=True)
class Progress:
    """How far a clip's generation is.

    Attributes:
        job_id: the argument of `Engine.cancel`.
        stage: in the queue, or being generated.
        position: position in the queue, 1 is next; 0 while running.
        eta_s: estimated seconds until the picture is generated, from the measured throughput; None
            before anything was measured (the model is loading, or this is its first clip).
        step, steps: denoising steps done and needed; 0 and 0 while queued.
        preview: the unfinished picture, `uint8[512, W]`, at most every two seconds; None between
            previews and for jobs without `wants_preview`.
    """

    job_id: str
    stage: Literal["queued", "running"]
    position: int = 0
    eta_s: float | None = None
    step: int = 0
    steps: int = 0
    preview: Pixels | None = None


@dataclass(frozen=True, eq=False)
class GeneratedRiff:
    """What the model generated of a request: a spectrogram and everything that determines it.

    Attributes:
        request: resolved: no field that affects the picture is None. Generated again, it gives the
            same bytes.
        image: the spectrogram, `uint8[512, W]`.
        model_name, model_hash: the model and the hash of its weights.
        timings: seconds by name: `queued_s`, `generate_s`.
        batch: how many clips were computed together. Accelerators may choose other kernels for
            another batch size, so an exact replay repeats it (see `Engine.submit`).
    """

    request: RiffRequest
    image: Pixels
    model_name: str
    model_hash: str
    timings: Mapping[str, float] = field(default_factory=dict)
    batch: int = 1


@dataclass(eq=False)
class Job:
    """One clip in the engine, from its submission to its result.

    Attributes:
        request: as submitted; replaced by the resolved one once the model is loaded.
        owner: who requested it; None for the owner of this machine (command line, replays), who is
            never refused.
        deadline: when the picture is needed, in seconds of `time.monotonic()`; None: fair shares.
        repeat: compute this many copies as one batch, to repeat a stored clip to the bit.
        id: the id of the job and of its riff.
        key: jobs with equal keys may share a batch; None until the request is resolved.
        wants_preview: decode the unfinished picture every two seconds.
        submitted: when it was submitted, in seconds of `time.monotonic()`.
        cancelled: set by any thread; the worker checks it between steps.
        request_id: of the click or HTTP request that it came from, for the log.
    """

    request: RiffRequest
    owner: Requester | None = None
    deadline: float | None = None
    repeat: int = 1
    id: str = field(default_factory=new_id)
    key: Hashable | None = None
    wants_preview: bool = False
    submitted: float = field(default_factory=time.monotonic)
    cancelled: bool = False
    request_id: str = field(default_factory=get_request_id)
