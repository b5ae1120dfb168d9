"""The options of all other commands as types.

Their parsers: `riffbot.commands.parser`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from riffbot.commands.flags import CommonOptions, ModelFlag, OverwriteFlag


@dataclass(frozen=True, kw_only=True)
class StartOptions(CommonOptions):
    """`riffbot` without a command; a port of None is that of the settings."""

    port: int | None
    web_port: int | None


@dataclass(frozen=True, kw_only=True)
class ConvertOptions(CommonOptions, OverwriteFlag):
    """`riffbot image-to-audio` and `riffbot audio-to-image`; one of the files is written.

    Attributes:
        image: the file of the picture.
        audio: the file of the sound.
        loop: the sound is a loop.
    """

    image: Path
    audio: Path
    loop: bool


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(CommonOptions, ModelFlag):
    """`riffbot doctor`.

    Attributes:
        speed: time one clip, too.
        deep: check the library instead: every row and every file.
        repair: mend what can be mended in it.
    """

    speed: bool
    deep: bool
    repair: bool


@dataclass(frozen=True, kw_only=True)
class BenchOptions(CommonOptions, ModelFlag):
    """`riffbot bench`.

    Attributes:
        benchmarks: their names; empty runs all of them.
        clips: how many repetitions.
        quick: run them as small as can be.
    """

    benchmarks: list[str]
    clips: int
    quick: bool


@dataclass(frozen=True, kw_only=True)
class DatabaseOptions(CommonOptions):
    """`riffbot db`."""

    action: Literal["upgrade"]


@dataclass(frozen=True, kw_only=True)
class HealthOptions(CommonOptions):
    """`riffbot health`; `live` asks only whether a restart would help."""

    live: bool


@dataclass(frozen=True, kw_only=True)
class BackupOptions(CommonOptions, OverwriteFlag):
    """`riffbot backup`.

    Attributes:
        out: the file to write, or a folder for one that is named by the time.
        with_secrets: the settings and interaction tokens, too.
    """

    out: Path
    with_secrets: bool


@dataclass(frozen=True, kw_only=True)
class RestoreOptions(CommonOptions, OverwriteFlag):
    """`riffbot restore`.

    Attributes:
        backup: the file that `riffbot backup` wrote.
        check: only look whether it is whole.
        with_secrets: write the settings that are in it, too.
    """

    backup: Path
    check: bool
    with_secrets: bool


@dataclass(frozen=True, kw_only=True)
class LibraryListOptions(CommonOptions):
    """`riffbot library list`."""

    limit: int


@dataclass(frozen=True, kw_only=True)
class LibrarySearchOptions(LibraryListOptions):
    """`riffbot library search`; the last of the words may be unfinished."""

    words: list[str]


@dataclass(frozen=True, kw_only=True)
class LibraryRiffOptions(CommonOptions):
    """`riffbot library show` and `riffbot library delete`."""

    riff_id: str


@dataclass(frozen=True, kw_only=True)
class LibraryLineageOptions(LibraryRiffOptions, OverwriteFlag):
    """`riffbot library lineage`; `out` is a PNG that the tree is drawn to."""

    out: Path | None


@dataclass(frozen=True, kw_only=True)
class LibraryExportOptions(LibraryRiffOptions, OverwriteFlag):
    """`riffbot library export`; the suffix of `out` names the format."""

    out: Path


@dataclass(frozen=True, kw_only=True)
class PrivacyExportOptions(CommonOptions, OverwriteFlag):
    """`riffbot privacy export`; member 0 is everybody who makes clips at this machine."""

    out: Path
    member_id: int


@dataclass(frozen=True, kw_only=True)
class PrivacyDeleteOptions(CommonOptions):
    """`riffbot privacy delete`, which `yes` confirms."""

    member_id: int
    yes: bool
