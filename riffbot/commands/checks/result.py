"""What a check returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from riffbot.settings import Settings

GOOD, NOTE, BAD = "good", "note", "bad"

GIB = 1 << 30


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a check.

    Attributes:
        name: what was checked.
        state: `good`; `note`, which limits something and stops nothing; `bad`, which must be
            mended before RiffBot can work.
        found: the state of it here.
        remedy: what to do about it; empty if it is good.
    """

    name: str
    state: str
    found: str
    remedy: str = ""


Check = Callable[[Settings], CheckResult]
