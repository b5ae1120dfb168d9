"""The library: rows in a database, files beside it, both found again after anything."""

from __future__ import annotations

import asyncio
from typing import Self

from riffbot.library.connection import database_url, file_of
from riffbot.library.db_errors import disk_error
from riffbot.library.family import Families
from riffbot.library.file_modes import restrict_to_owner, create_private_file, make_private_dir
from riffbot.library.files import Files
from riffbot.library.guilds import GuildStore
from riffbot.library.jams import JamStore
from riffbot.library.jobs import JobStore
from riffbot.library.migrate import upgrade
from riffbot.library.privacy import Consent
from riffbot.library.queries import Browser
from riffbot.settings import Settings


class Library(Browser, Families, Consent, JobStore, JamStore, GuildStore):
    """Everything that was made (found, traced, let go), that was promised and that plays
    (`JamStore`), and what servers chose (`GuildStore`).

    Rows that are returned are plain values by then: read them freely, changing them does nothing.
    """

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Open the library, making or upgrading it if need be.

        Raises:
            BadRequest: the setting of the database is nonsense.
            StorageError: it cannot be opened, or belongs to a newer RiffBot.
        """
        url = database_url(settings.database)
        try:
            make_private_dir(settings.files_dir)
            if (path := file_of(url)) is not None:
                make_private_dir(path.parent)
                create_private_file(path)
            restrict_to_owner(path, settings.files_dir)
        except OSError as error:
            raise disk_error(error, settings.data_dir) from error
        await asyncio.to_thread(upgrade, settings.database)
        library = cls(url, Files(settings.files_dir))
        await library._prune_jobs()
        await library._prune_jams()
        return library
