"""Recipes: what a file says about how it was made, and making it again.

A recipe names the pictures that it starts from by their content. Where one of them is gone (the
database was lost, the file came from somebody else's RiffBot), it is made again from its own
recipe, which travels inside (`made_from`), as far back as to the first prompt.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio import decoder, filetypes
from audio.image import encode_png
from riffbot import rendering
from riffbot.errors import BadRequest, NotFound
from riffbot.images import Images
from riffbot.inference.job import Riff
from riffbot.library.types import referenced_images
from riffbot.request import MAX_COLUMNS, RiffRequest

RECIPE_TAG = "comment"
"""Where a sound file carries its recipe."""

MAX_TEXT = 64_000
"""Characters of a recipe that is read; what RiffBot writes is half of that at most."""

MOST_REVIVED = 64
"""Pictures that are made again for one clip: as many as a recipe of RiffBot's can tell of."""

_DEEPEST = 64
_MOST_BATCH = 64

Make = Callable[["Recipe"], Awaitable[Riff]]
Keep = Callable[[bytes], str]
"""Puts a PNG where its reference is found again; returns the sha256."""


@dataclass(frozen=True)
class Recipe:
    """What a file says about the clip it belongs to.

    Attributes:
        request: what decided the clip.
        batch: how many clips were computed together.
        model_hash: the weights that made it, where the file tells.
        made_from: the recipes of the pictures that it starts from, by reference.
        text: the JSON that it was read from.
        part: the picture is these columns of what the request makes; None is all of it.
        retired_tag: it was in a PNG of an earlier version (`audio.params.RETIRED_TAG`).
    """

    request: RiffRequest
    batch: int = 1
    model_hash: str | None = None
    made_from: Mapping[str, Recipe] = field(default_factory=dict)
    text: str = ""
    part: tuple[int, int] | None = None
    retired_tag: bool = False


def parse_recipe(text: str | bytes) -> Recipe:
    """Read a recipe's JSON: `{"request": {…}, "model_hash": …}` as RiffBot writes it, or a request.

    Raises:
        BadRequest: it is none.
    """
    try:
        told = json.loads(text.removeprefix("\ufeff") if isinstance(text, str) else text)
    except (ValueError, RecursionError) as error:
        raise BadRequest("That is not a riff's recipe: the JSON cannot be read.") from error
    return _recipe(told, 0)


def crop_recipe(text: str | None, begin: int, end: int) -> str | None:
    """The recipe of some columns of a picture, given the picture's own.

    It is made again as the whole is, and cut; and it tells tempo and measure as the whole does.
    """
    if text is None:
        return None
    try:
        parse_recipe(text)
    except BadRequest:  # somebody else's
        return None
    told = json.loads(text)
    told = told if isinstance(told.get("request"), dict) else {"request": told}
    within = _columns(told.get("part"))
    first = within[0] if within is not None else 0
    told["part"] = [first + begin, first + end]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def read_recipe(data: bytes) -> Recipe | None:
    """The recipe that a downloaded file carries: a PNG, an MP3, or the JSON itself.

    Returns:
        None where the file carries none.

    Raises:
        BadRequest: it carries one that makes no sense.
    """
    if filetypes.is_json(data):
        if len(data) > 4 * MAX_TEXT:
            raise BadRequest("That is no recipe of RiffBot's: it is far too long.")
        return parse_recipe(data)
    text = read_recipe_text(data)
    return parse_recipe(text) if text else None


def read_recipe_text(data: bytes) -> str | None:
    """The recipe's text in a picture or a sound, unread; None without one or for anything else."""
    try:
        return decoder.decode_image(data).recipe
    except ValueError:
        return read_sound_recipe(data)


def read_sound_recipe(data: bytes) -> str | None:
    """The same for what is a sound, if it is a file of either kind."""
    try:
        text = decoder.read_tags(data).get(RECIPE_TAG)
    except ValueError:
        return None
    ours = text and len(text) <= MAX_TEXT and text.lstrip().startswith("{")
    return text if ours else None


def collect_ancestors(request: RiffRequest, images: Images) -> dict[str, str]:
    """The recipes in the pictures that a request starts from; those without one are left out."""
    found = {}
    for ref in sorted(referenced_images(request)):
        try:
            text = images.recipe(ref)
            if text is not None:
                parse_recipe(text)
                found[ref] = text
        except BadRequest:
            continue  # gone, or somebody else's recipe: it still is a picture
    return found


