"""Family trees of riffs as a picture with small spectrograms and as text."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from audio.pixels import SILENT
from audio.plot import Font, colour_map, fit_text
from riffbot.library.family import Family
from riffbot.library.tables import StoredRiff
from riffbot.rendering import heading

_CARD = (300, 92)
"""Width and height of the card of one riff; all sizes are in pixels."""

_THUMBNAIL = (104, 72)

_TEXT_WIDTH = _CARD[0] - _THUMBNAIL[0] - 34
"""The width of the text beside a small spectrogram."""

_GAP_X, _GAP_Y, _MARGIN = 64, 18, 28

_MAX_SIDE = 3600
"""A larger picture is scaled down to this."""

_BACKGROUND, _CARD_FILL, _HIGHLIGHT = (30, 31, 34), (43, 45, 49), (242, 104, 60)
_TEXT, _FAINT_TEXT, _LINE = (242, 243, 245), (163, 168, 176), (98, 103, 112)

_GONE = {"deleted": "a deleted riff", "erased": "a riff of a former member"}
"""What is shown of a deleted riff, by the reason in its column `gone`."""

_HIDDEN = "a riff made elsewhere"
"""What is shown of a riff that the viewer may not see."""


def summarise_riff(riff: StoredRiff, *, hidden: bool = False) -> str:
    """Describe a riff in one line: author, edit, title; of a hidden one only that it exists."""
    if riff.gone is not None:
        return _GONE.get(riff.gone, riff.gone)
    if hidden:
        return _HIDDEN
    return f"{riff.author.name} · {describe_edit(riff)} · {heading(riff.request)}"


def describe_edit(riff: StoredRiff) -> str:
    """Return the kind of a riff, for the edits that have one with the denoising: `remix 0.6`."""
    if riff.kind in ("remix", "inpaint", "draw") and riff.denoising > 0:
        return f"{riff.kind} {riff.denoising:g}"
    return riff.kind


def format_family_tree(family: Family, *, width: int = 100, ids: bool = True) -> str:
    """Format a family tree as text, for screen readers and terminals: one riff a line.

    Args:
        family: what to format.
        width: characters of a line, about.
        ids: add the id of every riff.
    """
    lines = []
    for riff, branch in _iterate_tree(family):
        mark = "  ◀ this one" if riff.id == family.riff.id else ""
        also = f" (and #{riff.second_parent_id})" if riff.second_parent_id and ids else ""
        hidden = riff.id in family.hidden
        name = f"  #{riff.id}" if ids and riff.gone is None and not hidden else ""
        text = summarise_riff(riff, hidden=hidden)
        room = max(16, width - len(branch) - len(also) - len(name) - len(mark))
        text = text if len(text) <= room else text[: room - 1] + "…"
        lines.append(f"{branch}{text}{also}{name}{mark}")
    if family.left_out:
        lines.append(f"… and {family.left_out} more")
    return "\n".join(lines)


def draw_family_tree(family: Family, thumbnails: Mapping[str, NDArray[np.uint8]]) -> bytes:
    """Draw a family tree as a PNG: generations from left to right, a small spectrogram each.

    Args:
        family: what to draw.
        thumbnails: spectrograms uint8[512, W] by riff id; riffs without one get an empty frame.
    """
    positions = _place_cards(family)
    width = max(position.x for position in positions.values()) + _CARD[0] + _MARGIN
    height = max(position.y for position in positions.values()) + _CARD[1] + _MARGIN + 24
    canvas = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    for riff in family.members:
        for parent_id, second in ((riff.parent_id, False), (riff.second_parent_id, True)):
            if parent_id in positions:
                _draw_edge(draw, positions[parent_id], positions[riff.id], second)
    for riff in family.members:
        position, is_asked = positions[riff.id], riff.id == family.riff.id
        draw.rounded_rectangle(
            (position.x, position.y, position.x + _CARD[0], position.y + _CARD[1]),
            8,
            _CARD_FILL,
            _HIGHLIGHT if is_asked else None,
            3 if is_asked else 0,
        )
        hidden = riff.id in family.hidden
        _draw_thumbnail(canvas, draw, position, None if hidden else thumbnails.get(riff.id))
        _draw_label(draw, position, riff, hidden)
    note = f"… and {family.left_out} more" if family.left_out else ""
    draw.text((_MARGIN, height - 24), note, _FAINT_TEXT, _load_font(14), anchor="lm")
    canvas.thumbnail((_MAX_SIDE, _MAX_SIDE))
    out = io.BytesIO()
    canvas.save(out, "PNG", compress_level=6)
    return out.getvalue()


@dataclass(frozen=True)
class _Position:
    x: int
    y: int


def _iterate_tree(family: Family) -> Iterator[tuple[StoredRiff, str]]:
    """Yield every riff once, children below their first parent, with its lines of the tree."""
    visited: set[str] = set()

    def descend(riff: StoredRiff, indent: str) -> Iterator[tuple[StoredRiff, str]]:
        children = [c for c in family.children_of(riff.id) if c.id not in visited]
        visited.update(child.id for child in children)
        for number, child in enumerate(children, start=1):
            last = number == len(children)
            yield child, indent + ("└─ " if last else "├─ ")
            yield from descend(child, indent + ("   " if last else "│  "))

    for root in family.roots:
        visited.add(root.id)
        yield root, ""
        yield from descend(root, "")


def _place_cards(family: Family) -> dict[str, _Position]:
    """Place the cards: generations are columns, a parent stands in the middle of its children."""
    rows: dict[str, float] = {}
    depths: dict[str, int] = {}
    free = 0

    def place(riff: StoredRiff, depth: int) -> float:
        nonlocal free
        depths[riff.id] = depth
        rows[riff.id] = 0.0  # ends the recursion on a cycle, which a damaged library may have
        children = [c for c in family.children_of(riff.id) if c.id not in rows]
        if children:
            beside = [place(child, depth + 1) for child in children]
            rows[riff.id] = (beside[0] + beside[-1]) / 2
        else:
            rows[riff.id] = float(free)
            free += 1
        return rows[riff.id]

    for root in family.roots:
        place(root, 0)
    step_x, step_y = _CARD[0] + _GAP_X, _CARD[1] + _GAP_Y
    return {
        riff_id: _Position(_MARGIN + depths[riff_id] * step_x, _MARGIN + round(row * step_y))
        for riff_id, row in rows.items()
    }


def _draw_edge(draw: ImageDraw.ImageDraw, start: _Position, end: _Position, second: bool) -> None:
    x0, y0 = start.x + _CARD[0], start.y + _CARD[1] // 2
    x1, y1 = end.x, end.y + _CARD[1] // 2 + (10 if second else 0)
    middle = x1 - _GAP_X // 2 - (8 if second else 0)
    points = [(x0, y0), (middle, y0), (middle, y1), (x1, y1)]
    draw.line(points, _HIGHLIGHT if second else _LINE, 2, joint="curve")
    draw.polygon([(x1, y1), (x1 - 8, y1 - 5), (x1 - 8, y1 + 5)], _HIGHLIGHT if second else _LINE)


def _draw_thumbnail(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    position: _Position,
    pixels: NDArray[np.uint8] | None,
) -> None:
    corner = (position.x + 10, position.y + 10)
    if pixels is not None:
        small = Image.fromarray(colour_map()[SILENT - pixels])
        canvas.paste(small.resize(_THUMBNAIL, Image.Resampling.BOX), corner)
    else:
        frame = (*corner, corner[0] + _THUMBNAIL[0], corner[1] + _THUMBNAIL[1])
        draw.rectangle(frame, _BACKGROUND, _LINE)


def _draw_label(
    draw: ImageDraw.ImageDraw, position: _Position, riff: StoredRiff, hidden: bool
) -> None:
    x, y = position.x, position.y
    left = x + _THUMBNAIL[0] + 22
    if riff.gone is not None or hidden:
        text = summarise_riff(riff, hidden=hidden).removeprefix("a ").removeprefix("riff of ")
        draw.text((left, y + _CARD[1] // 2), text, _FAINT_TEXT, _load_font(15), anchor="lm")
        return
    _draw_text(draw, (left, y + 20), riff.author.name, _TEXT, 17)
    _draw_text(draw, (left, y + 45), heading(riff.request), _FAINT_TEXT, 14)
    _draw_text(draw, (left, y + 70), describe_edit(riff), _HIGHLIGHT, 14)


def _draw_text(
    draw: ImageDraw.ImageDraw,
    position: tuple[int, int],
    text: str,
    colour: tuple[int, int, int],
    size: int,
) -> None:
    """Draw a line of a card's text, shortened to the card's width."""
    font = _load_font(size)
    draw.text(position, fit_text(draw, text, _TEXT_WIDTH, font), colour, font, anchor="lm")


def _load_font(size: int) -> Font:
    return ImageFont.load_default(size)
