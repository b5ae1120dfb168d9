"""One RiffBot a data folder and a database: a second one is told who works there already.

What a start finds unfinished it makes again, so two processes on one library would take each
other's riffs over. The command line's looking and making is no such work and asks for nothing here.

A lock file belongs to its process, and PostgreSQL's advisory lock to its connection: both are
given back however the process ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncIterator
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
from riffbot.library.troubles import database_errors, disk_trouble
from riffbot.settings import Settings

log = logging.getLogger(__name__)

_LOCK, _NOTE = "owner.lock", "owner.json"

_ADVISORY_LOCK = 0x51FFB08
"""The first of an advisory lock's two numbers; the second is the schema's name, hashed."""

_KEY = {"key": _ADVISORY_LOCK}

_NAME = text("SELECT set_config('application_name', :name, false)")

_TAKE = text("SELECT pg_try_advisory_lock(:key, hashtext(current_schema()))")

_HOLDER = text(
    "SELECT a.application_name, a.client_addr::text FROM pg_locks l "
    "JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.classid = CAST(CAST(:key AS bigint) AS oid) "
    "AND l.objid = CAST(CAST(hashtext(current_schema()) AS bigint) & 4294967295 AS oid) "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

_LOOK_EVERY_S = 30.0


@asynccontextmanager
async def owned(settings: Settings) -> AsyncIterator[None]:
    """Be the one RiffBot that works on the settings' data folder and database.

    On a disk that knows no locks it runs all the same, with a warning.

    Raises:
        BadRequest: the setting of the database is nonsense.
        StorageError: another one does already, in one sentence that names it; or the folder or the
            database cannot be used.
    """
    url = database_url(settings.database)
    folder = settings.data_dir
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_locked(folder / _LOCK, folder / _NOTE, folder))
        path = file_of(url)
        if url.get_backend_name() == "postgresql":
            await stack.enter_async_context(_advised(url))
        elif path is not None and path.absolute().parent != folder.absolute():
            lock, note = (path.with_name(f"{path.name}.{name}") for name in (_LOCK, _NOTE))
            await stack.enter_async_context(_locked(lock, note, path))
        yield


@asynccontextmanager
async def _locked(path: Path, note: Path, what: Path) -> AsyncIterator[None]:
    # The lock belongs to the process: whichever thread it was taken in may give it back.
    lock = FileLock(path, timeout=0, thread_local=False)
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
        raise disk_trouble(error, what) from error
    try:
        yield
    finally:
        await asyncio.to_thread(_give_back, lock, note)


def _take(lock: FileLock, path: Path, note: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock.acquire()
    with suppress(OSError):  # a full disk: the lock holds without it
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
async def _advised(url: URL) -> AsyncIterator[None]:
    lock = _AdvisoryLock(url)
    try:
        await lock.take()
        watching = asyncio.create_task(lock.watch())
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

    async def take(self) -> None:
        """Connect and take the lock.

        Raises:
            StorageError: somebody else has it, or the database cannot be reached.
        """
        with database_errors():
            connection = await self._engine.connect()
            self._connection = connection
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            me = f"process {os.getpid()} on {socket.gethostname()}"
            await connection.execute(_NAME, {"name": f"riffbot, {me}"[:63]})
            if await connection.scalar(_TAKE, _KEY):
                return
            holder = (await connection.execute(_HOLDER, _KEY)).first()
        who = ", ".join(filter(None, holder or ())) or "it has just gone"
        raise StorageError(
            f"Another RiffBot works on the database “{self._engine.url.database}” already ({who}): "
            "stop it first, or give this one a database of its own with RIFFBOT_DATABASE_URL."
        )

    async def watch(self) -> None:
        """Look after the connection, for ever; a lock that is lost is taken again."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                if self._connection is None:
                    await self.take()
                else:
                    with database_errors():
                        await self._connection.execute(text("SELECT 1"))
            except (StorageError, SQLAlchemyError) as error:
                log.error("what keeps a second RiffBot from the database is lost: %s", error)
                await self._drop()

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
