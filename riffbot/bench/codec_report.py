"""What the codec benchmark found, as data and as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from audio.columns import seconds_of
from audio.metrics import Fidelity

NOTES = [
    "ms: processor time on one thread for a clip of 512 columns; x: times faster than Riffusion.",
    "MAE, PSNR: picture of the sound against the picture it was made from, each scaled by its own",
    "maximum; MAE*: after the best gain; mel: error of what is heard; SC: spectral convergence;",
    "seam: click when the clip is repeated, over its ordinary moments. Lower is better, but for",
    "PSNR. Every sound is judged by Riffusion's own analysis.",
    "back: sound to picture; off: its pixels against Riffusion's of the same sound.",
]
"""How to read the figures."""

_HEADINGS = (
    "method", "ms", "x", "MAE", "PSNR", "MAE*", "mel dB", "SC dB", "seam dB", "back ms", "x", "off",
)  # fmt: skip
_WIDTHS = (10, 9, 7, 7, 7, 7, 8, 8, 9, 9, 7, 7)


@dataclass(frozen=True)
class MethodResult:
    """One method, averaged over the pictures.

    Attributes:
        method: its name.
        clip_ms: processor time for 512 columns, picture → sound.
        faster: how many times faster than Riffusion's.
        fidelity: means of `audio.metrics.Fidelity`.
        seam_db: the click when the clip is repeated, over its ordinary moments.
        back_ms, back_faster: the same for sound → picture; None where there is no such thing.
        back_mae: pixels off Riffusion's own analysis of the same sound.
    """

    method: str
    clip_ms: float
    faster: float
    fidelity: Fidelity
    seam_db: float
    back_ms: float | None = None
    back_faster: float | None = None
    back_mae: float | None = None


@dataclass(frozen=True)
class CodecResult:
    """What was measured.

    Attributes:
        pictures: names of what the clips were made from.
        rows: whole clips: RiffBot's codec, then Riffusion's.
        excerpt: the same on a short excerpt, with librosa; empty when that was left out.
        excerpt_columns: its length in columns of 10 ms.
        notes: what to know when reading the figures.
    """

    pictures: list[str]
    rows: list[MethodResult]
    excerpt: list[MethodResult] = field(default_factory=list)
    excerpt_columns: int = 0
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)

    def table(self) -> str:
        """For people."""
        lines = [
            f"{len(self.pictures)} pictures: {', '.join(self.pictures)}",
            *_format_table(self.rows),
        ]
        if self.excerpt:
            seconds = seconds_of(self.excerpt_columns)
            lines += ["", f"an excerpt of {seconds:g} s, times scaled to a clip:"]
            lines += _format_table(self.excerpt)
        return "\n".join([*lines, "", *self.notes])


def _format_table(rows: list[MethodResult]) -> list[str]:
    lines = [_format_row(_HEADINGS)]
    for row in rows:
        fidelity = row.fidelity
        back = [row.back_ms, row.back_faster, row.back_mae]
        cells = [
            row.method,
            f"{row.clip_ms:,.0f}",
            f"{row.faster:.3g}",
            f"{fidelity.image_mae:.2f}",
            f"{fidelity.image_psnr:.1f}",
            f"{fidelity.image_mae_levelled:.2f}",
            f"{fidelity.log_mel_db:.2f}",
            f"{fidelity.convergence_db:.1f}",
            f"{row.seam_db:+.1f}",
            *("-" if value is None else f"{value:.3g}" for value in back),
        ]
        lines.append(_format_row(cells))
    return lines


def _format_row(cells: Sequence[str]) -> str:
    first, *rest = (
        f"{cell:{'<' if i == 0 else '>'}{width}}"
        for i, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    )
    return first + "".join(rest)
