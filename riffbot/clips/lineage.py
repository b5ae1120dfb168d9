"""Family trees of riffs, drawn as a picture with small spectrograms, and as text."""

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
_THUMB = (104, 72)
_ROOM = _CARD[0] - _THUMB[0] - 34
"""Pixels for words beside a small spectrogram."""
_GAP_X, _GAP_Y, _EDGE = 64, 18, 28
_LARGEST = 3600
_BACKGROUND, _PLATE, _THIS = (30, 31, 34), (43, 45, 49), (242, 104, 60)
_TEXT, _FAINT, _LINE = (242, 243, 245), (163, 168, 176), (98, 103, 112)
_GONE = {"deleted": "a deleted riff", "erased": "a riff of a former member"}
_HIDDEN = "a riff made elsewhere"


def summarise_riff(riff: StoredRiff, *, hidden: bool = False) -> str:
    """Describe a riff in one line: author, edit, title; of a hidden one only that it exists."""
    if riff.gone is not None:
        return _GONE.get(riff.gone, riff.gone)
    if hidden:
        return _HIDDEN
    return f"{riff.author.name} · {describe_edit(riff)} · {heading(riff.request)}"


def describe_edit(riff: StoredRiff) -> str:
    """The kind of edit that made a riff, with its denoising where that matters."""
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
    for riff, lead in _walk(family):
        mark = "  ◀ this one" if riff.id == family.riff.id else ""
        also = f" (and #{riff.second_parent_id})" if riff.second_parent_id and ids else ""
        hidden = riff.id in family.hidden
        name = f"  #{riff.id}" if ids and riff.gone is None and not hidden else ""
        words = summarise_riff(riff, hidden=hidden)
        room = max(16, width - len(lead) - len(also) - len(name) - len(mark))
        words = words if len(words) <= room else words[: room - 1] + "…"
        lines.append(f"{lead}{words}{also}{name}{mark}")
    if family.left_out:
        lines.append(f"… and {family.left_out} more")
    return "\n".join(lines)


def draw_family_tree(family: Family, thumbnails: Mapping[str, NDArray[np.uint8]]) -> bytes:
    """Draw a family tree as a PNG: generations from left to right, a small spectrogram each.

    Args:
        family: what to draw.
        thumbnails: spectrograms uint8[512, W] by riff id; riffs without one get an empty frame.
    """
    places = _places(family)
    width = max(place.x for place in places.values()) + _CARD[0] + _EDGE
    height = max(place.y for place in places.values()) + _CARD[1] + _EDGE + 24
    canvas = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    for riff in family.members:
        for parent_id, second in ((riff.parent_id, False), (riff.second_parent_id, True)):
            if parent_id in places:
                _edge(draw, places[parent_id], places[riff.id], second)
    for riff in family.members:
        place, this = places[riff.id], riff.id == family.riff.id
        draw.rounded_rectangle(
            (place.x, place.y, place.x + _CARD[0], place.y + _CARD[1]),
            8,
            _PLATE,
            _THIS if this else None,
            3 if this else 0,
        )
        hidden = riff.id in family.hidden
        _thumb(canvas, draw, place, None if hidden else thumbnails.get(riff.id))
        _label(draw, place, riff, hidden)
    note = f"… and {family.left_out} more" if family.left_out else ""
    draw.text((_EDGE, height - 24), note, _FAINT, _font(14), anchor="lm")
    canvas.thumbnail((_LARGEST, _LARGEST))
    out = io.BytesIO()
    canvas.save(out, "PNG", compress_level=6)
    return out.getvalue()


@dataclass(frozen=True)
class _Place:
    x: int
    y: int


def _walk(family: Family) -> Iterator[tuple[StoredRiff, str]]:
    """Every riff once, children under their first parent, with the branch that leads to it."""
    seen: set[str] = set()

    def below(riff: StoredRiff, indent: str) -> Iterator[tuple[StoredRiff, str]]:
        children = [c for c in family.children_of(riff.id) if c.id not in seen]
        seen.update(child.id for child in children)
        for number, child in enumerate(children, start=1):
            last = number == len(children)
            yield child, indent + ("└─ " if last else "├─ ")
            yield from below(child, indent + ("   " if last else "│  "))

    for root in family.roots:
        seen.add(root.id)
        yield root, ""
        yield from below(root, "")


def _places(family: Family) -> dict[str, _Place]:
    """Generations are columns; leaves are stacked, and parents stand beside their children."""
    rows: dict[str, float] = {}
    depths: dict[str, int] = {}
    free = 0

    def settle(riff: StoredRiff, depth: int) -> float:
        nonlocal free
        depths[riff.id] = depth
        rows[riff.id] = 0.0  # a circle in a damaged library ends here
        children = [c for c in family.children_of(riff.id) if c.id not in rows]
        if children:
            places = [settle(child, depth + 1) for child in children]
            rows[riff.id] = (places[0] + places[-1]) / 2
        else:
            rows[riff.id] = float(free)
            free += 1
        return rows[riff.id]

    for root in family.roots:
        settle(root, 0)
    step_x, step_y = _CARD[0] + _GAP_X, _CARD[1] + _GAP_Y
    return {
        riff_id: _Place(_EDGE + depths[riff_id] * step_x, _EDGE + round(row * step_y))
        for riff_id, row in rows.items()
    }


def _edge(draw: ImageDraw.ImageDraw, start: _Place, end: _Place, second: bool) -> None:
    x0, y0 = start.x + _CARD[0], start.y + _CARD[1] // 2
    x1, y1 = end.x, end.y + _CARD[1] // 2 + (10 if second else 0)
    middle = x1 - _GAP_X // 2 - (8 if second else 0)
    points = [(x0, y0), (middle, y0), (middle, y1), (x1, y1)]
    draw.line(points, _THIS if second else _LINE, 2, joint="curve")
    draw.polygon([(x1, y1), (x1 - 8, y1 - 5), (x1 - 8, y1 + 5)], _THIS if second else _LINE)


def _thumb(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    place: _Place,
    pixels: NDArray[np.uint8] | None,
) -> None:
    inner = (place.x + 10, place.y + 10)
    if pixels is not None:
        small = Image.fromarray(colour_map()[SILENT - pixels])
        canvas.paste(small.resize(_THUMB, Image.Resampling.BOX), inner)
    else:
        frame = (*inner, inner[0] + _THUMB[0], inner[1] + _THUMB[1])
        draw.rectangle(frame, _BACKGROUND, _LINE)


def _label(draw: ImageDraw.ImageDraw, place: _Place, riff: StoredRiff, hidden: bool) -> None:
    x, y = place.x, place.y
    left = x + _THUMB[0] + 22
    if riff.gone is not None or hidden:
        words = summarise_riff(riff, hidden=hidden).removeprefix("a ").removeprefix("riff of ")
        draw.text((left, y + _CARD[1] // 2), words, _FAINT, _font(15), anchor="lm")
        return
    _text(draw, (left, y + 20), riff.author.name, _TEXT, 17)
    _text(draw, (left, y + 45), heading(riff.request), _FAINT, 14)
    _text(draw, (left, y + 70), describe_edit(riff), _THIS, 14)


def _text(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    words: str,
    colour: tuple[int, int, int],
    size: int,
) -> None:
    """Write a line of a card, cut to the card's room."""
    font = _font(size)
    draw.text(place, fit_text(draw, words, _ROOM, font), colour, font, anchor="lm")


def _font(size: int) -> Font:
    return ImageFont.load_default(size)
