"""The six edits as requests: remix, inpaint, extend, morph, layer, draw.

Discord, the page and the command line all build the requests of their edits here, so an option
means the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audio.columns import beats_of, columns_of, columns_of_beats, seconds_of
from riffbot.composition import check_tempos, extended_columns
from riffbot.composition.morph import check_clips_between_riffs
from riffbot.errors import BadRequest
from riffbot.generation_options import NO_OPTIONS, GenerationOptions
from riffbot.harmony import NO_HARMONY, HarmonyText, Key, Progression, find_harmony
from riffbot.library.tables import StoredRiff
from riffbot.regions import BEATS, Region
from riffbot.request import DEFAULT_DENOISING, MAX_PROMPT, Extend, RiffRequest
from riffbot.tempo import MAX_WIDTH

INPAINT_DENOISING = 1.0
"""The denoising of inpainting: nothing of the repainted region stays."""


@dataclass(frozen=True)
class EditSource:
    """A picture that an edit starts from.

    Attributes:
        ref: the picture, as a request's seed image.
        width: its columns of 10 ms.
        bpm: its tempo, if it has one.
        prompt: its own prompt, used if the edit has none.
        riff_id: the riff that the picture belongs to, if any.
        meter: beats a measure.
        harmony: its key and its chords from the picture's first measure on, as far as known.
    """

    ref: str
    width: int
    bpm: float | None = None
    prompt: str = ""
    riff_id: str | None = None
    meter: int = BEATS
    harmony: HarmonyText = NO_HARMONY


def check_remix_allowed(riff: StoredRiff, user_id: int) -> StoredRiff:
    """Return the riff if its author lets this member remix it. Raises BadRequest."""
    if not riff.remix_allowed and user_id != riff.author_id:
        raise BadRequest("The author of this riff keeps it for themselves.")
    return riff


def crop_harmony(request: RiffRequest, column: int, *, meter: int = BEATS) -> HarmonyText:
    """Key and chords of a clip's part: its chords begin with the measure that begins there.

    Args:
        column: the clip's column at which the part begins.
        meter: beats a measure.
    """
    held = request.harmony.normalise()
    if not column or held.chords is None:
        return held
    if request.bpm is None:
        return held._replace(chords=None)
    measure = round(beats_of(column, request.bpm) / meter)
    return held._replace(chords=Progression.parse(held.chords).from_measure(measure).text)


def crop_to_measures(
    picture: NDArray[np.uint8], bpm: float | None, *, start_s: float = 0.0, meter: int = BEATS
) -> NDArray[np.uint8]:
    """Crop a long picture to whole measures that one clip can start from, at most 20.48 s.

    Args:
        picture: uint8[512, W].
        bpm: its tempo, if it has one.
        start_s: where to begin, in seconds.
        meter: beats a measure.

    Raises:
        BadRequest: `start_s` is after the picture's end.
    """
    width = picture.shape[1]
    first = columns_of(start_s)
    if not 0 <= first <= width - 64:
        raise BadRequest(f"This clip lasts {seconds_of(width):g} s; say a start before its end.")
    if first == 0 and width <= MAX_WIDTH:
        return picture
    bar = columns_of_beats(meter, bpm) if bpm else 512.0
    room = min(MAX_WIDTH, width - first)
    # About as long as an ordinary clip: a minute of a song would take long to generate.
    bars = max(1, min(int(room / bar), round(512 / bar)))
    return picture[:, first : first + min(room, round(bars * bar))]


def remix(
    source: EditSource, options: GenerationOptions, *, mask: str | None = None
) -> RiffRequest:
    """Build an img2img request: the source's picture, changed towards a prompt.

    Args:
        source: the picture to change.
        options: what was set; without a prompt or a tempo the source's own are taken, and what is
            said of key and chords is added to the source's (`GenerationOptions.choose_harmony`).
        mask: reference of a picture that says where to repaint.

    Raises:
        BadRequest: there is no prompt at all.
        PromptError: the source's own prompt cannot be parsed.
    """
    return _build_img2img(source, options, mask=mask)


def inpaint(
    source: EditSource,
    options: GenerationOptions,
    *,
    where: str = "",
    low: float | None = None,
    high: float | None = None,
    mask: str | None = None,
) -> RiffRequest:
    """Build an inpainting request for a time span, a frequency band or a mask.

    The rest of the picture stays the same to the pixel.

    Args:
        source, options: as for `remix`; denoising is 1 by default.
        where: “bar 2”, “2-3.5”, “second half” …, or a bundled mask's name; empty for all of it.
        low, high: the band in Hz.
        mask: a painted mask's reference, in place of all these.

    Raises:
        BadRequest: the region cannot be read, is empty, or is everything; or as `remix`.
    """
    if mask is None and where.startswith("mask_"):
        mask = where
    elif mask is None:
        if not where.strip() and low is None and high is None:
            raise BadRequest(
                "Say which part to repaint: for example where: bar 2, or high: 200 for all that "
                "lies under 200 Hz."
            )
        mask = Region.from_words(
            where.strip() or "all",
            source.width,
            source.bpm,
            0.0 if low is None else low,
            10_000.0 if high is None else high,
            meter=source.meter,
        ).name
    return _build_img2img(source, options.with_defaults(denoising=INPAINT_DENOISING), mask=mask)


def extend(
    source: EditSource,
    options: GenerationOptions = NO_OPTIONS,
    *,
    seconds: float | None = None,
    bars: int | None = None,
    backward: bool = False,
) -> RiffRequest:
    """Build a request that continues a riff, forward or backward, by whole measures.

    Args:
        source, options: as for `remix`.
        seconds: length of the result, to the nearest measure, or
        bars: how many measures to add.
        backward: extend at the beginning instead.

    Raises:
        BadRequest: the result would not be longer, or too long; or as `remix`.
    """
    columns = extended_columns(
        source.width, source.bpm, seconds=seconds, bars=bars, meter=source.meter
    )
    return _build_img2img(source, options, piece=Extend(columns=columns, backward=backward))


def morph(
    first: EditSource | str,
    second: EditSource | str,
    options: GenerationOptions = NO_OPTIONS,
    *,
    clips: int = 5,
    target_seed: int | None = None,
) -> RiffRequest:
    """Build a request that morphs from one riff or prompt to another, as one clip.

    Args:
        first, second: riffs or prompts. A morph from a riff begins with that riff unchanged, one
            between two riffs ends with the second. Between prompts, and from a prompt to a riff,
            the morph keeps one beat: that of the seed image, if there is one.
        options: what was set. Their prompt is not used; their key and chords hold from one end to
            the other, in place of the riffs' own.
        clips: the length, in clips as long as the first one.
        target_seed: the seed of the second end; that of the first by default.

    Raises:
        BadRequest: a value is out of range, or an end has no prompt.
        PromptError: a prompt cannot be parsed.
    """
    if isinstance(first, EditSource) and isinstance(second, EditSource):
        check_clips_between_riffs(clips)
    departure, arrival = _harmony_of_ends(first, second, options)
    fields = {**options.as_fields(), "prompt": _prompt_of(first), **departure._asdict()}
    second_prompt = _prompt_of(second)
    if isinstance(first, EditSource):
        fields |= {"seed_image": first.ref, "bpm": first.bpm}
    elif isinstance(second, EditSource):
        fields |= {"seed_image": second.ref, "bpm": second.bpm}
    image = second if isinstance(first, EditSource) and isinstance(second, EditSource) else None
    base = RiffRequest.build(**fields)
    # A request, so that its errors name the prompt; the second end may be without words.
    seed = base.seed if target_seed is None else target_seed
    end = base.build_unparsed(**{**base.model_dump(), "prompt": second_prompt, "seed": seed})
    piece = {
        "kind": "morph",
        "clips": clips,
        "whole": isinstance(first, EditSource),
        "image": image.ref if image else None,
        "bpm": image.bpm if image else None,
        **arrival._asdict(),
    }
    return base.with_changes(
        target=end.model_dump(include={"prompt", "negative", "seed", "denoising"}), piece=piece
    )


def layer(first: EditSource, second: EditSource, *, gain_db: float = 0.0) -> RiffRequest:
    """Build a request that mixes two riffs, the second at the first one's tempo.

    Its prompt is a caption of both, which no model reads.

    Raises:
        BadRequest: their tempos are too far apart to fit.
    """
    check_tempos(first.bpm, second.bpm)
    caption = f"{first.prompt} + {second.prompt}"[:MAX_PROMPT]
    piece = {"kind": "layer", "image": second.ref, "gain_db": gain_db, "bpm": second.bpm}
    return RiffRequest.build_unparsed(
        prompt=caption,
        seed=0,
        seed_image=first.ref,
        denoising=0.0,
        bpm=first.bpm,
        piece=piece,
        key=first.harmony.key or second.harmony.key,
        chords=first.harmony.chords,
    )


def describe_clash(first: EditSource, second: EditSource) -> str | None:
    """The sentence for two riffs whose keys do not go together; None where they may."""
    if first.harmony.key is None or second.harmony.key is None:
        return None
    one, other = Key.parse(first.harmony.key), Key.parse(second.harmony.key)
    if one.shares_scale_with(other):
        return None
    return (
        f"The first is in {one} and the second in {other}, so they may clash; to avoid that, remix "
        f"the second with key: {one} and layer the remix."
    )


def draw(source: EditSource, options: GenerationOptions = NO_OPTIONS) -> RiffRequest:
    """Build a request that plays a drawing: unchanged, or with diffusion if there is a prompt."""
    if options.prompt is not None:
        return _build_img2img(source, options.with_defaults(denoising=DEFAULT_DENOISING))
    titled = replace(source, prompt=source.prompt or "a drawing")
    return _build_img2img(titled, options.model_copy(update={"denoising": 0.0}))


def _build_img2img(
    source: EditSource,
    options: GenerationOptions,
    *,
    mask: str | None = None,
    piece: Extend | None = None,
) -> RiffRequest:
    """Build a request whose seed image is the source's picture."""
    fields: dict[str, object] = {
        "prompt": source.prompt,
        "bpm": source.bpm,
        **options.as_fields(),
        **_choose_harmony(source, options)._asdict(),
        "seed_image": source.ref,
        "mask": mask,
        "piece": piece,
    }
    return RiffRequest.build(**fields)


def _choose_harmony(source: EditSource, options: GenerationOptions) -> HarmonyText:
    """Key and chords of an edit. The source's own prompt says nothing new."""
    if options.prompt == source.prompt:
        options = options.model_copy(update={"prompt": None})
    return options.choose_harmony_fields(source.harmony)


def _harmony_of_ends(
    first: EditSource | str, second: EditSource | str, options: GenerationOptions
) -> tuple[HarmonyText, HarmonyText]:
    """Key and chords of a morph's ends, the second's only where they differ from the first's.

    What its prompts say of them is left to their words, except where a riff's key is to end.
    """
    told = options.model_copy(update={"prompt": None})
    held = first.harmony if isinstance(first, EditSource) else NO_HARMONY
    departure = told.choose_harmony(held)
    if isinstance(second, EditSource):
        arrival = told.choose_harmony(second.harmony)
    elif departure == NO_HARMONY:
        arrival = NO_HARMONY
    else:
        arrival = told.choose_harmony(find_harmony(second))
    return departure, NO_HARMONY if arrival == departure else arrival


def _prompt_of(end: EditSource | str) -> str:
    return end.prompt if isinstance(end, EditSource) else end
