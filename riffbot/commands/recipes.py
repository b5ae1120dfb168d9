"""Reads recipes from files, and batches of requests."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audio import filetypes
from riffbot import text_files
from riffbot.clips.recipes import Recipe, parse_recipe
from riffbot.commands.files import read_file
from riffbot.commands.image_resolver import ImageResolver
from riffbot.commands.jobs import BadLine, ClipJob
from riffbot.commands.source_files import is_sound, read_picture, read_recipe_tag
from riffbot.errors import BadRequest
from riffbot.request import RiffRequest

MAX_BYTES = 256 * 1024**2
"""Limit of a batch, a recipe or a clip with one; a song of six minutes has 20 MB."""


def read_recipe(path: Path) -> Recipe:
    """Read the recipe from a `.json`, `.png` or `.mp3` that RiffBot wrote.

    Raises:
        BadRequest: the file holds no recipe.
    """
    found = _read_recipe_text(path)
    try:
        return replace(parse_recipe(found.recipe), retired_tag=found.retired_tag)
    except BadRequest as error:
        raise BadRequest(f"“{path.name}”: {error}") from error


@dataclass(frozen=True)
class _RecipeText:
    """The text of a recipe, and whether it was in a PNG of an earlier version."""

    recipe: str
    retired_tag: bool = False


def _read_recipe_text(path: Path) -> _RecipeText:
    """Read the text of the recipe. Raises BadRequest if there is none."""
    data = read_file(path, MAX_BYTES)
    if path.suffix.lower() == ".json" or filetypes.is_json(data):
        return _RecipeText(text_files.decode_text(data, path.name))
    # A file that is neither a sound nor a picture is refused by `read_picture`.
    retired_tag = False
    if is_sound(path):
        text = read_recipe_tag(path)
    else:
        found = read_picture(path)
        text, retired_tag = found.recipe, found.retired_tag
    if not text:
        raise BadRequest(f"“{path.name}” holds no recipe: take a .json, .png or .mp3 of RiffBot.")
    return _RecipeText(text, retired_tag)


def read_recipe_json(path: Path) -> dict[str, Any]:
    """Read the recipe of such a file as a JSON object, not validated. Raises BadRequest."""
    try:
        recipe = json.loads(_read_recipe_text(path).recipe)
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            f"“{path.name}” is not a riff's recipe: the JSON cannot be read."
        ) from error
    if not isinstance(recipe, dict):
        raise BadRequest("That is not a riff's recipe: it should be a JSON object.")
    return recipe


def read_batch(source: str, resolver: ImageResolver) -> Iterator[ClipJob | BadLine]:
    """Read a batch: a JSON object a line, blank lines and `#` lines left out.

    Clips are named after their line numbers, so that a bad line changes no other name.
    """
    text = _read_stdin() if source == "-" else _read_text(Path(source))
    for number, line in enumerate(text_files.split_lines(text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            yield ClipJob(_parse_line(line, resolver), name=f"{number:04d}", line=number)
        except BadRequest as error:
            yield BadLine(number, str(error))


def _parse_line(line: str, resolver: ImageResolver) -> RiffRequest:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRequest("this is no JSON.") from None
    if not isinstance(fields, dict):
        raise BadRequest('a line holds one JSON object, for example {"prompt": "funky sax"}.')
    for name, find in (
        ("seed_image", resolver.resolve_seed_image),
        ("mask", resolver.resolve_mask),
    ):
        if isinstance(fields.get(name), str):
            fields[name] = find(fields[name])
    return RiffRequest.build(**fields)


def _read_text(path: Path) -> str:
    return text_files.decode_text(read_file(path, MAX_BYTES), path.name)


def _read_stdin() -> str:
    """Read standard input as bytes, independent of the terminal's encoding."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        return sys.stdin.read().removeprefix("\ufeff")
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise BadRequest(f"That is too much: a batch may have {MAX_BYTES // 1024**2} MB.")
    return text_files.decode_text(data, "standard input")
