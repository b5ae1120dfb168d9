"""Members' data: permission to remix their riffs, exporting and erasing what is stored."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update

from riffbot.errors import BadRequest, NotFound, StorageError
from riffbot.library.database import Database
from riffbot.library.deletion import DeletionResult, delete_riffs
from riffbot.library.jams import ScrubJam
from riffbot.library.riff_rows import is_remix_allowed
from riffbot.library.riffs import get_riff
from riffbot.library.tables import (
    AuditEntry,
    Block,
    Favourite,
    Member,
    StoredJam,
    StoredJob,
    StoredRiff,
)

README = """Everything that RiffBot knows about you.

data.json   your riffs and favourites, the jams that you began, promises that are not kept yet,
            and what you decided
riffs/      sound and spectrogram of each riff; both carry the recipe that makes it again
"""


class PrivacyRepository:
    """Stores permissions to remix, exports and erases members' data."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_remix_allowed(self, user_id: int) -> bool:
        """Whether others may remix this member's riffs; true unless they have forbidden it."""
        async with self._database.read() as session:
            return await is_remix_allowed(session, user_id)

    async def set_remix_allowed(self, user_id: int, allowed: bool) -> int:
        """Set whether others may remix a member's riffs, now and in future.

        Returns:
            How many riffs there are now.
        """
        async with self._database.write() as session:
            member = await session.get(Member, user_id)
            if member is None:
                session.add(Member(user_id=user_id, remix_allowed=allowed))
            else:
                member.remix_allowed = allowed
            changed = await session.execute(
                update(StoredRiff)
                .where(StoredRiff.author_id == user_id)
                .values(remix_allowed=allowed)
            )
        return int(getattr(changed, "rowcount", 0))

    async def set_riff_remix_allowed(self, riff_id: str, user_id: int, allowed: bool) -> None:
        """Set whether others may remix one riff.

        Args:
            riff_id: of the riff.
            user_id: the member who decides; it must be their riff.
            allowed: whether others may remix it.

        Raises:
            NotFound: the riff does not exist.
            BadRequest: it is another member's riff.
        """
        riff = await self._database.query(lambda session: get_riff(session, riff_id))
        if riff.author_id != user_id:
            raise BadRequest("Only the one who made a riff decides who may remix it.")
        async with self._database.write() as session:
            await session.execute(
                update(StoredRiff).where(StoredRiff.id == riff_id).values(remix_allowed=allowed)
            )

    async def export_member(self, user_id: int, *, limit: int) -> bytes:
        """Export everything about a member as a ZIP of at most `limit` bytes.

        The data are always complete; files that do not fit are left out, the oldest first, and
        listed in data.json.
        """
        async with self._database.read() as session:
            query = select(StoredRiff).where(StoredRiff.author_id == user_id)
            riffs = (await session.scalars(query.order_by(StoredRiff.created_at.desc()))).all()
            liked = await session.scalars(select(Favourite).where(Favourite.user_id == user_id))
            favourites = [{"riff": f.riff_id, "since": f.created_at.isoformat()} for f in liked]
            requested = await session.scalars(
                select(StoredJob).where(StoredJob.author_id == user_id)
            )
            jobs = [_describe_job(job) for job in requested]
            member = await session.get(Member, user_id)
            started = await session.scalars(
                select(StoredJam).where(StoredJam.starter_id == user_id)
            )
            jams = [_describe_jam(jam) for jam in started]
            block = await session.get(Block, ("member", user_id))
            done = await session.scalars(select(AuditEntry).where(AuditEntry.actor_id == user_id))
            actions = [_describe_entry(entry) for entry in done]
        data: dict[str, Any] = {
            "user_id": user_id,
            "remix_allowed": member is None or member.remix_allowed,
            "riffs": [_describe_riff(riff) for riff in riffs],
            "favourites": favourites,
            "jobs": jobs,
            "jams": jams,
            "blocked": block is not None,
            "actions": actions,
        }
        return await asyncio.to_thread(self._zip, data, riffs, limit)

    async def erase_member(self, user_id: int, scrub_jam: ScrubJam) -> DeletionResult:
        """Delete everything about a member: riffs, favourites, jobs, votes.

        What others made from their riffs stays, with “a former member” as its parent's author. If
        the member has forbidden remixes, that stays, too: it protects them, and is deleted only
        when they allow remixes again.

        Args:
            user_id: the member.
            scrub_jam: removes the member from a stored jam.
        """
        database = self._database
        async with database.files_lock:  # a clip that is being stored is waited for
            query = select(StoredRiff).where(StoredRiff.author_id == user_id)
            riffs = await database.query(lambda session: session.scalars(query).all())
            return await delete_riffs(database, riffs, "erased", member=(user_id, scrub_jam))

    def _zip(self, data: dict[str, Any], riffs: Sequence[StoredRiff], limit: int) -> bytes:
        out = io.BytesIO()
        size = len(json.dumps(data, ensure_ascii=False).encode())
        room = limit - size - 100_000  # headers, and names of files that are left out
        left_out = []
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.txt", README)
            for riff in riffs:
                for digest, suffix in ((riff.mp3, "mp3"), (riff.png, "png")):
                    name = f"riffs/{riff.id}.{suffix}"
                    try:
                        content = self._database.files.read(digest)
                    except (NotFound, StorageError):  # absent or damaged: the others are exported
                        content = b""
                    if not content or len(content) + 200 > room:
                        left_out.append(name)
                        continue
                    room -= len(content) + 200
                    archive.writestr(name, content, zipfile.ZIP_STORED)
            data["files_left_out"] = left_out
            archive.writestr("data.json", json.dumps(data, indent=1, ensure_ascii=False))
        return out.getvalue()


def _describe_riff(riff: StoredRiff) -> dict[str, Any]:
    return {
        "id": riff.id,
        "kind": riff.kind,
        "created_at": riff.created_at.isoformat(),
        "name": riff.author_name,
        "guild_id": riff.guild_id,
        "channel_id": riff.channel_id,
        "message_id": riff.message_id,
        "parents": [p for p in (riff.parent_id, riff.second_parent_id) if p],
        "remix_allowed": riff.remix_allowed,
        "model": riff.model_name,
        "model_hash": riff.model_hash,
        "request": riff.request.model_dump(mode="json", exclude_none=True),
    }


def _describe_jam(jam: StoredJam) -> dict[str, Any]:
    return {
        "id": jam.id,
        "created_at": jam.created_at.isoformat(),
        "name": jam.starter_name,
        "guild_id": jam.guild_id,
        "voice_channel_id": jam.voice_channel_id,
        "text_channel_id": jam.text_channel_id,
    }


def _describe_job(job: StoredJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "created_at": job.created_at.isoformat(),
        "state": job.state,
        "name": job.author_name,
        "channel_id": job.channel_id,
        "request": job.request.model_dump(mode="json", exclude_none=True),
    }


def _describe_entry(entry: AuditEntry) -> dict[str, Any]:
    return {
        "created_at": entry.created_at.isoformat(),
        "guild_id": entry.guild_id,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
    }
