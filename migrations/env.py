"""Alembic's way in: `riffbot.library.migrate` brings a connection, the alembic command a URL."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection

from riffbot.library.connection import connect, database_url
from riffbot.library.tables import Base
from riffbot.settings import load_settings


def run(connection: Connection) -> None:
    """Run the wanted migrations in the connection's transaction."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite cannot alter a table: it is rebuilt
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_on_settings() -> None:
    """For developers, `alembic -c migrations/alembic.ini …`: the database of the settings."""
    engine = connect(database_url(load_settings().database), foreign_keys=False)
    try:
        async with engine.execution_options(writes=True).begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(run_on_settings())
