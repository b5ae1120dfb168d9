"""Sessions: short transactions, readers beside one writer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session

from riffbot.library.connection import connect, connect_reader
from riffbot.library.files import Files
from riffbot.library.troubles import in_words

_READERS = 2
"""Threads that answer questions: a long one must not keep a short one waiting."""

T = TypeVar("T")


class Database:
    """What both halves of the library stand on.

    Args:
        url: from `connection.database_url`.
        files: where the rows' files lie.

    Attributes:
        files: the content-addressed files.
    """

    def __init__(self, url: URL, files: Files) -> None:
        self.files = files
        self._engine = connect(url)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        self._writers = async_sessionmaker(
            self._engine.execution_options(writes=True), expire_on_commit=False
        )
        self._reader = connect_reader(url)
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="library")
        # SQLite lets writers in one by one anyway, but by polling; here they stand in line.
        self._writing = asyncio.Lock()
        # A file must not be collected between its being found here and its row being written.
        self._keeping = asyncio.Lock()

    async def close(self) -> None:
        """Let go of all connections, once what is being asked is answered."""
        await asyncio.to_thread(self._reading.shutdown)
        if self._reader is not None:
            self._reader.dispose()
        await self._engine.dispose()

    async def _ask(self, question: Callable[[Session], T]) -> T:
        """What a question finds out, asked of one snapshot in one go.

        An SQLite file is asked in a thread. Through the asynchronous driver every statement is
        four switches between threads and a busy machine takes its time for each: a page would
        take longer to fetch than to find.
        """
        if self._reader is None:
            async with self._read() as session:
                return await session.run_sync(question)
        reader = self._reader

        def answer() -> T:
            with in_words(), Session(reader, expire_on_commit=False) as session:
                return question(session)

        return await asyncio.get_running_loop().run_in_executor(self._reading, answer)

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncSession]:
        with in_words():
            async with self._sessions() as session:
                yield session

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncSession]:
        """A transaction: committed as a whole, or not at all."""
        async with self._writing:
            with in_words():
                async with self._writers.begin() as session:
                    yield session
