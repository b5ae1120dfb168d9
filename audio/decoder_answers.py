"""Validates the decoder process's answers, which are not trusted.

Each function takes an answer's header and a function that fills an array with the answer's body,
and raises KeyError, TypeError or ValueError if an intact decoder could not have sent it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from audio.arrays import Floats, Pixels
from audio.files import MAX_RATE, MIN_RATE, Sound
from audio.image import SpectrogramImage
from audio.params import SpectrogramParams

Body = Callable[["np.typing.NDArray[Any]"], None]
"""Fills an array with the body of an answer, which must have the same size."""

_LONGEST_SENTENCE = 500
_LONGEST_TEXT = 1_000_000


def parse_sound(done: dict[str, Any], fill: Body, most: int) -> Sound:
    """Parse the answer to `read`, of at most `most` bytes of samples."""
    shape, rate = _parse_shape(done["shape"]), done["rate"]
    if len(shape) > 2 or shape[1:] not in ((), (2,)) or 4 * int(np.prod(shape)) > most:
        raise ValueError("a sound of an impossible size")
    if type(rate) is not int or not MIN_RATE <= rate <= MAX_RATE:
        raise ValueError("an impossible rate")
    samples: Floats = np.empty(shape, "<f4")
    fill(samples)
    if not (samples.max() <= 1.001 and samples.min() >= -1.001):  # false for NaN, too
        raise ValueError("samples that are none")
    notes = tuple(parse_sentence(note) for note in done["notes"][:10])
    return Sound(samples, rate, notes, done["more"] is True)


def parse_tags(done: dict[str, Any], _: Body) -> dict[str, str]:
    """Parse the answer to `tags`."""
    if not isinstance(done, dict):
        raise TypeError("tags that are none")
    return {parse_text(name): parse_text(value) for name, value in done.items()}


def parse_image(done: dict[str, Any], fill: Body, max_pixels: int) -> SpectrogramImage:
    """Parse the answer to `image`."""
    shape = _parse_shape(done["shape"])
    if len(shape) not in (2, 3) or shape[2:] not in ((), (2,)) or shape[0] * shape[1] > max_pixels:
        raise ValueError("a picture of an impossible size")
    pixels: Pixels = np.empty(shape, np.uint8)
    fill(pixels)
    fields_of_image = done["image"]
    params = _parse_params(fields_of_image["params"])
    if params.stereo != (pixels.ndim == 3):
        raise ValueError("a number of channels that the picture does not have")
    recipe, grey, note, tag = (
        fields_of_image[name] for name in ("recipe", "grey", "note", "retired_tag")
    )
    if type(grey) is not bool or type(tag) is not bool:
        raise TypeError("an answer that is neither yes nor no")
    recipe = None if recipe is None else parse_text(recipe)
    return SpectrogramImage(pixels, params, recipe, grey, parse_sentence(note), retired_tag=tag)


def _parse_params(value: Any) -> SpectrogramParams:
    """Parse a picture's parameters, in the ranges that `SpectrogramParams.from_exif` accepts."""
    values: dict[str, Any] = {}
    for field in fields(SpectrogramParams):
        number, kind = value[field.name], type(field.default)
        if kind is float and type(number) is int and abs(number) < 2**31:
            number = float(number)
        if type(number) is not kind:
            raise TypeError(f"{field.name} is no {kind}")
        values[field.name] = number
    params = SpectrogramParams(**values)
    if not params.is_possible:
        raise ValueError("parameters that no picture has")
    return params


def _parse_shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(n) is int and 0 < n < 2**40 for n in value):
        raise ValueError("a shape that is none")
    return tuple(value)


def parse_text(value: Any) -> str:
    """Parse a text of bounded length that can be encoded."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise TypeError("a text that is none")
    return value.encode("utf-8", "replace").decode("utf-8")


def parse_sentence(value: Any) -> str:
    """Parse a sentence for people: one line of at most 500 characters."""
    return " ".join(parse_text(value).split())[:_LONGEST_SENTENCE]
