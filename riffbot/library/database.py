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

_READERS = 2
"""Threads that answer questions: a long one must not keep a short one waiting."""

T = TypeVar("T")


class Database:
    """The connections that the repositories share, and the files that belong to their rows.

    Args:
        url: from `connection.database_url`.
        files: where the rows' files lie.

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
        self._reader = connect_reader(url)
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="library")
        # SQLite lets writers in one by one anyway, but by polling; here they stand in line.
        self._writing = asyncio.Lock()
        self._closed = False
        self._users = 0
        self._left = asyncio.Event()
        self._left.set()
        self._threads = driver_threads(self._engine)
        self.files_lock = asyncio.Lock()

    async def close(self) -> None:
        """Close all connections, once running queries and transactions have finished.

        Later calls are refused with StorageError. When this returns, no driver thread has a
        callback left for this event loop, which may end then.
        """
        self._closed = True
        await self._left.wait()
        await asyncio.to_thread(self._reading.shutdown)
        if self._reader is not None:
            self._reader.dispose()
        await self._engine.dispose()
        for thread in self._threads:  # also those of connections that a cancelled task left
            await asyncio.to_thread(thread.join)

    @contextmanager
    def _used(self) -> Iterator[None]:
        """Keeps `close` waiting. Raises StorageError where it does not wait any more."""
        if self._closed:
            raise StorageError("RiffBot is stopping: please try again when it is back.")
        self._users += 1
        self._left.clear()
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._left.set()

    async def query(self, question: Callable[[Session], T]) -> T:
        """Run a read-only function on a synchronous session and return its result.

        It sees one snapshot. On an SQLite file it runs in a thread: through the asynchronous driver
        every statement costs four thread switches, and on a busy machine a page would take longer
        to fetch than to find.
        """
        if self._reader is None:
            with self._used(), translate_db_errors():
                async with self._snapshots() as session:
                    return await session.run_sync(question)
        reader = self._reader

        def answer() -> T:
            with translate_db_errors(), Session(reader, expire_on_commit=False) as session:
                return question(session)

        with self._used():
            return await asyncio.get_running_loop().run_in_executor(self._reading, answer)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for reading."""
        with self._used(), translate_db_errors():
            async with self._sessions() as session:
                yield session

    @asynccontextmanager
    async def write(self, *, patience_s: float | None = None) -> AsyncIterator[AsyncSession]:
        """A transaction: committed as a whole, or not at all.

        Args:
            patience_s: how long to stand in line behind other writers; None is for ever. The
                database itself is waited for as long as `connection.BUSY_TIMEOUT_MS` besides.

        Raises:
            Unavailable: it took longer.
        """
        with self._used(), translate_db_errors():
            await self._take_turn(patience_s)
            try:
                async with self._writers.begin() as session:
                    yield session
            finally:
                self._writing.release()

    async def _take_turn(self, patience_s: float | None) -> None:
        try:
            async with asyncio.timeout(patience_s):
                await self._writing.acquire()
        except TimeoutError:
            raise busy_error() from None
