"""The instance lock: one RiffBot a data folder and a database.

A start resumes the jobs that it finds unfinished, so two processes on one library would take over
each other's riffs. Commands that only read or add riffs need no lock; those that must not run
beside a RiffBot ask `is_owned`.

A lock file belongs to its process, and PostgreSQL's advisory lock to its connection: the system
releases both however the process ends.
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
from riffbot.library.db_errors import disk_error, translate_db_errors
from riffbot.library.file_modes import (
    FILE_MODE,
    create_private_file,
    make_private_dir,
    restrict_to_owner,
)
from riffbot.settings import Settings

log = logging.getLogger(__name__)

_LOCK, _NOTE = "owner.lock", "owner.json"

_ADVISORY_LOCK = 0x51FFB08
"""The first of an advisory lock's two keys; the second is the hash of the schema's name."""

_KEY = {"key": _ADVISORY_LOCK}

_NAME = text("SELECT set_config('application_name', :name, false)")

_TAKE = text("SELECT pg_try_advisory_lock(:key, hashtext(current_schema()))")

_BACKEND = text("SELECT pg_backend_pid()")

_HOLDER = text(
    "SELECT a.pid, a.application_name, a.client_addr::text FROM pg_locks l "
    "JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.classid = CAST(CAST(:key AS bigint) AS oid) "
    "AND l.objid = CAST(CAST(hashtext(current_schema()) AS bigint) & 4294967295 AS oid) "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

_CHECK_EVERY_S = 30.0
_RETRY_S = 2.0
"""How long after a lost connection the lock is requested again."""

_PROBE_S = 0.5
"""How long a start waits for a file lock: `is_owned` may hold it for a moment."""


class _Taken(StorageError):
    """Another RiffBot holds the lock of a database.

    Attributes:
        who: describes that RiffBot.
        backend: id of the server process that serves it, if it is still connected.
    """

    def __init__(self, database: str | None, who: str, backend: int | None) -> None:
        super().__init__(
            f"Another RiffBot works on the database “{database}” already ({who}): stop it first, "
            "or give this one a database of its own with RIFFBOT_DATABASE_URL."
        )
        self.database, self.who, self.backend = database, who, backend


class InstanceLock:
    """A held instance lock.

    Attributes:
        lost: a sentence that says why another RiffBot holds it now; None while it is held here.
    """

    def __init__(self) -> None:
        self.lost: str | None = None
        self._when_lost: list[Callable[[], None]] = []

    def on_lost(self, then: Callable[[], None]) -> None:
        """Call a function when the lock is lost; at once where it is lost already."""
        if self.lost is not None:
            then()
        else:
            self._when_lost.append(then)

    def mark_lost(self, why: str) -> None:
        """Record that another RiffBot holds it, and call what `on_lost` was given."""
        self.lost = why
        log.error("%s", why)
        for then in self._when_lost:
            then()


@asynccontextmanager
async def hold_instance_lock(settings: Settings) -> AsyncIterator[InstanceLock]:
    """Hold the lock of the settings' data folder and database while the block runs.

    On a file system without locks the block runs all the same, with a warning in the log.

    Yields:
        The lock; once it is lost, the block should end.

    Raises:
        BadRequest: the setting of the database is nonsense.
        StorageError: another one does already, in one sentence that names it; or the folder or the
            database cannot be used; or, at the end of the block, it was lost.
    """
    instance_lock = InstanceLock()
    url = database_url(settings.database)
    folder = settings.data_dir
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_locked(folder / _LOCK, folder / _NOTE, folder))
        path = file_of(url)
        if url.get_backend_name() == "postgresql":
            await stack.enter_async_context(_advised(url, instance_lock))
        elif path is not None:  # which another one may name by RIFFBOT_DATABASE_URL
            path = path.resolve()
            lock, note = (path.with_name(f"{path.name}.{name}") for name in (_LOCK, _NOTE))
            await stack.enter_async_context(_locked(lock, note, path))
        yield instance_lock
    if instance_lock.lost is not None:
        raise StorageError(instance_lock.lost)


def is_owned(settings: Settings) -> bool:
    """Whether a RiffBot holds the lock of the data folder now."""
    path = settings.data_dir / _LOCK
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
async def _locked(path: Path, note: Path, what: Path) -> AsyncIterator[None]:
    # The lock belongs to the process: whichever thread it was taken in may give it back.
    lock = FileLock(path, timeout=_PROBE_S, thread_local=False, mode=FILE_MODE)
    try:
        await asyncio.to_thread(_take, lock, path, note)
    except Timeout as error:
        raise StorageError(
            f"Another RiffBot works on “{what}” already ({_holder(note)}): stop it first, or give "
            "this one a folder of its own with RIFFBOT_DATA_DIR."
        ) from error
    except NotImplementedError as error:
        log.warning("nothing keeps a second RiffBot from “%s”: %s", what, error)
    except OSError as error:
        raise disk_error(error, what) from error
    try:
        yield
    finally:
        await asyncio.to_thread(_give_back, lock, note)


def _take(lock: FileLock, path: Path, note: Path) -> None:
    make_private_dir(path.parent)
    lock.acquire()
    restrict_to_owner(None, path)  # of an earlier version; who may read a file may lock it
    with suppress(OSError):  # a full disk: the lock holds without it
        note.unlink(missing_ok=True)  # of an earlier version, too
        create_private_file(note)
        note.write_text(
            json.dumps(
                {
                    "process": os.getpid(),
                    "machine": socket.gethostname(),
                    "since": datetime.now().astimezone().isoformat(timespec="seconds"),
                }
            ),
            encoding="utf-8",
        )


def _give_back(lock: FileLock, note: Path) -> None:
    if lock.is_locked:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def _holder(note: Path) -> str:
    """Who holds a lock, in words."""
    try:
        told = json.loads(note.read_text(encoding="utf-8"))
        since = datetime.fromisoformat(told["since"])
        return f"process {told['process']} on {told['machine']}, since {since:%Y-%m-%d %H:%M}"
    except (OSError, ValueError, KeyError, TypeError):
        return "it does not say which process it is"


@asynccontextmanager
async def _advised(url: URL, instance_lock: InstanceLock) -> AsyncIterator[None]:
    lock = _AdvisoryLock(url)
    try:
        await lock.take()
        watching = asyncio.create_task(lock.watch(instance_lock))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    finally:
        await lock.close()


class _AdvisoryLock:
    """PostgreSQL's lock of this database and schema, on a connection of its own.

    PostgreSQL gives it back with the connection: one that is lost is made anew.
    """

    def __init__(self, url: URL) -> None:
        self._engine = connect(url)
        self._connection: AsyncConnection | None = None
        self._backend: int | None = None  # the server's process that had the lock for us last
        self._logged = False  # in the log, once a loss

    async def take(self) -> None:
        """Connect and take the lock.

        Raises:
            StorageError: somebody else has it, or the database cannot be reached.
        """
        with translate_db_errors():
            connection = await self._engine.connect()
            self._connection = connection
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            me = f"process {os.getpid()} on {socket.gethostname()}"
            await connection.execute(_NAME, {"name": f"riffbot, {me}"[:63]})
            if await connection.scalar(_TAKE, _KEY):
                self._backend = await connection.scalar(_BACKEND)
                return
            holder = (await connection.execute(_HOLDER, _KEY)).first()
        backend, *names = holder or (None,)
        who = ", ".join(filter(None, names)) or "it has just gone"
        raise _Taken(self._engine.url.database, who, backend)

    async def watch(self, instance_lock: InstanceLock) -> None:
        """Look after the connection; a lock that is lost is taken again, unless it is gone.

        Returns once another RiffBot has it: two would make each other's riffs.
        """
        while True:
            await asyncio.sleep(_CHECK_EVERY_S if self._connection is not None else _RETRY_S)
            try:
                if self._connection is None:
                    await self.take()
                else:
                    with translate_db_errors():
                        await self._connection.execute(text("SELECT 1"))
            except _Taken as error:
                if error.backend in (None, self._backend):
                    # Nobody, or ourselves: the server has not noticed yet that we are gone.
                    await self._drop()
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
                await self._drop()
            else:
                self._logged = False

    async def close(self) -> None:
        """Give the lock back."""
        await self._drop()
        await self._engine.dispose()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError, OSError):
                await connection.invalidate()  # a lock would outlive the way back into a pool
                await connection.close()
