"""The settings of Discord servers."""

from __future__ import annotations

from typing import Any, Literal, get_args

from sqlalchemy import delete

from riffbot.errors import BadRequest, shorten
from riffbot.library.database import Database
from riffbot.library.tables import GuildSettings

Who = Literal["anyone", "dj", "starter"]
"""Who may do something to a jam: whoever is in the voice channel, who wears the DJ role, or who
started it. Moderators always may."""


NOBODY = 0
"""A DJ role's id that takes the role away: no role has this one."""


class GuildRepository:
    """Stores each server's settings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_settings(self, guild_id: int) -> GuildSettings:
        """A server's settings; the defaults where it never chose. Raises StorageError."""
        async with self._database.read() as session:
            found = await session.get(GuildSettings, guild_id)
        return found or GuildSettings(
            guild_id=guild_id, jam_steer="anyone", jam_stop="anyone", dj_role_id=None
        )

    async def set_settings(
        self,
        guild_id: int,
        *,
        jam_steer: Who | None = None,
        jam_stop: Who | None = None,
        dj_role_id: int | None = None,
    ) -> GuildSettings:
        """Change the settings that are given; returns all of them as they are now.

        Args:
            dj_role_id: the DJ role's id, or `NOBODY` for no role any more.

        Raises:
            BadRequest: the DJs are to decide, and there is no DJ role.
            StorageError: the library cannot take it.
        """
        changes: dict[str, Any] = {
            "jam_steer": jam_steer,
            "jam_stop": jam_stop,
            "dj_role_id": dj_role_id,
        }
        for who in (jam_steer, jam_stop):
            if who is not None and who not in get_args(Who):
                raise BadRequest(f"Choose one of {', '.join(get_args(Who))}, not “{shorten(who)}”.")
        async with self._database.write() as session:
            row = await session.get(GuildSettings, guild_id)
            if row is None:
                row = GuildSettings(
                    guild_id=guild_id, jam_steer="anyone", jam_stop="anyone", dj_role_id=None
                )
                session.add(row)
            for name, value in changes.items():
                if value is not None:
                    setattr(row, name, None if value == NOBODY else value)
            if "dj" in (row.jam_steer, row.jam_stop) and row.dj_role_id is None:
                raise BadRequest(
                    "The DJs cannot decide while there is no DJ role: choose one, too, or let "
                    "somebody else decide."
                )
        return row

    async def forget(self, guild_id: int) -> None:
        """Delete the settings of a server that is gone, or has removed the bot."""
        async with self._database.write() as session:
            await session.execute(delete(GuildSettings).where(GuildSettings.guild_id == guild_id))
