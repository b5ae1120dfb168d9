"""Translates errors of the database into sentences that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from riffbot.errors import StorageError, Unavailable

_PHRASES = {
    "database or disk is full": "The disk is full: please free some space.",
    "no space left": "The disk is full: please free some space.",
    "disk i/o error": "The disk has trouble: please check it, then start RiffBot again.",
    "readonly database": "The library is read-only: please check the data folder's permissions.",
    "unable to open database": "The library cannot be opened: please check the data folder.",
    "not a database": "The library's file is damaged: please restore it from a backup.",
    "malformed": "The library's file is damaged: please restore it from a backup.",
}

_LOCKED = "database is locked"


@contextmanager
def translate_db_errors() -> Iterator[None]:
    """Translate the database's errors into StorageError; programming errors (wrong SQL) pass."""
    try:
        yield
    except DBAPIError as error:
        message = str(error.orig).lower()
        if _LOCKED in message:
            raise busy_error() from error
        for phrase, sentence in _PHRASES.items():
            if phrase in message:
                raise StorageError(sentence) from error
        if error.connection_invalidated:
            raise Unavailable("The library's database went away: please try again.") from error
        raise
    except OSError as error:  # refused, no such host, no answer in time
        raise Unavailable(
            "The library's database cannot be reached: please check that it runs."
        ) from error
    except Exception as error:
        # SQLAlchemy does not wrap the errors of asyncpg while it connects.
        if type(error).__module__.partition(".")[0] == "asyncpg":
            raise StorageError(f"The library's database refuses RiffBot: {error}.") from error
        raise


def busy_error() -> Unavailable:
    """Build the error where another program, or many writers of this one, hold the database."""
    return Unavailable("Another program holds the library: please close it and try again.")
