"""The settings of Discord servers."""

from __future__ import annotations

from typing import Any, Literal, get_args

from sqlalchemy import delete, select

from riffbot.errors import BadRequest, shorten
from riffbot.library.database import Database
from riffbot.library.tables import GuildSettings
from riffbot.rules.policy import ServerRules
from riffbot.validation import validate

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
            guild_id=guild_id, jam_steer="anyone", jam_stop="anyone", dj_role_id=None, rules=None
        )

    async def get_rules(self, guild_id: int | None) -> ServerRules:
        """Return a server's rules; outside of a server everything is allowed."""
        if guild_id is None:
            return ServerRules()
        query = select(GuildSettings.rules).where(GuildSettings.guild_id == guild_id)
        stored = await self._database.query(lambda session: session.scalar(query))
        return ServerRules.model_validate_json(stored) if stored else ServerRules()

    async def all_rules(self) -> dict[int, ServerRules]:
        """Return the rules of every server that has some, by its id."""
        query = select(GuildSettings).where(GuildSettings.rules.is_not(None))
        rows = await self._database.query(lambda session: session.scalars(query).all())
        return {row.guild_id: ServerRules.model_validate_json(row.rules or "{}") for row in rows}

    async def change_rules(self, guild_id: int, **changes: object) -> ServerRules:
        """Change some fields of a server's rules, and return all of them.

        Raises:
            BadRequest: a value is out of its range; nothing was changed.
            StorageError: the library cannot be written.
        """
        async with self._database.write() as session:
            row = await session.get(GuildSettings, guild_id)
            if row is None:
                row = GuildSettings(
                    guild_id=guild_id, jam_steer="anyone", jam_stop="anyone", dj_role_id=None
                )
                session.add(row)
            before = ServerRules.model_validate_json(row.rules or "{}")
            rules = validate(ServerRules, {**before.model_dump(), **changes})
            row.rules = rules.model_dump_json(exclude_defaults=True)
        return rules

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
