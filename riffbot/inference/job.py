"""What travels between those who ask for clips and the engine: plain values, no torch."""

from __future__ import annotations

import secrets
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from audio.arrays import Pixels
from riffbot.request import RiffRequest

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford: no i, l, o, u to misread
_ID_LENGTH = 12


def new_id() -> str:
    """A short name for a job and the riff it becomes: 12 characters of base 32, 60 random bits.

    Safe in URLs, file names and Discord's custom ids; a million riffs collide with odds of one in
    two million.
    """
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


@dataclass(frozen=True)
class Requester:
    """Who requested a clip, and so whose turn in the queue it takes.

    Fairness is by member, then by server; a direct message has no server.

    Attributes:
        network: for visitors of the page, a number for the network that they come from: all of
            one network share one member's turns, whatever they call themselves.
    """

    user_id: int
    guild_id: int | None = None
    network: int | None = None

    @property
    def account(self) -> tuple[str, int]:
        """What has turns of its own: a member, or a network of visitors."""
        return ("member", self.user_id) if self.network is None else ("network", self.network)


@dataclass(frozen=True)
class Progress:
    """Where a clip is.

    Attributes:
        job_id: hand it to `Engine.cancel`.
        stage: waiting in line, or being made.
        position: place in line, 1 is next; 0 while running.
        eta_s: seconds until the picture exists, from measured speed; None while nothing was
            measured yet (the model is still loading, or this is its very first clip).
        step, steps: denoising steps done and needed; 0 and 0 while queued.
        preview: the clip as it stands, at most every two seconds, for listeners who asked for it.
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
    """A clip as the model made it: a picture and what decided it.

    Attributes:
        request: resolved, nothing None that decides the picture; replays to the same bytes.
        image: `uint8[512, W]`.
        model_name, model_hash: which weights made it.
        timings: seconds by name: `queued_s`, `generate_s`.
        batch: how many clips were computed together. Accelerators may choose other kernels for
            another batch size, so that an exact replay repeats it (see `Engine.submit`).
    """

    request: RiffRequest
    image: Pixels
    model_name: str
    model_hash: str
    timings: Mapping[str, float] = field(default_factory=dict)
    batch: int = 1


@dataclass(eq=False)
class Job:
    """One clip in the engine, from its submission to its answer.

    Attributes:
        request: as asked; replaced by the resolved one as soon as the model is known.
        owner: None for the machine's own owner (command line, replays), who is never refused.
        deadline: `time.monotonic()` at which the picture is needed; None for fair shares.
        repeat: compute this many copies in one batch and alone, to repeat a stored clip's bits.
        key: jobs with equal keys may share a batch; None until the request is resolved.
        wants_preview: decode the forming picture every two seconds.
        cancelled: set by any thread; the worker looks between steps.
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
