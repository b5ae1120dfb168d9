"""Reads the recipes in files, and regenerates the pictures that a recipe starts from.

A recipe refers to the pictures that it starts from by their sha256. If one of them is gone (the
database was lost, or the file came from another RiffBot), it is generated again from its own
recipe, which is included (`made_from`), back to the first prompt if necessary. The sha256 shows
whether the result is the same; if it is not, `Recipe.differs` says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from audio import decoder, filetypes
from audio.arrays import Pixels
from audio.image import encode_png
from riffbot import rendering
from riffbot.clips.sound_pictures import USUAL_LUFS, SoundFile, pictures
from riffbot.errors import BadRequest, NotFound
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.library.types import referenced_images
from riffbot.request import MAX_COLUMNS, RiffRequest

RECIPE_TAG = "comment"
"""The tag of a sound file that contains its recipe."""

MAX_TEXT = 64_000
"""Longer recipes, in characters, are not read; RiffBot writes at most half as many."""

MAX_RESTORED = 64
"""Pictures that are regenerated for one clip: a recipe of RiffBot's cannot contain more."""

_MAX_DEPTH = 64
_MAX_BATCH = 64

Generate = Callable[["Recipe"], Awaitable[GeneratedRiff]]
StorePng = Callable[[bytes], str]
"""Stores a PNG so that its reference is found; returns the sha256."""


@dataclass(frozen=True)
class Recipe:
    """The recipe of a clip, as it was read from a file.

    Attributes:
        request: the request that decided the clip.
        batch: how many clips were computed together.
        model_hash: the weights that made it, if the recipe names them.
        made_from: the recipes of the pictures that it starts from, by reference.
        text: the JSON that it was read from.
        part: the columns (begin, end) that the picture is of the request's result; None is all.
        retired_tag: it was in a PNG of an earlier version (`audio.params.RETIRED_TAG`).
        sound: how the picture was computed from the sound of the request's result; None if it is
            the result itself.
        differs: after `restore_sources`, a sentence that says why the clip may differ from the
            one in the file; empty if it is the same.
    """

    request: RiffRequest
    batch: int = 1
    model_hash: str | None = None
    made_from: Mapping[str, Recipe] = field(default_factory=dict)
    text: str = ""
    part: tuple[int, int] | None = None
    retired_tag: bool = False
    sound: SoundFile | None = None
    differs: str = ""


def parse_recipe(text: str | bytes) -> Recipe:
    """Read a recipe's JSON: `{"request": {…}, "model_hash": …}` as RiffBot writes it, or a request.

    Raises:
        BadRequest: it is not a recipe.
    """
    try:
        data = json.loads(text.removeprefix("\ufeff") if isinstance(text, str) else text)
    except (ValueError, RecursionError) as error:
        raise BadRequest("That is not a riff's recipe: the JSON cannot be read.") from error
    return _build_recipe(data, 0)


def crop_recipe(text: str | None, begin: int, end: int) -> str | None:
    """Return the recipe of the columns `begin` to `end` of a picture, given the picture's own.

    It is that of the whole picture, with its tempo and measure, and a part to crop it to.
    """
    fields = _parse_fields(text)
    if fields is None:
        return None
    outer = _parse_part(fields.get("part"))
    first = outer[0] if outer is not None else 0
    fields["part"] = [first + begin, first + end]
    return _json(fields)


def of_sound(text: str | None, data: bytes, *, loop: bool) -> str | None:
    """Return the recipe of the picture of a sound file, given the recipe in its tags.

    To regenerate it the clip is generated, rendered, encoded, decoded and analysed.

    Args:
        text: the recipe in the file; one of another program is returned unchanged.
        data: the file's first bytes.
        loop: the sound was analysed as a loop.
    """
    fields, sound = _parse_fields(text), SoundFile.of(data, loop=loop)
    if fields is None or sound is None or "part" in fields or "sound" in fields:
        # The sound of a part, or of a picture of a sound, has no recipe: `restore_sources` says so.
        return text
    longer = _json({**fields, "sound": sound.to_json()})
    return longer if len(longer) <= MAX_TEXT else text


def _parse_fields(text: str | None) -> dict[str, Any] | None:
    """Parse a recipe's JSON, a bare request as `{"request": …}`; None if it is no recipe."""
    if text is None:
        return None
    try:
        parse_recipe(text)
    except BadRequest:
        return None
    fields: dict[str, Any] = json.loads(text)
    return fields if isinstance(fields.get("request"), dict) else {"request": fields}