def required_images(recipe: Recipe) -> set[str]:
    """The references of all pictures that it starts from, and that theirs start from, to the end.

    Any of them may be opened to make the clip again (`restore_sources`).
    """
    refs, recipes = set[str](), [recipe]
    while recipes:
        older = recipes.pop()
        refs |= referenced_images(older.request)
        recipes += older.made_from.values()
    return refs


async def restore_sources(
    recipe: Recipe, *, there: Callable[[str], bool], make: Make, keep: Keep
) -> Recipe:
    """The recipe with every picture that it needs in its place again.

    Args:
        there: whether the picture of this reference can be read; called in a thread, as `keep`.
        make: makes one clip, whose own pictures are there.
        keep: keeps a picture that was made again.

    Raises:
        NotFound: a picture is gone, and the file does not say how it was made.
        BadRequest: there is no end of pictures that it needs.
        RiffBotError: as `make`.
    """
    made: dict[str, str] = {}

    async def whole(recipe: Recipe) -> Recipe:
        changes: dict[str, str] = {}
        for ref in sorted(referenced_images(recipe.request)):
            if await asyncio.to_thread(there, ref):
                continue
            if ref not in made:
                made[ref] = await again(ref, recipe.made_from.get(ref))
            changes[ref] = made[ref]
        return replace(recipe, request=replace_refs(recipe.request, changes))

    async def again(ref: str, older: Recipe | None) -> str:
        if older is None:
            raise NotFound(
                "The picture that this was made from is not here any more, and the file does not "
                "say how to make it again: please remix the file itself instead."
            )
        older = await whole(older)
        if len(made) >= MOST_REVIVED:
            raise BadRequest(
                "That recipe starts from more pictures than I make again for one clip."
            )
        riff = await make(older)
        if older.part is not None:
            begin, end = older.part
            part = riff.image[:, begin:end]
            if part.shape[1] != end - begin:
                raise BadRequest("That recipe takes a part of a clip that is not so long.")
            return await kept(ref, part, older.text)
        texts = {name: ancestor.text for name, ancestor in older.made_from.items()}
        return await kept(ref, riff.image, rendering.recipe(riff, texts))

    async def kept(ref: str, pixels: NDArray[np.uint8], text: str) -> str:
        png = _as_named(ref, pixels, text)
        return f"sha256:{await asyncio.to_thread(keep, png)}"

    return await whole(recipe)


def replace_refs(request: RiffRequest, refs: Mapping[str, str]) -> RiffRequest:
    """A request whose pictures have other references; made again, a picture may differ a little."""
    if not refs:
        return request
    text = request.model_dump_json()
    for old, new in refs.items():
        text = text.replace(old, new)
    return RiffRequest.from_json(text)


def _as_named(ref: str, pixels: NDArray[np.uint8], text: str) -> bytes:
    """A PNG of the picture: the one that the reference names, should an earlier version have
    written it, so that what is made from it has the same recipe and so the same bytes.
    """
    older = encode_png(pixels, recipe=text, retired_tag=True)
    if f"sha256:{hashlib.sha256(older).hexdigest()}" == ref:
        return older
    return encode_png(pixels, recipe=text)


def _recipe(told: Any, depth: int) -> Recipe:
    if not isinstance(told, dict):
        raise BadRequest("That is not a riff's recipe: it should be a JSON object.")
    if not isinstance(told.get("request"), dict):
        return Recipe(RiffRequest.build(**told), text=json.dumps(told))
    batch, model_hash = told.get("batch"), told.get("model_hash")
    older = told.get("made_from")
    older = older if isinstance(older, dict) and depth < _DEEPEST else {}
    return Recipe(
        RiffRequest.build(**told["request"]),
        batch=batch if isinstance(batch, int) and 1 <= batch <= _MOST_BATCH else 1,
        model_hash=model_hash if isinstance(model_hash, str) else None,
        made_from={str(ref): _recipe(recipe, depth + 1) for ref, recipe in older.items()},
        text=json.dumps(told, ensure_ascii=False, separators=(",", ":")),
        part=_columns(told.get("part")),
    )


def _columns(told: Any) -> tuple[int, int] | None:
    """A part of a picture: two whole numbers in order, or else none."""
    if not isinstance(told, list) or [type(number) for number in told] != [int, int]:
        return None
    begin, end = told
    return (begin, end) if 0 <= begin < end <= MAX_COLUMNS else None
