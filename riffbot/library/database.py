"""Sessions: short transactions, readers beside one writer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from riffbot.library.connection import connect
from riffbot.library.files import Files
from riffbot.library.troubles import in_words


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
        # SQLite lets writers in one by one anyway, but by polling; here they stand in line.
        self._writing = asyncio.Lock()
        # A file must not be collected between its being found here and its row being written.
        self._keeping = asyncio.Lock()

    async def close(self) -> None:
        """Let go of all connections."""
        await self._engine.dispose()

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