def read_recipe(data: bytes) -> Recipe | None:
    """Read the recipe in a downloaded file: a PNG, an MP3, or the JSON itself.

    Returns:
        None if the file contains no recipe.

    Raises:
        BadRequest: the recipe is invalid.
    """
    if filetypes.is_json(data):
        if len(data) > 4 * MAX_TEXT:
            raise BadRequest("That is no recipe of RiffBot's: it is far too long.")
        return parse_recipe(data)
    text = read_recipe_text(data)
    return parse_recipe(text) if text else None


def read_recipe_text(data: bytes) -> str | None:
    """Read the text of the recipe in a picture or sound, unparsed; None if there is none."""
    try:
        return decoder.decode_image(data).recipe
    except ValueError:
        return read_sound_recipe(data)


def read_sound_recipe(data: bytes) -> str | None:
    """Read the recipe from a sound file's tags; None if there is none."""
    try:
        text = decoder.read_tags(data).get(RECIPE_TAG)
    except ValueError:
        return None
    is_json = text and len(text) <= MAX_TEXT and text.lstrip().startswith("{")
    return text if is_json else None


def collect_ancestors(request: RiffRequest, images: Images) -> dict[str, str]:
    """Read the recipes in the pictures that a request starts from, by reference."""
    found = {}
    for ref in sorted(referenced_images(request)):
        try:
            text = images.recipe(ref)
            if text is not None:
                parse_recipe(text)
                found[ref] = text
        except BadRequest:
            continue  # gone, or the recipe of another program: the picture is usable all the same
    return found


def required_images(recipe: Recipe) -> set[str]:
    """Return the references of all pictures that a recipe and its ancestors start from.

    Any of them may be opened to regenerate the clip (`restore_sources`).
    """
    refs, recipes = set[str](), [recipe]
    while recipes:
        older = recipes.pop()
        refs |= referenced_images(older.request)
        recipes += older.made_from.values()
    return refs


async def restore_sources(
    recipe: Recipe,
    *,
    exists: Callable[[str], bool],
    generate: Generate,
    store_png: StorePng,
    loudness_lufs: float = USUAL_LUFS,
) -> Recipe:
    """Regenerate the missing pictures that a recipe starts from.

    Args:
        exists: whether the picture of a reference can be read; called in a thread.
        generate: generates one clip, whose own pictures exist.
        store_png: stores a regenerated picture; called in a thread.
        loudness_lufs: how loud clips are rendered here, for pictures of sounds.

    Returns:
        The recipe with the references of the regenerated pictures; `differs` is set if one of
        them is not the same.

    Raises:
        NotFound: a picture is missing, and the file does not contain its recipe.
        BadRequest: it needs more than `MAX_RESTORED` pictures.
        RiffBotError: as `generate`.
    """
    made: dict[str, str] = {}
    differing: dict[str, str] = {}

    async def restore_recipe(recipe: Recipe) -> tuple[Recipe, str]:
        """Return the recipe with its pictures restored, and why one of them differs, if so."""
        changes: dict[str, str] = {}
        refs = sorted(referenced_images(recipe.request))
        for ref in refs:
            if await asyncio.to_thread(exists, ref):
                continue
            if ref not in made:
                made[ref] = await regenerate(ref, recipe.made_from.get(ref))
            changes[ref] = made[ref]
        found = replace(recipe, request=replace_refs(recipe.request, changes))
        return found, next((differing[ref] for ref in refs if ref in differing), "")

    async def regenerate(ref: str, older: Recipe | None) -> str:
        if older is None:
            raise NotFound(
                "The picture that this was made from is not here any more, and the file does not "
                "say how to make it again: please remix the file itself instead."
            )
        older, why = await restore_recipe(older)
        if len(made) >= MAX_RESTORED:
            raise BadRequest(
                "That recipe starts from more pictures than I make again for one clip."
            )
        riff = await generate(older)
        if older.model_hash not in (None, riff.model_hash):
            why = "other weights made it"
        # If the clip itself differs, its sound differs, too, and is not tried.
        candidates = _candidate_pictures(older, riff, loudness_lufs, sounds=not why)
        png = await asyncio.to_thread(_regenerate_png, ref, older, riff, candidates)
        # If the result is the same, a difference in what it was made from does not matter.
        if _reference_of(png) != ref:
            differing[ref] = why or _explain_difference(older)
        return f"sha256:{await asyncio.to_thread(store_png, png)}"

    found, why = await restore_recipe(recipe)
    return replace(found, differs=_difference_sentence(recipe, why))


