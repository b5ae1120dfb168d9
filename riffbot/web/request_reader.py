"""The one place where request bodies, queries and names in paths are read.

What strangers send becomes plain values here, or one short sentence (status 400, or 413 for what
is too large) that repeats at most a few characters of it. JSON is taken as RFC 8259 has it, not as
Python's reader does:

- UTF-8, with or without a byte order mark; one object;
- no NaN, no Infinity, no number beyond a float's range;
- numbers of at most `MAX_DIGITS` characters (integers) and `MAX_FRACTION` (others). `42.0` is the
  integer 42: JSON knows one kind of number;
- at most `MAX_DEPTH` levels of nesting, no name twice in one object, at most `MAX_NAMES` names in
  an object and `MAX_VALUES` values in all;
- text that UTF-8 can write: no half of a surrogate pair, which neither a database nor a recipe
  could keep.

Values are then checked by pydantic models (`Body`), with strict types: `"1"` and `true` are no
numbers, `1.5` is no whole number.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
import zlib
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from riffbot.errors import BadRequest, NotFound, shortened
from riffbot.request import sentence
from riffbot.web.security import MAX_BODY, TooLarge

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

MAX_ON_LOOP = 64 * 1024
"""Bytes of a body that is parsed on the event loop; longer ones are parsed in a thread."""

MAX_QUERY = 128
"""Characters of one value in an address."""

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
"""Moments beyond these cannot be moved between time zones and databases safely."""

_DECIMAL = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{0,30})?(?:e-[0-9]{1,3})?", re.IGNORECASE)
_NAME = re.compile(r"[0-9A-Za-z_.-]{1,128}")

NO_JSON = "That is no JSON that can be read."


class Body(BaseModel):
    """Base of what a route takes: strict types, unknown names refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Lenient(Body):
    """The same for routes that never looked at names which they do not know."""

    model_config = ConfigDict(extra="ignore")


B = TypeVar("B", bound=Body)


# -- bodies ----------------------------------------------------------------------------------------


async def read_body(
    request: web.Request, model: type[B], *, limit: int = MAX_BODY, otherwise: str = ""
) -> B:
    """The request's JSON as a model; a field that is null counts as left out.

    Args:
        limit: bytes that the body may have.
        otherwise: the sentence for a field of another kind, where the model's own says less.

    Raises:
        BadRequest: it is none.
        TooLarge: it is longer than `limit`.
    """
    fields = await read_object(request, limit=limit)
    try:
        return model.model_validate({k: v for k, v in fields.items() if v is not None})
    except ValidationError as error:
        raise BadRequest(otherwise or sentence(error)) from error


async def read_object(request: web.Request, *, limit: int = MAX_BODY) -> dict[str, Any]:
    """The request's JSON object. Raises BadRequest, TooLarge."""
    data = await read_bytes(request, limit=limit)
    if len(data) > MAX_ON_LOOP:
        return await asyncio.to_thread(parse_object, data)
    return parse_object(data)


async def read_bytes(request: web.Request, *, limit: int = MAX_BODY) -> bytes:
    """The request's body, unpacked where it came packed (`Content-Encoding: gzip` or `deflate`).

    Raises:
        BadRequest: the sender left before all of it was here, or it cannot be unpacked.
        TooLarge: it is longer than `limit` bytes, packed or unpacked.
    """
    too_large = TooLarge(f"That is too much: please stay under {limit // 1024} KB.")
    try:
        data = await request.clone(client_max_size=limit).read()
    except web.HTTPRequestEntityTooLarge as error:
        raise too_large from error
    except (web.RequestPayloadError, aiohttp.ClientError, ConnectionError, EOFError) as error:
        raise BadRequest("Only a part of the request arrived: please send it again.") from error
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return data
    data = _unpacked(data, encoding, limit + 1)
    if len(data) > limit:
        raise too_large
    return data


