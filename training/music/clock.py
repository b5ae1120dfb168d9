"""Musical time: steps of a swung grid in, seconds out."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from training.music.piece import Control, Note, Strum


@dataclass(slots=True)
class Clock:
    """A clip's grid. A step is a quarter of a beat, or a third of one where beats are ternary.

    `swing` is where the second eighth falls inside a beat: .5 straight, .667 a triplet.
    `swing16` is the same for sixteenths inside an eighth, as hip hop plays them.
    """

    rng: random.Random
    beats: int
    meter: int
    beat_seconds: float
    steps: int = 4
    swing: float = 0.5
    swing16: float = 0.5
    looseness: float = 0.006

    @property
    def total(self) -> int:
        """Steps in the clip."""
        return self.beats * self.steps

    @property
    def bar(self) -> int:
        """Steps in a measure."""
        return self.meter * self.steps

    def seconds(self, step: float) -> float:
        """The moment at which a step falls, swung but not humanised."""
        beat, part = divmod(step / self.steps, 1.0)
        if self.steps == 4 and self.swing16 != 0.5:
            half, inner = divmod(part * 2, 1.0)
            part = (half + _bent(inner, self.swing16)) / 2
        if self.steps == 4 and self.swing != 0.5:
            part = _bent(part, self.swing)
        return (beat + part) * self.beat_seconds

    def human(self) -> float:
        """A player's timing error in seconds."""
        return self.rng.gauss(0, self.looseness)


def _bent(part: float, middle: float) -> float:
    if part < 0.5:
        return part * 2 * middle
    return middle + (part - 0.5) * 2 * (1 - middle)


@dataclass(slots=True)
class Pen:
    """Writes notes onto a clock for one player."""

    clock: Clock
    low: int = 0
    high: int = 127
    loudness: float = 1.0
    notes: list[Note] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    strums: list[Strum] = field(default_factory=list)

    def play(
        self,
        step: float,
        length: float,
        pitch: int,
        velocity: float,
        delay: float | None = None,
    ) -> None:
        """Write a note of `length` steps, `delay` seconds late or, without one, as humans are."""
        clock = self.clock
        start = clock.seconds(step)
        end = clock.seconds(step + length)
        if delay is None:
            delay = clock.human() if step else 0.0
        start = max(0.0, start + delay)
        if start >= clock.beats * clock.beat_seconds or not 0 <= pitch <= 127:
            return
        level = velocity * self.loudness + clock.rng.gauss(0, 4)
        self.notes.append(
            Note(start, max(0.03, end - start), pitch, max(1, min(127, round(level))))
        )

    def chord(
        self, step: float, length: float, pitches: list[int], velocity: float, strum: float = 0.0
    ) -> None:
        """Write a chord; a positive `strum` (seconds a string) goes up, a negative one down."""
        order = pitches if strum >= 0 else pitches[::-1]
        for index, pitch in enumerate(order):
            late = self.clock.human() if step else 0.0
            self.play(step, length, pitch, velocity, late + index * abs(strum))

    def control(self, step: float, controller: int, value: float) -> None:
        """Move a controller at a step."""
        self.controls.append(Control(max(0.0, self.clock.seconds(step)), controller, value))

    def swell(self, step: float, length: float, start: float, peak: float, end: float) -> None:
        """Expression that rises and falls over a note or a phrase."""
        for index in range(9):
            part = index / 8
            level = start + (peak - start) * part * 2
            if part > 0.5:
                level = peak + (end - peak) * (part - 0.5) * 2
            self.control(step + part * length * 0.98, 11, level)
