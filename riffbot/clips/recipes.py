"""Recipes: what a file says about how it was made, and making it again.

A recipe names the pictures that it starts from by their content. Where one of them is gone (the
database was lost, the file came from somebody else's RiffBot), it is made again from its own
recipe, which travels inside (`made_from`), as far back as to the first prompt. Whether it came out
the same its name tells, which is its sha256; where it did not, the recipe says so (`differs`).
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
"""Where a sound file carries its recipe."""

MAX_TEXT = 64_000
"""Characters of a recipe that is read; what RiffBot writes is half of that at most."""

MAX_RESTORED = 64
"""Pictures that are made again for one clip: as many as a recipe of RiffBot's can tell of."""

_DEEPEST = 64
_MOST_BATCH = 64

Make = Callable[["Recipe"], Awaitable[GeneratedRiff]]
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
        sound: the picture was taken of the sound of what the request makes; None is its own.
        differs: after `restore_sources`, a sentence that says why what is made of it may not be
            what the file holds; empty where it is the same.
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
    told = _told(text)
    if told is None:
        return None
    within = _columns(told.get("part"))
    first = within[0] if within is not None else 0
    told["part"] = [first + begin, first + end]
    return _json(told)


def of_sound(text: str | None, data: bytes, *, loop: bool) -> str | None:
    """The recipe of the picture that was taken of a sound file, given the recipe in its tags.

    It is made again as the clip is, and then rendered, encoded, decoded and analysed.

    Args:
        text: the recipe in the file; somebody else's stays as it is.
        data: the file's first bytes.
        loop: the sound was analysed as a loop.
    """
    told, sound = _told(text), SoundFile.of(data, loop=loop)
    if told is None or sound is None or "part" in told or "sound" in told:
        # The sound of a part, or of what was a sound before, has no recipe: `restore_sources`
        # says so.
        return text
    longer = _json({**told, "sound": sound.to_json()})
    return longer if len(longer) <= MAX_TEXT else text


def _told(text: str | None) -> dict[str, Any] | None:
    """A recipe's JSON in its usual form; None where it is none of ours."""
    if text is None:
        return None
    try:
        parse_recipe(text)
    except BadRequest:
        return None
    told: dict[str, Any] = json.loads(text)
    return told if isinstance(told.get("request"), dict) else {"request": told}


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
    recipe: Recipe,
    *,
    there: Callable[[str], bool],
    make: Make,
    keep: Keep,
    loudness_lufs: float = USUAL_LUFS,
) -> Recipe:
    """The recipe with every picture that it needs in its place again.

    Args:
        there: whether the picture of this reference can be read; called in a thread, as `keep`.
        make: makes one clip, whose own pictures are there.
        keep: keeps a picture that was made again.
        loudness_lufs: how loud clips are rendered here, for pictures that were taken of sounds.

    Returns:
        The recipe; `differs` says so where a picture did not come out as its name tells.

    Raises:
        NotFound: a picture is gone, and the file does not say how it was made.
        BadRequest: there is no end of pictures that it needs.
        RiffBotError: as `make`.
    """
    made: dict[str, str] = {}
    differing: dict[str, str] = {}

    async def whole(recipe: Recipe) -> tuple[Recipe, str]:
        """The recipe, and why one of its pictures did not come out the same."""
        changes: dict[str, str] = {}
        refs = sorted(referenced_images(recipe.request))
        for ref in refs:
            if await asyncio.to_thread(there, ref):
                continue
            if ref not in made:
                made[ref] = await again(ref, recipe.made_from.get(ref))
            changes[ref] = made[ref]
        found = replace(recipe, request=replace_refs(recipe.request, changes))
        return found, next((differing[ref] for ref in refs if ref in differing), "")

    async def again(ref: str, older: Recipe | None) -> str:
        if older is None:
            raise NotFound(
                "The picture that this was made from is not here any more, and the file does not "
                "say how to make it again: please remix the file itself instead."
            )
        older, why = await whole(older)
        if len(made) >= MAX_RESTORED:
            raise BadRequest(
                "That recipe starts from more pictures than I make again for one clip."
            )
        riff = await make(older)
        if older.model_hash not in (None, riff.model_hash):
            why = "other weights made it"
        # Of another picture the sound is another one, too, and need not be looked at.
        possible = _possible(older, riff, loudness_lufs, sounds=not why)
        png = await asyncio.to_thread(_made_again, ref, older, riff, possible)
        # Where it came out the same, what it was made from does not matter.
        if _name(png) != ref:
            differing[ref] = why or _reason(older)
        return f"sha256:{await asyncio.to_thread(keep, png)}"

    found, why = await whole(recipe)
    return replace(found, differs=_differs(recipe, why))


