"""Plans the pictures of a clip before any of them is made, so that it can be priced."""

from __future__ import annotations

from collections.abc import Callable

from riffbot.composition.canvas import Window, plan_windows
from riffbot.composition.extend import check_longer, load_start
from riffbot.composition.morph import alpha_at, check_length, load_ends
from riffbot.images import Images
from riffbot.inference.batching import choose_steps
from riffbot.request import Extend, Layer, Morph, RiffRequest

Resolve = Callable[[RiffRequest], RiffRequest]
"""Fills the fields of a request for a single picture that are None with the model's values."""


def plan_requests(request: RiffRequest, images: Images, resolve: Resolve) -> list[RiffRequest]:
    """The single pictures that `compose` will ask the model for, in order. Reads picture files.

    Each is resolved as far as its price depends on it: its width, steps, guidance and denoising.
    Its seed image is a placeholder: the windows' own pictures do not exist yet.

    Returns:
        An empty list for layers, which need no model.

    Raises:
        BadRequest: the request is invalid for this model, or its pictures do not fit together.
        NotFound: a picture that it starts from is gone.
    """
    piece = request.piece
    match piece:
        case Extend():
            return _plan_extension(request, piece, images, resolve)
        case Morph():
            return _plan_morph(request, piece, images, resolve)
        case Layer():
            return []
        case None:
            return [resolve(request)]


def _plan_extension(
    request: RiffRequest, piece: Extend, images: Images, resolve: Resolve
) -> list[RiffRequest]:
    start, bpm, loop = load_start(request, piece, images)
    known = start.shape[1]
    check_longer(piece, known)
    period = known if loop is None else loop.shape[1]
    windows = plan_windows(piece.columns, known, period, backward=piece.backward)
    base = resolve(
        request.with_changes(piece=None, seed_image=None, mask=None, bpm=bpm, width=None)
    )
    return [_window(base, request, window, 0.0) for window in windows]


def _plan_morph(
    request: RiffRequest, piece: Morph, images: Images, resolve: Resolve
) -> list[RiffRequest]:
    first: list[RiffRequest] = []
    until, bpm = None, request.bpm
    if piece.image is not None:
        start, bpm, _ = load_ends(request, piece, images)
        width = start.shape[1]
        until = (piece.clips - 1) * width
    elif piece.whole and request.seed_image is not None:
        width = images.load(request.seed_image).shape[1]
        bpm = request.bpm or images.tempo(request.seed_image)
    else:
        first = [resolve(request.with_changes(piece=None, alpha=0.0))]
        width, bpm = first[0].width or 0, first[0].bpm
    check_length(piece, width)
    columns = piece.clips * width
    windows = plan_windows(columns, width, width)
    if first:
        request = request.with_changes(steps=first[0].steps)
    base = resolve(
        request.with_changes(piece=None, alpha=0.0, seed_image=None, bpm=bpm, width=None, mask=None)
    )
    priced = first
    for window in windows:
        if until is None or window.begin < until:
            end = window.end if until is None else min(window.end, until)
            alpha = alpha_at((window.begin + end) / 2, width, columns)
            priced.append(_window(base, request, window, alpha))
    return priced


def _window(base: RiffRequest, request: RiffRequest, window: Window, alpha: float) -> RiffRequest:
    # A window starts from what stands on the canvas; which picture that is costs the same.
    ground = request.seed_image or "canvas"
    priced = base.model_copy(update={"seed_image": ground, "width": window.width, "alpha": alpha})
    if request.steps is None:
        priced = priced.model_copy(update={"steps": choose_steps(priced, base.steps or 1)})
    return priced
