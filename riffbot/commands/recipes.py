"""Recipes in files, and batches of requests: JSON that makes clips."""

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
from riffbot.commands.files import contents
from riffbot.commands.jobs import BadLine, Order, checked
from riffbot.commands.pictures import Pictures
from riffbot.commands.sources import is_sound, picture, recipe_in_tags
from riffbot.errors import BadRequest
from riffbot.request import RiffRequest

MAX_BYTES = 256 * 1024**2
"""Of a batch, a recipe or a clip that holds one; a song of six minutes has 20 MB."""


def recipe_of(path: Path) -> Recipe:
    """The recipe in a `.json`, `.png` or `.mp3` that RiffBot wrote.

    Raises:
        BadRequest: there is none in it.
    """
    found = _inside(path)
    try:
        return replace(parse_recipe(found.recipe), retired_tag=found.retired_tag)
    except BadRequest as error:
        raise BadRequest(f"“{path.name}”: {error}") from error


@dataclass(frozen=True)
class _Inside:
    """The text of a recipe, and whether it was in a PNG of an earlier version."""

    recipe: str
    retired_tag: bool = False


def _inside(path: Path) -> _Inside:
    """The text of the recipe. Raises BadRequest where there is none."""
    data = contents(path, MAX_BYTES)
    if path.suffix.lower() == ".json" or filetypes.is_json(data):
        return _Inside(text_files.decode_text(data, path.name))
    # What is no sound and no picture says so itself.
    retired_tag = False
    if is_sound(path):
        text = recipe_in_tags(path)
    else:
        found = picture(path)
        text, retired_tag = found.recipe, found.retired_tag
    if not text:
        raise BadRequest(f"“{path.name}” holds no recipe: take a .json, .png or .mp3 of RiffBot.")
    return _Inside(text, retired_tag)


def told_by(path: Path) -> dict[str, Any]:
    """The JSON object in such a file, as it stands there. Raises BadRequest."""
    try:
        told = json.loads(_inside(path).recipe)
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            f"“{path.name}” is not a riff's recipe: the JSON cannot be read."
        ) from error
    if not isinstance(told, dict):
        raise BadRequest("That is not a riff's recipe: it should be a JSON object.")
    return told


def from_lines(source: str, pictures: Pictures) -> Iterator[Order | BadLine]:
    """Read a batch: a JSON object a line, blank lines and `#` lines left out.

    Clips are named after their lines, so that a bad one moves no other.
    """
    text = _piped() if source == "-" else _text(Path(source))
    for number, line in enumerate(text_files.split_lines(text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            yield Order(_line_request(line, pictures), name=f"{number:04d}", line=number)
        except BadRequest as error:
            yield BadLine(number, str(error))


def _line_request(line: str, pictures: Pictures) -> RiffRequest:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRequest("this is no JSON.") from None
    if not isinstance(fields, dict):
        raise BadRequest('a line holds one JSON object, for example {"prompt": "funky sax"}.')
    for name, find in (("seed_image", pictures.seed_image), ("mask", pictures.mask)):
        if isinstance(fields.get(name), str):
            fields[name] = find(fields[name])
    return checked(RiffRequest.build(**fields))


def _text(path: Path) -> str:
    return text_files.decode_text(contents(path, MAX_BYTES), path.name)


def _piped() -> str:
    """Standard input, read as bytes: the terminal's encoding has no say in it."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        return sys.stdin.read().removeprefix("\ufeff")
    data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise BadRequest(f"That is too much: a batch may have {MAX_BYTES // 1024**2} MB.")
    return text_files.decode_text(data, "standard input")
