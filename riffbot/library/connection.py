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


def database_url(text: str) -> URL:
    """Read a database URL; plain `sqlite:` and `postgresql:` get their asynchronous drivers.

    Raises:
        BadRequest: it is no URL, or names another database.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise BadRequest(
            "RIFFBOT_DATABASE_URL is no database URL; it looks like "
            "postgresql://user:password@host/riffbot."
        ) from error
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    backend = "postgresql" if url.drivername == "postgres" else url.get_backend_name()
    if backend not in drivers:
        raise BadRequest(
            f"RIFFBOT_DATABASE_URL names {backend}; RiffBot keeps its library in sqlite or "
            "postgresql."
        )
    if backend == "sqlite" and url.database and url.database.startswith("~"):
        with suppress(RuntimeError):  # a user without a home folder: taken as it stands
            url = url.set(database=str(Path(url.database).expanduser()))
    return url.set(drivername=drivers[backend])


def connect(url: URL, *, foreign_keys: bool = True) -> AsyncEngine:
    """Create an engine with the settings that RiffBot relies on.

    Args:
        foreign_keys: False for migrations, in which SQLite rebuilds whole tables: dropping the
            old one would otherwise delete or null whatever refers to it.

    Raises:
        BadRequest: PostgreSQL is asked for and its driver is not installed.
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
    """The same engine for transactions of several statements that see one snapshot.

    SQLite's transactions do by default; PostgreSQL's see what others commit between two
    statements unless the isolation level is raised.
    """
    if engine.dialect.name != "postgresql":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ")


def driver_threads(engine: AsyncEngine) -> list[threading.Thread]:
    """The threads in which aiosqlite runs an engine's connections, from now on.

    Where a task is cancelled in the middle of a statement, SQLAlchemy drops the connection and
    does not wait for its thread, which then calls back into an event loop that may be closed.
    Relies on internals of aiosqlite: should they change, the list stays empty.
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
    """The file of an SQLite database; None for a server's or one in memory."""
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
        # The driver must not begin transactions by its own rules (none before DDL, none before
        # reads): `begin` below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")  # readers never wait for the writer
        cursor.execute("PRAGMA synchronous = NORMAL")  # safe in WAL against any crash of ours
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A transaction that reads first and writes later cannot wait for another writer (its
        # snapshot is stale by then) and would fail at once: writers declare it from the start.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
