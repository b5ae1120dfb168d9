"""Options that several commands share, as types (`arguments` adds them to a parser).

`…Flags` are a part of what a command takes, `…Options` all of it. No field has a default here: the
parser has them, and fills every field.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class CommonOptions:
    """What every command takes; all that `seed-images` does.

    Attributes:
        json: answer in JSON on stdout.
        debug: show the traceback of an error.
    """

    json: bool
    debug: bool


@dataclass(frozen=True, kw_only=True)
class GenerationFlags:
    """Fields of the request (`riffbot.request`); None was not typed."""

    negative: str | None
    seed: int | None
    denoising: float | None
    guidance: float | None
    steps: int | None
    scheduler: str | None
    key: str | None
    chords: str | None


@dataclass(frozen=True, kw_only=True)
class SizeFlags:
    """Fields of the request that decide how long a clip is; None was not typed."""

    width: int | None
    bpm: float | None


@dataclass(frozen=True, kw_only=True)
class CountFlag:
    """How many takes are made, with consecutive seeds."""

    count: int


@dataclass(frozen=True, kw_only=True)
class MaskFlag:
    """A mask that says where to repaint: the name of a bundled one, or a file."""

    mask: str | None


@dataclass(frozen=True, kw_only=True)
class ModelFlag:
    """Another model than that of the settings: a folder or an id."""

    model: str | None


@dataclass(frozen=True, kw_only=True)
class OverwriteFlag:
    """Whether files that are there already are replaced."""

    overwrite: bool


@dataclass(frozen=True, kw_only=True)
class OutputFlags(OverwriteFlag, ModelFlag):
    """Where and with which model clips are made.

    Attributes:
        out: the folder to write to.
    """

    out: Path


@dataclass(frozen=True, kw_only=True)
class SourceFlags:
    """What an edit starts from.

    Attributes:
        source: a file, or the id of a riff in the library.
        start_s: of a sound, the second to begin at.
        loop: cut a loop of whole beats out of a sound.
    """

    source: str
    start_s: float
    loop: bool
