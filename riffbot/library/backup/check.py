"""Checks the values of a backup's rows against the tables that this version knows.

Whoever writes a backup by hand, or a disk, may put anything into it that is JSON; a wrong value
should be found before anything is restored, and not by the first that reads the library.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Boolean, Column, Float, Integer

from riffbot.library.tables import Base, UTCTime

_MAX_INT = 2**63

_NEEDED = {"jobs": {"state", "request"}, "jams": {"seed_image"}}
"""Columns of every version, by which the files are found that a row refers to."""


def check_row(table: str, row: dict[str, Any]) -> None:
    """Check that the values of a row are such as its columns hold; unknown columns are ignored.

    A library of another version may lack columns of this one, or have others.

    Raises:
        ValueError: a value is of another type, a key is absent, a text is no Unicode.
    """
    checks, needed = _checks_of(table)
    if not needed <= row.keys():
        raise ValueError(f"a row of {table} lacks {sorted(needed - row.keys())}")
    for name, value in row.items():
        if value is None:
            if name in needed:
                raise ValueError(f"{name} is null")
        elif not checks.get(name, _is_scalar)(value):
            raise ValueError(f"{name} is no value of its column")


@cache
def _checks_of(table: str) -> tuple[dict[str, Callable[[Any], bool]], frozenset[str]]:
    """Return the check of each column, and the columns that every row has."""
    known = Base.metadata.tables.get(table)
    if known is None:
        return {}, frozenset()
    keys = {column.name for column in known.primary_key}
    checks = {column.name: _check_of(column) for column in known.columns}
    return checks, frozenset(keys | _NEEDED.get(table, set()))


def _check_of(column: Column[Any]) -> Callable[[Any], bool]:
    match column.type:
        case UTCTime():
            return _is_time
        case Boolean():
            return _is_bool
        case Integer():
            return _is_int
        case Float():
            return _is_number
        case _:
            return _is_text


def _is_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    value.encode()  # UnicodeEncodeError, which is a ValueError, for half of a surrogate pair
    return True


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_int(value: Any) -> bool:
    return type(value) is int and -_MAX_INT <= value < _MAX_INT


def _is_number(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, float) and math.isfinite(value))


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def _is_scalar(value: Any) -> bool:
    return _is_bool(value) or _is_number(value) or _is_text(value)
