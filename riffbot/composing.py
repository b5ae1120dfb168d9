"""Longer and mixed clips: outpainting, walks between two riffs, layers.

Everything is joined as a picture, before there is any sound. A model sees a window that begins
with what stands already and is told to leave that alone; so what is new is painted to fit what was
there, and one phase reconstruction over the whole picture leaves no seam to hear (Riffusion's
clips, joined as sound, have one every five seconds).

What is new starts from the loop that the clip began with, at the same place of its measure, and
is repainted from there as far as `denoising` says. That is what keeps the tempo for minutes: no
window learns it from the one before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audio.mel import N_MELS
from riffbot.errors import BadRequest
from riffbot.images import SILENT, Images
from riffbot.inference.job import Riff
from riffbot.regions import BEATS, Region
from riffbot.request import MAX_COLUMNS, MAX_SEED, Extend, Layer, Morph, RiffRequest
from riffbot.tempo import WIDEST

Picture = NDArray[np.uint8]
"""uint8[512, W], low notes in the last row, 255 silent."""

Submit = Callable[[RiffRequest, int, int], Awaitable[Riff]]
"""Makes one picture, given its request, its number from 0 and how many there will be."""

NO_MODEL = ("no model", "0" * 64)
"""Name and hash of the model that layers did not need."""

GRAIN = 16
"""Windows keep whole cells of the coarsest autoencoder, so that no cell is half kept."""

MARGIN = 16
"""Columns at a window's far end that are painted again by the next: there it flows into its own
beginning, as a loop does."""

_WIDE, _NARROW = 768, 384
_WINDOW = 512

_BLOCK = 2048
"""Columns that are reckoned with at a time: 8 MB as float64."""


async def compose(request: RiffRequest, images: Images, submit: Submit) -> Riff:
    """Make the clip of a request that has a `piece`.

    Args:
        request: its piece says how; what it leaves open is filled from the model.
        images: those of the pipeline behind `submit`: half-made pictures are lent to it.
        submit: makes the single pictures, one after the other.

    Returns:
        The clip; its request is resolved, and composes to the same picture again.

    Raises:
        BadRequest: the pictures cannot be brought together.
        RiffBotError: as `submit`.
    """
    match request.piece:
        case Extend():
            return await _extend(request, request.piece, images, submit)
        case Morph():
            return await _morph(request, request.piece, images, submit)
        case Layer():
            return await asyncio.to_thread(_layer, request, request.piece, images)
        case None:
            return await submit(request, 0, 1)


def length(
    width: int,
    bpm: float | None,
    *,
    seconds: float | None = None,
    bars: int | None = None,
    meter: int = BEATS,
) -> int:
    """How long an extended clip becomes, in columns: its own length and whole measures more.

    Args:
        width, bpm: of the clip; without a tempo it grows by whole repetitions of itself.
        seconds: the length wanted, or
        bars: how many measures to add.
        meter: beats a measure.

    Raises:
        BadRequest: that is no longer than the clip, or longer than six minutes.
    """
    bar = meter * 6000 / bpm if bpm else float(width)
    if bars is None:
        if seconds is None or not 0 < seconds < float("inf"):
            raise BadRequest("Say how long it shall become, for example 60 seconds.")
        bars = max(0, round((seconds * 100 - width) / bar))
    if bars < 1:
        raise BadRequest(
            f"The clip lasts {width / 100:g} s already; the least that can be added is one "
            f"measure, {bar / 100:.2f} s."
        )
    columns = width + round(bars * bar)
    if columns > MAX_COLUMNS:
        raise BadRequest(f"A clip lasts {MAX_COLUMNS // 6000} minutes at most.")
    return columns


# -- outpainting ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """One picture of the model's, on the canvas.

    Attributes:
        start, width: where it lies, in columns of the canvas.
        begin, end: what it adds to the canvas, in columns of the canvas.
    """

    start: int
    width: int
    begin: int
    end: int

    @property
    def region(self) -> Region:
        """What it may paint: all but what stands on the canvas already."""
        return Region(self.begin - self.start, self.width)


def windows(
    known: int, total: int, width: int, turn: Callable[[int], int] = lambda _: 0
) -> list[Window]:
    """The windows that bring a canvas from `known` columns at its beginning to `total`.

    Each overlaps what stands there by about a quarter. What it keeps are whole cells as the model
    sees it, turned by `turn(start)`: where what stands there ends within a cell, the rest of that
    cell is kept as well.
    """
    overlap = min(_whole(width // 4), _whole(known))

    def beginning(end: int) -> int:
        """Where the window that goes on from `end` begins."""
        start = end - overlap
        while start > 0 and turn(start) % GRAIN:
            start -= 1
        return start

    found = []
    while known < total:
        start = beginning(known)
        begin = start + -(-(known - start) // GRAIN) * GRAIN
        end = start + width - MARGIN
        if end < total:
            following = beginning(end)
            end = following + _whole(end - following)
        if begin >= total:
            break
        found.append(Window(start, width, begin, min(total, end)))
        known = end
    return found


async def _extend(request: RiffRequest, piece: Extend, images: Images, submit: Submit) -> Riff:
    assert request.seed_image is not None
    start, bpm, loop = await asyncio.to_thread(_beginning, request, piece, images)
    if piece.columns <= start.shape[1]:
        raise BadRequest(
            f"The clip lasts {start.shape[1] / 100:g} s already: extend it beyond that."
        )
    # Backward is forward in a mirror, all but what the model sees.
    canvas = Canvas(piece.columns, start, loop=loop, backward=piece.backward)
    base = request.but(piece=None, seed_image=None, mask=None, bpm=bpm, width=None)
    like = request.seed_image
    riffs = await _paint(canvas, base, images, submit, lambda _: 0.0, like=like)
    return _whole_riff(request, canvas.picture, riffs)


def _beginning(
    request: RiffRequest, piece: Extend, images: Images
) -> tuple[Picture, float | None, Picture | None]:
    """What is extended, its tempo, and the loop on which it goes on where it is a song."""
    assert request.seed_image is not None
    start = images.any_width(request.seed_image)
    if start.shape[1] <= WIDEST:
        return *_loop(request, images), None
    if start.shape[0] != N_MELS or start.shape[1] > MAX_COLUMNS:
        raise BadRequest(
            f"A picture of {start.shape[1]} × {start.shape[0]} pixels is no spectrogram of "
            f"{N_MELS} rows and {MAX_COLUMNS // 6000} minutes at most."
        )
    bpm = request.bpm or images.tempo(request.seed_image)
    bar = images.meter(request.seed_image) * 6000 / bpm if bpm else float(_WINDOW)
    # As many measures as come out at whole columns best: the loop goes round for minutes.
    bars = min(range(1, max(1, int(_WIDE / bar)) + 1), key=lambda n: abs(n * bar - round(n * bar)))
    width = round(bars * bar)
    return start, bpm, start[:, :width] if piece.backward else start[:, -width:]


class Canvas:
    """A long picture in the making, its first columns known.

    Args:
        columns: its length.
        start: what is known.
        loop: what the rest is painted over, again and again: the end (backward: the beginning) of
            what is known; None is all of it.
        backward: what is known stands at the end, and the canvas grows towards the beginning.
        ground: what the rest is painted over instead of the loop: uint8[512, columns].
    """

    def __init__(
        self,
        columns: int,
        start: Picture,
        *,
        loop: Picture | None = None,
        backward: bool = False,
        ground: Picture | None = None,
    ) -> None:
        loop = start if loop is None else loop
        self.backward = backward
        self.known = start.shape[1]
        self.width = _window(loop.shape[1])
        self.period = loop.shape[1]
        spare = self.width  # windows may reach beyond the canvas's end
        if ground is None:
            phase = self.known - columns if backward else -self.known
            ground = np.take(loop, np.arange(phase, phase + columns), axis=1, mode="wrap")
        # Kept in the direction of growth: mirrored in time while it grows backward.
        turned = ground[:, ::-1] if backward else ground
        beyond = np.arange(spare)
        beyond += columns - (1 + beyond // self.period) * self.period
        self._pixels = np.concatenate([turned, turned[:, beyond]], axis=1)
        self._pixels[:, : self.known] = start[:, ::-1] if backward else start
        self._columns = columns
        self._finished = columns  # from here on nothing is painted

    @property
    def picture(self) -> Picture:
        """The canvas as it stands, the right way round."""
        whole = self._pixels[:, : self._columns]
        return np.ascontiguousarray(whole[:, ::-1] if self.backward else whole)

    def windows(self) -> list[Window]:
        """What is to be painted, in order of growth."""
        return windows(self.known, self._columns, self.width, self._turn)

    def seen(self, window: Window) -> tuple[Picture, Region]:
        """What the model is shown, and where it may paint, the right way round."""
        picture = self._pixels[:, window.start : window.start + window.width]
        region = window.region
        if self.backward:
            width = window.width
            return picture[:, ::-1].copy(), Region(width - region.end, width - region.begin)
        return picture.copy(), region

    def turn(self, window: Window) -> int:
        """By how many columns a window is turned so that it begins where the loop does.

        A window is a circle, and models that are shown the beat expect the first one at its
        beginning.
        """
        return self._turn(window.start)

    def _turn(self, start: int) -> int:
        # The loop goes round from where what is known ends, in either direction.
        ahead = self.known - start if self.backward else start - self.known
        return ahead % self.period % self.width

    def add(self, window: Window, painted: Picture) -> None:
        """Take what a window adds.

        And a little more, as the ground on which the next window begins: it fades in over this
        window's own continuation, and not over something else.
        """
        turned = painted[:, ::-1] if self.backward else painted
        end = min(window.end + MARGIN // 2, self._finished)
        new = slice(window.begin - window.start, end - window.start)
        self._pixels[:, window.begin : end] = turned[:, new]

    def lay(self, at: int, picture: Picture) -> None:
        """Put a finished picture there, behind all that is to be painted."""
        self._pixels[:, at : at + picture.shape[1]] = picture
        self._finished = min(self._finished, at)


async def _paint(
    canvas: Canvas,
    base: RiffRequest,
    images: Images,
    submit: Submit,
    alpha: Callable[[float], float],
    *,
    until: int | None = None,
    before: int = 0,
    like: str | None = None,
) -> list[Riff]:
    """Fill a canvas window by window; each has a seed of its own.

    Args:
        alpha: where a window stands between the request and its target, by its middle column.
        until: what lies from this column on stands already and is kept.
        before: pictures that were made before these.
        like: the picture whose measure the windows have; None is what the prompt says.
    """
    plan = [w for w in canvas.windows() if until is None or w.begin < until]
    riffs = []
    for number, window in enumerate(plan):
        shown, region = canvas.seen(window)
        if until is not None and window.start + window.width > until:
            region = replace(region, end=until - window.start)
            window = replace(window, end=min(window.end, until))  # noqa: PLW2901
        turn = canvas.turn(window)
        region = region.turned(turn, window.width)
        with images.lent(np.roll(shown, turn, axis=1), like=like) as ref:
            request = base.but(
                seed_image=ref,
                mask=region.name,
                seed=(base.seed + before + number) % (MAX_SEED + 1),
                alpha=alpha((window.begin + window.end) / 2),
            )
            riff = await submit(request, before + number, before + len(plan))
        canvas.add(window, np.roll(riff.image, -turn, axis=1))
        riffs.append(riff)
    return riffs


def _whole_riff(request: RiffRequest, picture: Picture, riffs: list[Riff]) -> Riff:
    """The clip of several pictures; what the model filled in is the same in all of them."""
    first = riffs[0]
    resolved = request.but(
        guidance=first.request.guidance,
        steps=first.request.steps,
        scheduler=first.request.scheduler,
        bpm=first.request.bpm,
        width=first.request.width,
    )
    timings = {name: sum(r.timings.get(name, 0.0) for r in riffs) for name in first.timings}
    return Riff(resolved, picture, first.model_name, first.model_hash, timings, first.batch)


def _loop(request: RiffRequest, images: Images) -> tuple[Picture, float | None]:
    assert request.seed_image is not None
    return images.load(request.seed_image), request.bpm or images.tempo(request.seed_image)


def _window(loop: int) -> int:
    """A window of whole loops where that is about the model's usual width: it then is a loop."""
    if loop > _WIDE:
        return _WINDOW
    width = loop * -(-_NARROW // loop)
    # A loop of an odd width would have its seam within a cell.
    return width if width % GRAIN == 0 else _WINDOW


def _whole(columns: int) -> int:
    return columns // GRAIN * GRAIN


# -- walks ------------------------------------------------------------------------------------


async def _morph(request: RiffRequest, piece: Morph, images: Images, submit: Submit) -> Riff:
    base = request.but(piece=None, alpha=0.0)
    riffs: list[Riff] = []
    if piece.image is None and piece.whole and request.seed_image is not None:
        start, bpm = await asyncio.to_thread(_loop, request, images)
        finish = None
    elif piece.image is None:
        # The first clip of the walk is made, and every other is a variation of it.
        total = 1 + len(_steps_of_walk(piece, request, images))
        riffs.append(await submit(base, 0, total))
        start, finish = riffs[0].image, None
        bpm = riffs[0].request.bpm
    else:
        start, bpm, finish = await asyncio.to_thread(_ends, request, piece, images)
    width = start.shape[1]
    columns = piece.clips * width
    if columns > MAX_COLUMNS:
        raise BadRequest(
            f"{piece.clips} clips of {width / 100:g} s are too long: a walk lasts "
            f"{MAX_COLUMNS // 6000} minutes at most."
        )
    canvas = Canvas(columns, start, ground=_ground(start, finish, columns))
    until = None
    if finish is not None:
        until = columns - width
        canvas.lay(until, _fitted(finish, width))

    def alpha(middle: float) -> float:
        return float(np.clip((middle - width / 2) / (columns - width), 0, 1))

    riffs += await _paint(
        canvas,
        base.but(seed_image=None, bpm=bpm, width=None, mask=None),
        images,
        submit,
        alpha,
        until=until,
        before=len(riffs),
        like=request.seed_image,
    )
    picture = canvas.picture
    if finish is not None and finish.shape[1] != width:
        picture = _glide(picture, width, finish)
    return _whole_riff(request.but(bpm=bpm), picture, riffs)


def _steps_of_walk(piece: Morph, request: RiffRequest, images: Images) -> list[Window]:
    """The windows after the first clip, as far as they can be foreseen: for the progress."""
    width = request.width or _WINDOW
    if request.seed_image is not None:
        width = images.load(request.seed_image).shape[1]
    return windows(width, piece.clips * width, _window(width))


def _ends(
    request: RiffRequest, piece: Morph, images: Images
) -> tuple[Picture, float | None, Picture]:
    """Both riffs, the second with as many beats as the first, at its own tempo."""
    assert request.seed_image is not None
    assert piece.image is not None
    start, finish = images.load(request.seed_image), images.load(piece.image)
    bpm = request.bpm or images.tempo(request.seed_image)
    other = piece.bpm or images.tempo(piece.image)
    if bpm and other:
        columns = round(start.shape[1] * bpm / other)
        finish = np.take(finish, np.arange(columns), axis=1, mode="wrap")
    return start, bpm, finish


def _ground(start: Picture, finish: Picture | None, columns: int) -> Picture:
    """What a walk is painted over: its beginning again and again, fading into its end."""
    width = start.shape[1]
    at = np.arange(columns)
    ground = np.take(start, at, axis=1, mode="wrap")
    if finish is None:
        return ground
    share = np.clip((at - width) / max(1, columns - 2 * width), 0, 1)
    other = np.take(_fitted(finish, width), at, axis=1, mode="wrap")
    for part in _blocks(columns):
        mixed = ground[:, part] + share[part] * (
            other[:, part].astype(np.float64) - ground[:, part]
        )
        ground[:, part] = np.round(mixed)
    return ground


def _fitted(picture: Picture, width: int) -> Picture:
    """A picture stretched in time: a spectrogram keeps its pitch."""
    if picture.shape[1] == width:
        return picture
    return _resampled(picture, np.linspace(0, picture.shape[1] - 1, width))


def _glide(picture: Picture, width: int, finish: Picture) -> Picture:
    """The walk's middle at a tempo that goes from that of its beginning to that of its end."""
    middle = picture.shape[1] - 2 * width
    ratio = finish.shape[1] / width
    # Speed goes in a straight line from 1 to 1 / ratio: `at` is its integral.
    steps = max(1, round(middle * (1 + ratio) / 2))
    pace = np.linspace(1, 1 / ratio, steps)
    at = width + np.cumsum(pace) * middle / max(pace.sum(), 1e-9) - pace * middle / pace.sum()
    return np.concatenate([picture[:, :width], _resampled(picture, at), finish], axis=1)


def _resampled(picture: Picture, at: NDArray[np.floating]) -> Picture:
    """Columns at fractional places, interpolated linearly."""
    below = np.clip(at.astype(int), 0, picture.shape[1] - 1)
    above = np.minimum(below + 1, picture.shape[1] - 1)
    share = at - below
    found = np.empty((picture.shape[0], len(at)), np.uint8)
    for part in _blocks(len(at)):
        before = picture[:, below[part]] * (1 - share[part])
        found[:, part] = np.round(before + picture[:, above[part]] * share[part])
    return found


def _blocks(columns: int) -> Iterator[slice]:
    """Minutes of picture piece by piece: as fractions they take eight times the memory."""
    return (slice(first, first + _BLOCK) for first in range(0, columns, _BLOCK))


# -- layers -----------------------------------------------------------------------------------


def check_tempos(first: float | None, second: float | None) -> None:
    """Raises BadRequest where two tempos are too far apart for layers of one."""
    if first and second and not 0.75 <= first / second <= 1.34:
        raise BadRequest(
            f"One is at {first:.4g} bpm and the other at {second:.4g}: too far apart to "
            "fit. Remix one of them at the other's tempo first."
        )


def _layer(request: RiffRequest, piece: Layer, images: Images) -> Riff:
    assert request.seed_image is not None
    first, second = images.any_width(request.seed_image), images.any_width(piece.image)
    for picture in (first, second):
        if picture.shape[0] != N_MELS or picture.shape[1] > MAX_COLUMNS:
            raise BadRequest(
                f"A layer of {picture.shape[1]} × {picture.shape[0]} pixels is no spectrogram of "
                f"{N_MELS} rows and {MAX_COLUMNS // 6000} minutes at most."
            )
    bpm = request.bpm or images.tempo(request.seed_image)
    other = piece.bpm or images.tempo(piece.image)
    check_tempos(bpm, other)
    second = _in_time(second, other, bpm)
    columns = min(max(first.shape[1], second.shape[1]), MAX_COLUMNS)
    # Two loops of one tempo go on together until the longer one is round.
    first, second = (_repeated(p, columns) for p in (first, second))
    name, model_hash = NO_MODEL
    resolved = request.but(bpm=bpm)
    return Riff(resolved, mixed(first, second, piece.gain_db), name, model_hash)


def mixed(first: Picture, second: Picture, gain_db: float = 0.0) -> Picture:
    """Two pictures uint8[512, W] heard together, scaled by the loudest pixel as the format says.

    Sounds that know nothing of each other add up in power, band by band.
    """
    gain = 10 ** (gain_db / 20)

    def mel(part: slice) -> NDArray[np.float64]:
        power = _magnitude(first[:, part]) ** 2 + (gain * _magnitude(second[:, part])) ** 2
        return np.asarray(np.sqrt(power))

    blocks = list(_blocks(first.shape[1]))
    loudest = max(1e-12, *(float(mel(part).max()) for part in blocks))
    found = np.empty(first.shape, np.uint8)
    for part in blocks:
        found[:, part] = np.round(SILENT - SILENT * (mel(part) / loudest) ** 0.25)
    return found


def _magnitude(picture: Picture) -> NDArray[np.float64]:
    return ((SILENT - picture.astype(np.float64)) / SILENT) ** 4


def _in_time(picture: Picture, own: float | None, wanted: float | None) -> Picture:
    """A picture at another tempo: stretched in time, its pitch kept."""
    if not own or not wanted or abs(own / wanted - 1) < 1e-3:
        return picture
    return _fitted(picture, max(1, round(picture.shape[1] * own / wanted)))


def _repeated(picture: Picture, columns: int) -> Picture:
    assert picture.shape[0] == N_MELS
    # Rounding leaves a column here and there; whole repetitions are stretched by it.
    times = max(1, round(columns / picture.shape[1]))
    return _fitted(np.tile(picture, (1, times)), columns)
