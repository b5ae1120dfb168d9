"""Migrates a library to this version's tables; processes that start together migrate it once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from riffbot.errors import StorageError
from riffbot.library.connection import connect, database_url, file_of
from riffbot.library.db_errors import translate_db_errors
from riffbot.library.disk_errors import disk_error
from riffbot.library.file_modes import FILE_MODE
from riffbot.locations import bundled

_LOCK_TIMEOUT_S = 60.0
_ADVISORY_LOCK = 0x51FFB07
"""The key of PostgreSQL's advisory lock for migrations."""


def upgrade(url: str, revision: str = "head") -> None:
    """Upgrade the tables to a revision; do nothing if they have it already.

    Runs its own event loop: call it in a thread, or before an event loop runs.

    Raises:
        StorageError: the database cannot be opened, or belongs to a newer RiffBot.
    """
    _migrate(url, lambda connection: upgrade_within(connection, revision))


def downgrade(url: str, revision: str) -> None:
    """Downgrade the tables to a revision (`base` drops them). Raises StorageError."""
    _migrate(url, lambda connection: command.downgrade(_config(connection), revision))


def revisions(url: str) -> tuple[str | None, str | None]:
    """Return the revision of the database, and the newest of this RiffBot's."""
    found: list[str | None] = []
    run_in_transaction(
        database_url(url),
        lambda connection: found.append(
            MigrationContext.configure(connection).get_current_revision()
        ),
    )
    return found[0], ScriptDirectory.from_config(_config()).get_current_head()


def upgrade_within(connection: Connection, revision: str = "head") -> None:
    """Upgrade the tables to a revision in the transaction of a connection."""
    command.upgrade(_config(connection), revision)


def is_known(revision: str) -> bool:
    """Whether this RiffBot has the migration to a revision."""
    known = ScriptDirectory.from_config(_config()).walk_revisions()
    return revision in {script.revision for script in known}


def _migrate(url: str, action: Callable[[Connection], None]) -> None:
    def run(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        action(connection)

    target = database_url(url)
    with _file_lock(target):
        try:
            run_in_transaction(target, run)
        except CommandError as error:
            raise StorageError(
                "The library was last used by a newer RiffBot: please update RiffBot, or restore "
                "the library's backup."
            ) from error


def run_in_transaction(url: URL, function: Callable[[Connection], None]) -> None:
    """Run a function in one transaction on a new connection, without checks of foreign keys.

    Runs its own event loop: call it in a thread, or before an event loop runs. Raises StorageError.
    """

    async def run() -> None:
        engine = connect(url, foreign_keys=False)
        try:
            async with engine.execution_options(writes=True).begin() as connection:
                await connection.run_sync(function)
        finally:
            await engine.dispose()

    with translate_db_errors():
        asyncio.run(run())


@contextmanager
def _file_lock(url: URL) -> Iterator[None]:
    """Lock an SQLite file against other processes that migrate it, waiting for them."""
    path = file_of(url)
    if path is None:
        yield
        return
    try:
        with FileLock(f"{path}.lock", timeout=_LOCK_TIMEOUT_S, mode=FILE_MODE):
            yield
    except Timeout as error:
        raise StorageError(
            "Another RiffBot has been upgrading this library for a minute: please look after it."
        ) from error
    except OSError as error:
        raise disk_error(error, path.parent) from error


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    if connection is not None:
        config.attributes["connection"] = connection
    # ConfigParser would parse a single % as the beginning of a reference.
    config.set_main_option("script_location", str(bundled("migrations")).replace("%", "%%"))
    return config