def _made_again(ref: str, older: Recipe, riff: GeneratedRiff, possible: Iterator[Pixels]) -> bytes:
    """A PNG of what an older recipe tells of: the one that the reference names, if it can be made.

    The name is the sha256 of the whole file, so the text in it counts, too.
    """
    travelling = {name: ancestor.text for name, ancestor in older.made_from.items()}
    taken = older.part is not None or older.sound is not None
    now = older.text if taken else rendering.recipe(riff, travelling)
    texts: list[str | None] = [t for t in dict.fromkeys([now, older.text]) if len(t) <= MAX_TEXT]
    nearest: bytes | None = None
    for pixels in possible:
        for text in texts or [None]:
            png = encode_png(pixels, recipe=text)
            nearest = nearest or png
            # An earlier version may have written it; what is made from it has the same name then.
            for candidate in (png, encode_png(pixels, recipe=text, retired_tag=True)):
                if _name(candidate) == ref:
                    return candidate
    assert nearest is not None
    return nearest


def _possible(
    older: Recipe, riff: GeneratedRiff, loudness_lufs: float, *, sounds: bool
) -> Iterator[Pixels]:
    """The pictures that a recipe can mean, the likeliest first, at least one.

    Recipes did not always tell that a picture was taken of a sound.

    Raises:
        BadRequest: it is a part of a clip that is not so long.
    """
    if older.sound is None:
        yield _cut(riff.image, older.part)
    if older.sound is not None or (sounds and older.part is None):
        for pixels in pictures(riff, older.sound, loudness_lufs):
            yield _cut(pixels, older.part)
            if not sounds:
                return
    if older.sound is not None:
        yield _cut(riff.image, older.part)


def _cut(pixels: Pixels, part: tuple[int, int] | None) -> Pixels:
    if part is None:
        return pixels
    begin, end = part
    if pixels.shape[1] < end:
        raise BadRequest("That recipe takes a part of a clip that is not so long.")
    return pixels[:, begin:end]


def _reason(older: Recipe) -> str:
    """Why a picture differs that was made of the same pictures by the same weights."""
    if older.sound is not None:
        return "it was taken of a sound file that I cannot make again to the byte"
    return "it was changed after its recipe was written, or made on another machine"


def _differs(recipe: Recipe, why: str) -> str:
    """The sentence for `Recipe.differs`."""
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
    """A request whose pictures have other references; made again, a picture may differ a little."""
    if not refs:
        return request
    text = request.model_dump_json()
    for old, new in refs.items():
        text = text.replace(old, new)
    return RiffRequest.from_json(text)


def _name(png: bytes) -> str:
    """How requests refer to a picture."""
    return f"sha256:{hashlib.sha256(png).hexdigest()}"


def _json(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


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
        text=_json(told),
        part=_columns(told.get("part")),
        sound=SoundFile.from_json(told.get("sound")),
    )


def _columns(told: Any) -> tuple[int, int] | None:
    """A part of a picture: two whole numbers in order, or else none."""
    if not isinstance(told, list) or [type(number) for number in told] != [int, int]:
        return None
    begin, end = told
    return (begin, end) if 0 <= begin < end <= MAX_COLUMNS else None