def _regenerate_png(
    ref: str, older: Recipe, riff: GeneratedRiff, candidates: Iterator[Pixels]
) -> bytes:
    """Encode a regenerated picture as PNG: as the file of the reference if possible.

    The reference is the sha256 of the whole file, so the text in it counts, too.
    """
    ancestors = {name: ancestor.text for name, ancestor in older.made_from.items()}
    is_derived = older.part is not None or older.sound is not None
    now = older.text if is_derived else rendering.recipe(riff, ancestors)
    texts: list[str | None] = [t for t in dict.fromkeys([now, older.text]) if len(t) <= MAX_TEXT]
    nearest: bytes | None = None
    for pixels in candidates:
        for text in texts or [None]:
            png = encode_png(pixels, recipe=text)
            nearest = nearest or png
            # An earlier version may have written the file, with another tag.
            for candidate in (png, encode_png(pixels, recipe=text, retired_tag=True)):
                if _reference_of(candidate) == ref:
                    return candidate
    assert nearest is not None
    return nearest


def _candidate_pictures(
    older: Recipe, riff: GeneratedRiff, loudness_lufs: float, *, sounds: bool
) -> Iterator[Pixels]:
    """Yield the pictures that a recipe can mean, the likeliest first, at least one.

    Recipes of earlier versions do not say that a picture is of a sound.

    Raises:
        BadRequest: the recipe's part ends after the clip's end.
    """
    if older.sound is None:
        yield _crop(riff.image, older.part)
    if older.sound is not None or (sounds and older.part is None):
        for pixels in pictures(riff, older.sound, loudness_lufs):
            yield _crop(pixels, older.part)
            if not sounds:
                return
    if older.sound is not None:
        yield _crop(riff.image, older.part)


def _crop(pixels: Pixels, part: tuple[int, int] | None) -> Pixels:
    if part is None:
        return pixels
    begin, end = part
    if pixels.shape[1] < end:
        raise BadRequest("That recipe takes a part of a clip that is not so long.")
    return pixels[:, begin:end]


def _explain_difference(older: Recipe) -> str:
    """Explain why a picture differs although its sources and weights are the same."""
    if older.sound is not None:
        return "it was taken of a sound file that I cannot make again to the byte"
    return "it was changed after its recipe was written, or made on another machine"


def _difference_sentence(recipe: Recipe, why: str) -> str:
    """Return the sentence for `Recipe.differs`."""
    if why:
        return (
            f"The picture that this starts from did not come out the same again ({why}), "
            "so this clip may not be the one in the file."
        )
    if recipe.sound is not None:
        return "The picture in that file was taken of a clip's sound; this is the clip itself."
    if recipe.part is not None:
        return "That file holds a part of a clip; this is the whole clip."
    return ""


def replace_refs(request: RiffRequest, refs: Mapping[str, str]) -> RiffRequest:
    """Return a request with other references for its pictures; regenerated ones may differ."""
    if not refs:
        return request
    text = request.model_dump_json()
    for old, new in refs.items():
        text = text.replace(old, new)
    return RiffRequest.from_json(text)


def _reference_of(png: bytes) -> str:
    """Return the reference by which requests name a picture."""
    return f"sha256:{hashlib.sha256(png).hexdigest()}"


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _build_recipe(data: Any, depth: int) -> Recipe:
    if not isinstance(data, dict):
        raise BadRequest("That is not a riff's recipe: it should be a JSON object.")
    if not isinstance(data.get("request"), dict):
        return Recipe(RiffRequest.build_unparsed(**data), text=json.dumps(data))
    batch, model_hash = data.get("batch"), data.get("model_hash")
    older = data.get("made_from")
    older = older if isinstance(older, dict) and depth < _MAX_DEPTH else {}
    return Recipe(
        RiffRequest.build_unparsed(**data["request"]),
        batch=batch if isinstance(batch, int) and 1 <= batch <= _MAX_BATCH else 1,
        model_hash=model_hash if isinstance(model_hash, str) else None,
        made_from={str(ref): _build_recipe(recipe, depth + 1) for ref, recipe in older.items()},
        text=_json(data),
        part=_parse_part(data.get("part")),
        sound=SoundFile.from_json(data.get("sound")),
    )


def _parse_part(data: Any) -> tuple[int, int] | None:
    """Parse a part, a list of two columns; None if it is anything else or out of order."""
    if not isinstance(data, list) or [type(number) for number in data] != [int, int]:
        return None
    begin, end = data
    return (begin, end) if 0 <= begin < end <= MAX_COLUMNS else None
