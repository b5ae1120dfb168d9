"""Connecting to SQLite and PostgreSQL: URLs, drivers, pragmas and isolation levels."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from riffbot.errors import BadRequest

BUSY_TIMEOUT_MS = 10_000
"""How long SQLite waits for a lock that another program holds."""


def database_url(text: str) -> URL:
    """Parse a database URL, and set the asynchronous driver of SQLite or PostgreSQL.

    Raises:
        BadRequest: it is no valid URL, or one of another database.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise BadRequest(
            "RIFFBOT_DATABASE_URL is no database URL; it looks like "
            "postgresql://user:password@host/riffbot."
        ) from None  # the cause may repeat the password
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    backend = "postgresql" if url.drivername == "postgres" else url.get_backend_name()
    if backend not in drivers:
        raise BadRequest(
            f"RIFFBOT_DATABASE_URL names {backend}; RiffBot keeps its library in sqlite or "
            "postgresql."
        )
    if backend == "sqlite" and url.database and url.database.startswith("~"):
        with suppress(RuntimeError):  # a user without a home folder: left as it is
            url = url.set(database=str(Path(url.database).expanduser()))
    return url.set(drivername=drivers[backend])


def connect(url: URL, *, foreign_keys: bool = True) -> AsyncEngine:
    """Create an engine with the settings that RiffBot relies on.

    Args:
        foreign_keys: False for migrations, in which SQLite rebuilds whole tables: dropping the
            old one would otherwise delete or null the rows that refer to it.

    Raises:
        BadRequest: PostgreSQL's driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, foreign_keys=foreign_keys)
    try:
        return create_async_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise BadRequest(
            "The library is to live in PostgreSQL: please install the driver, pip install "
            '"riffbot[postgres]".'
        ) from error


def connect_reader(url: URL) -> Engine | None:
    """Create a synchronous engine for the same SQLite file; None for any other database."""
    if file_of(url) is None:
        return None
    engine = create_engine(url.set(drivername="sqlite"))
    _configure(engine, foreign_keys=True)
    return engine


def with_repeatable_read(engine: AsyncEngine) -> AsyncEngine:
    """Return the same engine for transactions whose statements all see one snapshot.

    SQLite's do by default; PostgreSQL's see what others commit between two statements, unless the
    isolation level is raised.
    """
    if engine.dialect.name != "postgresql":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ")


def driver_threads(engine: AsyncEngine) -> list[threading.Thread]:
    """Return a list to which the threads of an engine's aiosqlite connections are added.

    If a task is cancelled during a statement, SQLAlchemy drops the connection without waiting for
    its thread, which then calls back into an event loop that may be closed. Relies on internals of
    aiosqlite; if they change, the list stays empty.
    """
    threads: list[threading.Thread] = []

    @event.listens_for(engine.sync_engine, "connect")
    def remember(connection: Any, _: Any) -> None:
        thread = getattr(getattr(connection, "driver_connection", None), "_thread", None)
        threads[:] = [known for known in threads if known.is_alive()]
        if isinstance(thread, threading.Thread):
            threads.append(thread)

    return threads


def file_of(url: URL) -> Path | None:
    """Return the path of an SQLite file; None for another database, or one in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def _sqlite(url: URL, *, foreign_keys: bool) -> AsyncEngine:
    engine = create_async_engine(url)
    _configure(engine.sync_engine, foreign_keys=foreign_keys)
    return engine


def _configure(engine: Engine, *, foreign_keys: bool) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        # The driver must not begin transactions by itself (none before DDL and reads): `begin`
        # below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")  # readers never wait for the writer
        cursor.execute("PRAGMA synchronous = NORMAL")  # in WAL mode, safe against our crashes
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A transaction that reads first and writes later cannot wait for another writer, since its
        # snapshot is stale by then, and would fail at once: writers begin as writers.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
