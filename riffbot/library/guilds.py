"""The settings of Discord servers."""

from __future__ import annotations

from typing import Any, Literal, get_args

from sqlalchemy import delete

from riffbot.errors import BadRequest, shorten
from riffbot.library.database import Database
from riffbot.library.tables import GuildSettings

JamControl = Literal["anyone", "dj", "starter"]
"""Who may steer or stop a jam: all in the voice channel, members with the DJ role, or the member
who started it. Moderators always may."""

NO_ROLE = 0
"""The id by which `set_settings` removes the DJ role; no role has it."""


class GuildRepository:
    """Stores each server's settings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_settings(self, guild_id: int) -> GuildSettings:
        """Return a server's settings, or the defaults. Raises StorageError."""
        async with self._database.read() as session:
            found = await session.get(GuildSettings, guild_id)
        return found or GuildSettings(
            guild_id=guild_id, jam_steer="anyone", jam_stop="anyone", dj_role_id=None
        )

    async def set_settings(
        self,
        guild_id: int,
        *,
        jam_steer: JamControl | None = None,
        jam_stop: JamControl | None = None,
        dj_role_id: int | None = None,
    ) -> GuildSettings:
        """Change the settings that are not None, and return all of them.

        Args:
            guild_id: the server.
            jam_steer, jam_stop: who may steer and who may stop a jam.
            dj_role_id: the DJ role; `NO_ROLE` removes it.

        Raises:
            BadRequest: the DJ role shall decide, and there is none; or an unknown value.
            StorageError: the library cannot be written.
        """
        changes: dict[str, Any] = {
            "jam_steer": jam_steer,
            "jam_stop": jam_stop,
            "dj_role_id": dj_role_id,
        }
        for control in (jam_steer, jam_stop):
            if control is not None and control not in get_args(JamControl):
                raise BadRequest(
                    f"Choose one of {', '.join(get_args(JamControl))}, not “{shorten(control)}”."
                )
        async with self._database.write() as session:
            row = await session.get(GuildSettings, guild_id)
            if row is None:
                row = GuildSettings(
                    guild_id=guild_id, jam_steer="anyone", jam_stop="anyone", dj_role_id=None
                )
                session.add(row)
            for name, value in changes.items():
                if value is not None:
                    setattr(row, name, None if value == NO_ROLE else value)
            if "dj" in (row.jam_steer, row.jam_stop) and row.dj_role_id is None:
                raise BadRequest(
                    "The DJs cannot decide while there is no DJ role: choose one, too, or let "
                    "somebody else decide."
                )
        return row

    async def delete_settings(self, guild_id: int) -> None:
        """Delete the settings of a server that was deleted or has removed the bot."""
        async with self._database.write() as session:
            await session.execute(delete(GuildSettings).where(GuildSettings.guild_id == guild_id))
