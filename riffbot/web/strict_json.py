"""JSON of strangers, read as RFC 8259 has it and not as Python's reader does.

- UTF-8, with or without a byte order mark; one object;
- no NaN, no Infinity, no number beyond a float's range;
- numbers of at most `MAX_DIGITS` characters (integers) and `MAX_FRACTION` (others). `42.0` is the
  integer 42: JSON knows one kind of number;
- at most `MAX_DEPTH` levels of nesting, no name twice in one object, at most `MAX_NAMES` names in
  an object and `MAX_VALUES` values in all;
- text that UTF-8 can write: no half of a surrogate pair, which neither a database nor a recipe
  could keep.

What is refused is one short sentence (BadRequest) that repeats at most a few characters of it.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from riffbot.errors import BadRequest, shorten

MAX_DIGITS = 20
"""Of an integer: as many as 64 bits have, with a sign. Python's own limit of 4,300 is never met."""

MAX_FRACTION = 64
"""Characters of a number with a point or an exponent; JavaScript writes 24 at most."""

MAX_DEPTH = 16
"""Levels of nesting; a request has three."""

MAX_NAMES = 256
"""Names in one object; a request has fifteen."""

MAX_VALUES = 10_000
"""Values in all, those within lists and objects included."""

INVALID_JSON = "That is no JSON that can be read."


def parse_json_object(data: bytes) -> dict[str, Any]:
    """A JSON object as this module's docstring has it. Raises BadRequest."""
    body = parse_json(data)
    if not isinstance(body, dict):
        raise BadRequest('Send one JSON object, for example {"prompt": "funky sax"}.')
    return body


def parse_json(data: bytes) -> Any:
    """Any JSON value, as strict as `parse_json_object`, in time linear in its length.

    Raises:
        BadRequest: it is none, or holds too much.
    """
    hooks = _CountingHooks()
    try:
        value = json.loads(
            data.decode("utf-8-sig"),
            parse_int=hooks.integer,
            parse_float=hooks.fraction,
            parse_constant=_refuse_constant,
            object_pairs_hook=hooks.object,
        )
    except (ValueError, RecursionError) as error:
        raise BadRequest(INVALID_JSON) from error
    _check(value)
    return value


class _CountingHooks:
    """Hooks of `json.loads` that count values, so that reading ends early where there are too
    many. It calls none for texts and literals, which `_check` counts afterwards."""

    def __init__(self) -> None:
        self._values = 0

    def integer(self, text: str) -> int:
        """An integer's value. Raises BadRequest."""
        self._count()
        return _integer(text)

    def fraction(self, text: str) -> float | int:
        """The value of any other number. Raises BadRequest."""
        self._count()
        return _fraction(text)

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object of these names and values. Raises BadRequest."""
        self._count()
        return _object(pairs)

    def _count(self) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise _too_many_values()


def _too_many_values() -> BadRequest:
    return BadRequest(f"The request holds more than {MAX_VALUES:,} values; no request needs those.")


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS + text.startswith("-"):
        raise BadRequest(f"A number of {len(text)} digits is more than I can read.")
    return int(text)


def _fraction(text: str) -> float | int:
    if len(text) > MAX_FRACTION:
        raise BadRequest(f"A number of {len(text)} characters is more than I can read.")
    number = float(text)
    if not math.isfinite(number):
        raise BadRequest("A number in the request is larger than any that I can read.")
    # Within these bounds every whole float is one integer and the other way round.
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _refuse_constant(name: str) -> NoReturn:
    raise BadRequest(f"{name} is no number in JSON: please leave the field out.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_NAMES:
        raise BadRequest(f"An object in the request has more than {MAX_NAMES} names.")
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadRequest(f"“{shorten(name)}” stands twice in one object of the request.")
        found[name] = value
    return found


def _check(value: Any) -> None:
    """Raise BadRequest for what is nested too deep or too much, and for text that is none."""
    level, depth, values = [value], 0, 0
    while level:
        depth += 1
        values += len(level)
        if depth > MAX_DEPTH:
            raise BadRequest(f"The request is nested more than {MAX_DEPTH} levels deep.")
        if values > MAX_VALUES:
            raise _too_many_values()
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, list):
                deeper += item
            elif isinstance(item, dict):
                for name in item:
                    _check_text(name)
                deeper += item.values()
        level = deeper


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(
            "A text in the request has half of a character (a lone surrogate): please type it anew."
        ) from error
