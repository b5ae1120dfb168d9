"""The library: rows in a database, and the files that they refer to."""

from __future__ import annotations

import asyncio
from typing import Self

from riffbot.library.audit import AuditRepository
from riffbot.library.connection import database_url, file_of
from riffbot.library.database import Database
from riffbot.library.disk_errors import disk_error
from riffbot.library.file_modes import create_private_file, make_private_dir, restrict_to_owner
from riffbot.library.files import Files
from riffbot.library.guilds import GuildRepository
from riffbot.library.jams import JamRepository
from riffbot.library.jobs import JobRepository
from riffbot.library.migrate import upgrade
from riffbot.library.operator import OperatorRepository
from riffbot.library.privacy import PrivacyRepository
from riffbot.library.probes import DiskProbe, check_database
from riffbot.library.quotas import QuotaRepository
from riffbot.library.riffs import RiffRepository
from riffbot.settings import Settings


class Library:
    """The library: repositories over one database, and files.

    Attributes:
        riffs, jobs, jams, guilds, privacy, quotas, audit, operator: one repository for each
            concern.
        files: the content-addressed files that the rows refer to.
        disk: whether the disk takes files.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.files = database.files
        self.disk = DiskProbe(self.files.root)
        self.riffs = RiffRepository(database)
        self.jobs = JobRepository(database)
        self.jams = JamRepository(database)
        self.guilds = GuildRepository(database)
        self.privacy = PrivacyRepository(database)
        self.quotas = QuotaRepository(database)
        self.audit = AuditRepository(database)
        self.operator = OperatorRepository(database)

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Open the library; create or upgrade it if necessary.

        Raises:
            BadRequest: the database setting is no valid URL.
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
        library = cls(Database(url, Files(settings.files_dir)))
        await library.jobs.prune()
        await library.jams.prune()
        await library.audit.prune()
        return library

    async def check_database(self) -> str | None:
        """Return what is wrong with the database, or None: a probe, see `riffbot.health`."""
        return await check_database(self._database)

    async def close(self) -> None:
        """Close the database; see `Database.close`."""
        await self._database.close()
