"""The instance lock: at most one RiffBot uses a data folder and a database.

RiffBot resumes unfinished jobs when it starts, so two processes on one library would compute each
other's riffs. Commands that only read or add riffs need no lock; those that must not run beside a
RiffBot check `is_instance_lock_held`.

The data folder, and an SQLite file elsewhere, are locked by a lock file, PostgreSQL by an advisory
lock. The operating system releases a lock file with its process, PostgreSQL an advisory lock with
its connection, however the process ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from riffbot.errors import StorageError
from riffbot.library.connection import connect, database_url, file_of
from riffbot.library.db_errors import translate_db_errors
from riffbot.library.disk_errors import disk_error
from riffbot.library.file_modes import (
    FILE_MODE,
    create_private_file,
    make_private_dir,
    restrict_to_owner,
)
from riffbot.settings import Settings

log = logging.getLogger(__name__)

_LOCK_FILE, _HOLDER_FILE = "owner.lock", "owner.json"

_ADVISORY_LOCK = 0x51FFB08
"""The first of an advisory lock's two keys; the second is the hash of the schema's name."""

_KEY = {"key": _ADVISORY_LOCK}

_SET_NAME = text("SELECT set_config('application_name', :name, false)")

_ACQUIRE = text("SELECT pg_try_advisory_lock(:key, hashtext(current_schema()))")

_BACKEND = text("SELECT pg_backend_pid()")

_HOLDER = text(
    "SELECT a.pid, a.application_name, a.client_addr::text FROM pg_locks l "
    "JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.classid = CAST(CAST(:key AS bigint) AS oid) "
    "AND l.objid = CAST(CAST(hashtext(current_schema()) AS bigint) & 4294967295 AS oid) "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

_CHECK_EVERY_S = 30.0
"""Seconds between two checks of the connection that holds an advisory lock."""

_RETRY_S = 2.0
"""Seconds after which a lock is requested again whose connection was lost."""

_ACQUIRE_TIMEOUT_S = 0.5
"""How long a file lock is waited for: `is_instance_lock_held` may hold it for a moment."""


class _HeldElsewhere(StorageError):
    """Another RiffBot holds the lock of a database.

    Attributes:
        who: that RiffBot, for the owner.
        backend: process id of the server's backend that serves it; None if it has disconnected.
    """

    def __init__(self, database: str | None, who: str, backend: int | None) -> None:
        super().__init__(
            f"Another RiffBot works on the database “{database}” already ({who}): stop it first, "
            "or give this one a database of its own with RIFFBOT_DATABASE_URL."
        )
        self.database, self.who, self.backend = database, who, backend


class InstanceLock:
    """An instance lock that is held.

    Attributes:
        lost: a sentence that says why it was lost to another RiffBot; None while it is held.
    """

    def __init__(self) -> None:
        self.lost: str | None = None
        self._when_lost: list[Callable[[], None]] = []

    def on_lost(self, then: Callable[[], None]) -> None:
        """Call a function when the lock is lost; at once if it is lost already."""
        if self.lost is not None:
            then()
        else:
            self._when_lost.append(then)

    def mark_lost(self, why: str) -> None:
        """Record that another RiffBot holds it, and call the functions of `on_lost`."""
        self.lost = why
        log.error("%s", why)
        for then in self._when_lost:
            then()


@asynccontextmanager
async def hold_instance_lock(settings: Settings) -> AsyncIterator[InstanceLock]:
    """Hold the lock of the settings' data folder and database while the block runs.

    On a file system without locks the block runs without one, with a warning in the log.

    Yields:
        The lock; when it is lost, the block should end.

    Raises:
        BadRequest: the database setting is no valid URL.
        StorageError: another RiffBot holds it, in one sentence that names the process; the folder
            or the database cannot be used; or, after the block, the lock was lost during it.
    """
    instance_lock = InstanceLock()
    url = database_url(settings.database)
    folder = settings.data_dir
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            _hold_file_lock(folder / _LOCK_FILE, folder / _HOLDER_FILE, folder)
        )
        path = file_of(url)
        if url.get_backend_name() == "postgresql":
            await stack.enter_async_context(_hold_advisory_lock(url, instance_lock))
        elif path is not None:  # another RiffBot may use it by RIFFBOT_DATABASE_URL
            path = path.resolve()
            lock, holder_file = (
                path.with_name(f"{path.name}.{name}") for name in (_LOCK_FILE, _HOLDER_FILE)
            )
            await stack.enter_async_context(_hold_file_lock(lock, holder_file, path))
        yield instance_lock
    if instance_lock.lost is not None:
        raise StorageError(instance_lock.lost)


def is_instance_lock_held(settings: Settings) -> bool:
    """Whether a RiffBot holds the lock of the data folder now."""
    path = settings.data_dir / _LOCK_FILE
    if not path.exists():
        return False
    lock = FileLock(path, timeout=0, mode=FILE_MODE)
    try:
        lock.acquire()
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False
    lock.release()
    return False


@asynccontextmanager
async def _hold_file_lock(path: Path, holder_file: Path, what: Path) -> AsyncIterator[None]:
    # Not bound to a thread: `to_thread` may release it in another one than acquired it.
    lock = FileLock(path, timeout=_ACQUIRE_TIMEOUT_S, thread_local=False, mode=FILE_MODE)
    try:
        await asyncio.to_thread(_acquire, lock, path, holder_file)
    except Timeout as error:
        raise StorageError(
            f"Another RiffBot works on “{what}” already ({_describe_holder(holder_file)}): "
            "stop it first, or give this one a folder of its own with RIFFBOT_DATA_DIR."
        ) from error
    except NotImplementedError as error:
        log.warning("nothing keeps a second RiffBot from “%s”: %s", what, error)
    except OSError as error:
        raise disk_error(error, what) from error
    try:
        yield
    finally:
        await asyncio.to_thread(_release, lock, holder_file)


def _acquire(lock: FileLock, path: Path, holder_file: Path) -> None:
    make_private_dir(path.parent)
    lock.acquire()
    restrict_to_owner(None, path)  # of an earlier version; a file can be locked by its readers
    with suppress(OSError):  # on a full disk the lock works without it
        holder_file.unlink(missing_ok=True)  # may have an earlier version's file mode
        create_private_file(holder_file)
        holder_file.write_text(
            json.dumps(
                {
                    "process": os.getpid(),
                    "machine": socket.gethostname(),
                    "since": datetime.now().astimezone().isoformat(timespec="seconds"),
                }
            ),
            encoding="utf-8",
        )


def _release(lock: FileLock, holder_file: Path) -> None:
    if lock.is_locked:
        with suppress(OSError):
            holder_file.unlink(missing_ok=True)
        lock.release()


def _describe_holder(holder_file: Path) -> str:
    """Describe the process that holds a file lock, for the owner."""
    try:
        holder = json.loads(holder_file.read_text(encoding="utf-8"))
        since = datetime.fromisoformat(holder["since"])
        return f"process {holder['process']} on {holder['machine']}, since {since:%Y-%m-%d %H:%M}"
    except (OSError, ValueError, KeyError, TypeError):
        return "it does not say which process it is"


@asynccontextmanager
async def _hold_advisory_lock(url: URL, instance_lock: InstanceLock) -> AsyncIterator[None]:
    lock = _AdvisoryLock(url)
    try:
        await lock.acquire()
        watching = asyncio.create_task(lock.watch(instance_lock))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    finally:
        await lock.close()


class _AdvisoryLock:
    """An advisory lock of a PostgreSQL database and schema, on a connection of its own.

    PostgreSQL releases it when the connection is lost; then it is acquired again on a new one.
    """

    def __init__(self, url: URL) -> None:
        self._engine = connect(url)
        self._connection: AsyncConnection | None = None
        self._backend: int | None = None  # of the connection that held the lock last
        self._logged = False  # whether the current loss is in the log

    async def acquire(self) -> None:
        """Connect and acquire the lock.

        Raises:
            StorageError: another RiffBot holds it, or the database cannot be reached.
        """
        with translate_db_errors():
            connection = await self._engine.connect()
            self._connection = connection
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            me = f"process {os.getpid()} on {socket.gethostname()}"
            await connection.execute(_SET_NAME, {"name": f"riffbot, {me}"[:63]})
            if await connection.scalar(_ACQUIRE, _KEY):
                self._backend = await connection.scalar(_BACKEND)
                return
            holder = (await connection.execute(_HOLDER, _KEY)).first()
        backend, *names = holder or (None,)
        who = ", ".join(filter(None, names)) or "it has just gone"
        raise _HeldElsewhere(self._engine.url.database, who, backend)

    async def watch(self, instance_lock: InstanceLock) -> None:
        """Check the connection, and acquire a lost lock again.

        Returns after `mark_lost` if another RiffBot has acquired it meanwhile.
        """
        while True:
            await asyncio.sleep(_CHECK_EVERY_S if self._connection is not None else _RETRY_S)
            try:
                if self._connection is None:
                    await self.acquire()
                else:
                    with translate_db_errors():
                        await self._connection.execute(text("SELECT 1"))
            except _HeldElsewhere as error:
                if error.backend in (None, self._backend):
                    # Nobody holds it any more, or the server has not noticed yet that our old
                    # connection is lost.
                    await self._disconnect()
                    continue
                instance_lock.mark_lost(
                    f"Another RiffBot has taken over the database “{error.database}” ({error.who}) "
                    "while this one had lost its connection to it, so this one has stopped; what "
                    "is not finished goes on there."
                )
                return
            except (StorageError, SQLAlchemyError) as error:
                if not self._logged:
                    log.error("what keeps a second RiffBot from the database is lost: %s", error)
                self._logged = True
                await self._disconnect()
            else:
                self._logged = False

    async def close(self) -> None:
        """Release the lock."""
        await self._disconnect()
        await self._engine.dispose()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError, OSError):
                await connection.invalidate()  # in the pool the connection would keep the lock
                await connection.close()