def _unpacked(data: bytes, encoding: str, limit: int) -> bytes:
    """At most `limit` bytes of what was packed: a few packed bytes may be gigabytes."""
    windows = {"gzip": (31,), "deflate": (15, -15)}.get(encoding, ())  # with a header or without
    for window in windows:
        with contextlib.suppress(zlib.error):
            return zlib.decompressobj(window).decompress(data, limit)
    raise BadRequest("The request's Content-Encoding cannot be read: please send it unpacked.")


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object as this module's docstring has it. Raises BadRequest."""
    body = parse(data)
    if not isinstance(body, dict):
        raise BadRequest('Send one JSON object, for example {"prompt": "funky sax"}.')
    return body


def parse(data: bytes) -> Any:
    """Any JSON value, as strict as `parse_object`, in time linear in its length.

    Raises:
        BadRequest: it is none, or holds too much.
    """
    counted = _Counted()
    try:
        value = json.loads(
            data.decode("utf-8-sig"),
            parse_int=counted.integer,
            parse_float=counted.fraction,
            parse_constant=_no_number,
            object_pairs_hook=counted.object,
        )
    except (ValueError, RecursionError) as error:
        raise BadRequest(NO_JSON) from error
    _check(value)
    return value


class _Counted:
    """What Python's reader of JSON calls while it reads one text, which ends it early where the
    text holds too much; what it does not call for (texts in lists) `_check` counts afterwards."""

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


def _no_number(name: str) -> NoReturn:
    raise BadRequest(f"{name} is no number in JSON: please leave the field out.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_NAMES:
        raise BadRequest(f"An object in the request has more than {MAX_NAMES} names.")
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadRequest(f"“{shortened(name)}” stands twice in one object of the request.")
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


# -- queries and paths -----------------------------------------------------------------------------


def query_text(request: web.Request, name: str, default: str) -> str:
    """One value of the address's query. Raises BadRequest for one that is too long or there twice.

    aiohttp has replaced what is no UTF-8 already.
    """
    found = request.query.getall(name, [default])
    if len(found) > 1:
        raise BadRequest(f"“{name}” stands twice in the address.")
    if len(found[0]) > MAX_QUERY or "\0" in found[0]:
        raise BadRequest(f"The “{name}” in the address is none that I can read.")
    return found[0]


def query_number(request: web.Request, name: str, default: str, otherwise: str) -> float:
    """A plain decimal number of the query: ASCII digits, a point. Raises BadRequest(otherwise)."""
    text = query_text(request, name, default)
    if _DECIMAL.fullmatch(text) is None:
        raise BadRequest(otherwise)
    return float(text)


def query_whole(
    request: web.Request, name: str, default: str, between: tuple[int, int], otherwise: str
) -> int:
    """A whole number of the query, both bounds included. Raises BadRequest(otherwise)."""
    text = query_text(request, name, default)
    if re.fullmatch("[0-9]{1,18}", text) is None or not between[0] <= int(text) <= between[1]:
        raise BadRequest(otherwise)
    return int(text)


def query_moment(request: web.Request, name: str, otherwise: str) -> datetime | None:
    """A moment of the query in ISO 8601, 1970 … 3000; one without a zone is in this machine's.

    Raises:
        BadRequest: `otherwise`, for everything else.
    """
    text = query_text(request, name, "")
    if name not in request.query:
        return None
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.astimezone()
        if not EARLIEST <= aware < LATEST:
            raise BadRequest(otherwise)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadRequest(otherwise) from error


def path_name(request: web.Request, name: str, otherwise: str) -> str:
    """A name out of the address's path: at most 128 ASCII letters, digits, `_`, `.` and `-`.

    Raises:
        NotFound: `otherwise`; nothing of ours has another kind of name.
    """
    found = request.match_info[name]
    if not is_name(found):
        raise NotFound(otherwise)
    return found


def is_name(text: str) -> bool:
    """Whether a riff, a job or a file of ours could be called so; PostgreSQL takes no `\\0`."""
    return _NAME.fullmatch(text) is not None
