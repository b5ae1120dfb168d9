"""Values in the address of a request: its query, and the names in its path.

Each value is checked and is at most `MAX_QUERY` characters long; what is refused is one sentence.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from aiohttp import web

from riffbot.errors import BadRequest, NotFound

MAX_QUERY = 128
"""Characters of one value in an address."""

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
"""Moments beyond these cannot be moved between time zones and databases safely."""

_DECIMAL = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{0,30})?(?:e-[0-9]{1,3})?", re.IGNORECASE)
_ID = re.compile(r"[0-9A-Za-z_.-]{1,128}")


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


def query_number(request: web.Request, name: str, default: str, error_message: str) -> float:
    """A decimal number of the query: ASCII digits, a point. Raises BadRequest(error_message)."""
    text = query_text(request, name, default)
    if _DECIMAL.fullmatch(text) is None:
        raise BadRequest(error_message)
    return float(text)


def query_integer(
    request: web.Request, name: str, default: str, between: tuple[int, int], error_message: str
) -> int:
    """A whole number of the query, both bounds included. Raises BadRequest(error_message)."""
    text = query_text(request, name, default)
    if re.fullmatch("[0-9]{1,18}", text) is None or not between[0] <= int(text) <= between[1]:
        raise BadRequest(error_message)
    return int(text)


def query_datetime(request: web.Request, name: str, error_message: str) -> datetime | None:
    """A date and time of the query in ISO 8601, 1970 … 3000; without a zone it is in this
    machine's; None where the query has none.

    Raises:
        BadRequest: `error_message`, for everything else.
    """
    text = query_text(request, name, "")
    if name not in request.query:
        return None
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.astimezone()
        if not EARLIEST <= aware < LATEST:
            raise BadRequest(error_message)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadRequest(error_message) from error


def path_id(request: web.Request, name: str, error_message: str) -> str:
    """An id in the address's path: at most 128 ASCII letters, digits, `_`, `.` and `-`.

    Raises:
        NotFound: `error_message`; no id of RiffBot's looks otherwise.
    """
    found = request.match_info[name]
    if not is_id(found):
        raise NotFound(error_message)
    return found


def is_id(text: str) -> bool:
    """Whether a text could be the id of a riff or a job; PostgreSQL takes no `\\0`."""
    return _ID.fullmatch(text) is not None


def riff_id(request: web.Request) -> str:
    """The riff's id in the address's path. Raises NotFound for what cannot be one."""
    return path_id(request, "id", "There is no riff of that id.")
