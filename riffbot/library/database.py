"""Database sessions: short transactions, concurrent readers and one writer at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session

from riffbot.errors import StorageError
from riffbot.library.connection import connect, connect_reader, driver_threads, with_repeatable_read
from riffbot.library.db_errors import busy_error, translate_db_errors
from riffbot.library.files import Files

_QUERY_THREADS = 2
"""Threads that run queries, so that a long query does not delay a short one."""

T = TypeVar("T")


class Database:
    """The connections that the repositories share, and the files that belong to their rows.

    Args:
        url: from `connection.database_url`.
        files: the files that the rows refer to.

    Attributes:
        files: the content-addressed files.
        files_lock: held from finding a file to writing the row that refers to it, and while files
            are removed, so that none is removed in between.
    """

    def __init__(self, url: URL, files: Files) -> None:
        self.files = files
        self._engine = connect(url)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        self._writers = async_sessionmaker(
            self._engine.execution_options(writes=True), expire_on_commit=False
        )
        self._snapshots = async_sessionmaker(
            with_repeatable_read(self._engine), expire_on_commit=False
        )
        self._sync_engine = connect_reader(url)
        self._query_threads = ThreadPoolExecutor(_QUERY_THREADS, thread_name_prefix="library")
        # SQLite admits one writer at a time, too, but by polling and in no order.
        self._writer_lock = asyncio.Lock()
        self._closed = False
        self._active = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._driver_threads = driver_threads(self._engine)
        self.files_lock = asyncio.Lock()

    async def close(self) -> None:
        """Close all connections, once running queries and transactions have finished.

        Later calls are refused with StorageError. When this returns, no driver thread has a
        callback left for this event loop, which may end then.
        """
        self._closed = True
        await self._idle.wait()
        await asyncio.to_thread(self._query_threads.shutdown)
        if self._sync_engine is not None:
            self._sync_engine.dispose()
        await self._engine.dispose()
        for thread in self._driver_threads:  # also those of connections that a cancelled task left
            await asyncio.to_thread(thread.join)

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        """Keep `close` waiting during the block. Raises StorageError after `close`."""
        if self._closed:
            raise StorageError("RiffBot is stopping: please try again when it is back.")
        self._active += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._active -= 1
            if self._active == 0:
                self._idle.set()

    async def query(self, function: Callable[[Session], T]) -> T:
        """Run a read-only function on a synchronous session and return its result.

        All its statements see one snapshot. On an SQLite file it runs in a thread: through the
        asynchronous driver every statement costs four thread switches, which take longer on a busy
        machine than the statement.
        """
        if self._sync_engine is None:
            with self._in_use(), translate_db_errors():
                async with self._snapshots() as session:
                    return await session.run_sync(function)
        reader = self._sync_engine

        def run() -> T:
            with translate_db_errors(), Session(reader, expire_on_commit=False) as session:
                return function(session)

        with self._in_use():
            return await asyncio.get_running_loop().run_in_executor(self._query_threads, run)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a session for reading."""
        with self._in_use(), translate_db_errors():
            async with self._sessions() as session:
                yield session

    @asynccontextmanager
    async def write(self, *, timeout_s: float | None = None) -> AsyncIterator[AsyncSession]:
        """Open a transaction: committed after the block, rolled back if it raises.

        Args:
            timeout_s: how long to wait for other writers of this process; None: without a limit.
                Other programs are waited for as long as `connection.BUSY_TIMEOUT_MS` besides.

        Raises:
            Unavailable: the wait took longer.
        """
        with self._in_use(), translate_db_errors():
            await self._wait_for_writers(timeout_s)
            try:
                async with self._writers.begin() as session:
                    yield session
            finally:
                self._writer_lock.release()

    async def _wait_for_writers(self, timeout_s: float | None) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._writer_lock.acquire()
        except TimeoutError:
            raise busy_error() from None
