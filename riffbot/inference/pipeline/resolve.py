"""Fills what a request leaves open, once, before anything waits in the queue.

A resolved request says everything that decides its clip, so it can be replayed for ever, whatever
defaults a later model has. Nonsense is refused here too, not after a wait in the queue.
"""

from __future__ import annotations

from riffbot import style_tempos
from riffbot.errors import BadRequest
from riffbot.harmony import NO_HARMONY
from riffbot.images import Images
from riffbot.inference.batching import choose_steps
from riffbot.inference.models import schedulers
from riffbot.inference.models.model import ModelCard
from riffbot.regions import BEATS
from riffbot.request import RiffRequest
from riffbot.tempo import (
    MAX_WIDTH,
    MIN_WIDTH,
    Grid,
    find_tempo,
    fit_beats,
    fit_measures,
    fit_progression,
    is_waltz,
)


def resolve(request: RiffRequest, card: ModelCard, images: Images) -> RiffRequest:
    """Fill what is None from the seed image, the tempo and the model's defaults.

    `bpm` is the request's, else the one that the prompt names, else the seed image's. Where nobody
    names one, it is a tempo at home in what the words describe, another for each seed, if the
    model is shown the beat grid; with other models, or a width or an image of unknown tempo, it
    stays None. `width` is the seed image's, else the whole beats nearest to the
    model's default width, else that width; where the chords are known and fit into one picture, it
    is their progression, once or repeated. `key` and `chords` are the request's, else those that
    the prompt names; models without a harmony grid are not told them, so they become None.
    Resolving twice changes nothing.

    Raises:
        PromptError: a prompt cannot be parsed, or has no words (of a stored request).
        HarmonyError: the key or a chord cannot be read (of a stored request).
        NotFound: the seed image or the mask does not exist.
        BadRequest: the model does not take this scheduler, number of steps or width.
    """
    request.check_prompts()
    scheduler = schedulers.canonical(request.scheduler or card.defaults.scheduler)
    steps = request.steps or choose_steps(request, card.defaults.steps)
    schedulers.check(scheduler, steps, card)
    harmony = request.find_harmony_text() if card.harmony_grid else NO_HARMONY
    measures = len(harmony.parse().measures)
    bpm = _tempo(request, images)
    if bpm is None and card.beat_grid and request.seed_image is None and request.width is None:
        usual = _usual(request, card, measures)
        bpm, width = round(usual.bpm, 3), usual.width
    else:
        width = _width(request, bpm, card, images, measures)
    if request.mask is not None:
        images.mask(request.mask, width)
    return request.with_changes(
        key=harmony.key,
        chords=harmony.chords,
        guidance=request.guidance or card.defaults.guidance,
        steps=steps,
        scheduler=scheduler,
        bpm=bpm,
        width=width,
    )


def _tempo(request: RiffRequest, images: Images) -> float | None:
    if request.bpm is not None:
        return request.bpm
    named = find_tempo(request.prompt)
    if named is None and request.seed_image is not None:
        return images.tempo(request.seed_image)
    return named


def _usual(request: RiffRequest, card: ModelCard, measures: int) -> Grid:
    """What the words suggest, moved to the nearest tempo that fills a clip with whole measures."""
    suggested = style_tempos.suggest_tempo(request.prompt, request.seed)
    found = _fit_chords(request, suggested, card, measures, exact=False)
    meter = _meter(request)
    return found or fit_measures(suggested, card.width_multiple, card.defaults.width, meter)


def _fit_chords(
    request: RiffRequest, bpm: float, card: ModelCard, measures: int, *, exact: bool
) -> Grid | None:
    """The width for a progression of so many measures; None where there is none, or no room."""
    if not measures:
        return None
    beats = measures * _meter(request)
    around = card.defaults.width
    return fit_progression(bpm, card.width_multiple, beats, around, exact=exact)


def _meter(request: RiffRequest) -> int:
    return 3 if is_waltz(request.prompt) else BEATS


def _width(
    request: RiffRequest, bpm: float | None, card: ModelCard, images: Images, measures: int
) -> int:
    if request.seed_image is not None:
        return _seed_width(request, images.load(request.seed_image).shape[1])
    multiple = card.width_multiple
    if request.width is not None:
        return _checked_width(request.width, multiple)
    if bpm is not None:
        whole = _fit_chords(request, bpm, card, measures, exact=True)
        if whole is not None:
            return whole.width
        return fit_beats(bpm, multiple, around=card.defaults.width).width
    return card.defaults.width


def _seed_width(request: RiffRequest, width: int) -> int:
    if request.width not in (None, width):
        raise BadRequest(
            f"The seed image is {width} columns wide and a riff made from it is as well; please "
            f"leave the width out."
        )
    return width


def _checked_width(width: int, multiple: int) -> int:
    if width % multiple == 0:
        return width
    below, above = width // multiple * multiple, -(-width // multiple) * multiple
    near = [str(w) for w in (below, above) if MIN_WIDTH <= w <= MAX_WIDTH]
    raise BadRequest(
        f"The width must be a multiple of {multiple}, for example {' or '.join(near)}, not {width}."
    )
