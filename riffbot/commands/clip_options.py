"""The options of `riff`, `remix`, `inpaint`, `extend`, `morph`, `layer`, `draw` and `jam` as types.

Their parsers: `riffbot.commands.clip_parsers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from riffbot.commands.flags import (
    CommonOptions,
    CountFlag,
    GenerationFlags,
    MaskFlag,
    ModelFlag,
    OutputFlags,
    OverwriteFlag,
    SizeFlags,
    SourceFlags,
)


@dataclass(frozen=True, kw_only=True)
class ClipOptions(CommonOptions, OutputFlags):
    """What every command that makes clips takes."""


@dataclass(frozen=True, kw_only=True)
class TakesOptions(ClipOptions, GenerationFlags, CountFlag):
    """What every command takes that makes takes of one request."""


@dataclass(frozen=True, kw_only=True)
class RiffOptions(TakesOptions, SizeFlags, MaskFlag):
    """`riffbot riff`.

    Attributes:
        prompt: what to hear; None with a recipe or a batch.
        recipe_file: a `.json`, `.png` or `.mp3` that is made again.
        batch: a file of requests, or `-`.
        seed_image: a bundled name, a picture or a sound.
    """

    prompt: str | None
    recipe_file: Path | None
    batch: str | None
    seed_image: str | None


@dataclass(frozen=True, kw_only=True)
class RemixOptions(TakesOptions, SourceFlags, MaskFlag):
    """`riffbot remix`.

    Attributes:
        prompt: what to hear.
        seconds: how much of a sound is taken; None takes what fits.
    """

    prompt: str
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class InpaintOptions(RemixOptions):
    """`riffbot inpaint`: as `remix`, and what to repaint.

    Attributes:
        begin_s, end_s: a stretch in seconds, or
        where: “bar 2”, “second half” …; empty if not typed.
        low, high: a band in Hz.
    """

    begin_s: float | None
    end_s: float | None
    where: str
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class ExtendOptions(TakesOptions, SourceFlags):
    """`riffbot extend`.

    Attributes:
        prompt: where it goes; None keeps the source's own.
        seconds: length of the whole, or
        bars: how many measures to add.
        backward: what is new comes before the source.
    """

    prompt: str | None
    seconds: float | None
    bars: int | None
    backward: bool


@dataclass(frozen=True, kw_only=True)
class MorphOptions(ClipOptions, GenerationFlags, SizeFlags):
    """`riffbot morph`.

    Attributes:
        first, second: the two ends; each a file, a riff's id or a prompt.
        clips: the length of the whole, in clips.
        seed_image: the picture or sound that keeps the beat.
        target_seed: the seed of the second end; None takes that of the first.
    """

    first: str
    second: str
    clips: int
    seed_image: str | None
    target_seed: int | None


@dataclass(frozen=True, kw_only=True)
class LayerOptions(ClipOptions):
    """`riffbot layer`.

    Attributes:
        first, second: files or ids of riffs; the first sets the tempo.
        gain: level of the second, in dB.
    """

    first: str
    second: str
    gain: float


@dataclass(frozen=True, kw_only=True)
class DrawOptions(TakesOptions):
    """`riffbot draw`.

    Attributes:
        drawing: the file of a picture.
        prompt: what to paint over it; None leaves it as it is.
        seconds: its length; None follows its shape.
    """

    drawing: str
    prompt: str | None
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class JamOptions(CommonOptions, GenerationFlags, OverwriteFlag, ModelFlag):
    """`riffbot jam`.

    Attributes:
        prompt: what it begins with; None with a recipe.
        recipe_file: a riff that was kept from a jam, which is made again.
        then: later prompts, each `SECONDS:PROMPT`.
        seconds: how long it lasts.
        out: the file to write; None only with `realtime`.
        seed_image: the picture or sound that locks tempo and measure.
        bpm: the tempo by which a bundled seed image is chosen.
        realtime: play in time.
        busy: with `realtime`, beside a queue of riffs.
    """

    prompt: str | None
    recipe_file: Path | None
    then: list[str] | None
    seconds: float
    out: Path | None
    seed_image: str | None
    bpm: float | None
    realtime: bool
    busy: bool
