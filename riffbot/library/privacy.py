"""What members decide about their riffs, and what is known about them."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update

from riffbot.errors import BadRequest, NotFound, StorageError
from riffbot.library.models import Favourite, Member, StoredJam, StoredJob, StoredRiff
from riffbot.library.riffs import RiffStore

README = """Everything that RiffBot knows about you.

data.json   your riffs and favourites, the jams that you began, promises that are not kept yet,
            and what you decided
riffs/      sound and spectrogram of each riff; both carry the recipe that makes it again
"""


class Consent(RiffStore):
    """The library's answer to “whose is this, and what may be done with it”."""

    async def remixes_allowed(self, user_id: int) -> bool:
        """Whether others may start from what this member brings; yes until they say no."""
        async with self._read() as session:
            member = await session.get(Member, user_id)
        return member is None or member.remix_allowed

    async def allow_remixes(self, user_id: int, allowed: bool) -> int:
        """Decide for all of a member's riffs, now and in future. Returns how many there are."""
        async with self._write() as session:
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

    async def allow_remixes_of(self, riff_id: str, user_id: int, allowed: bool) -> None:
        """Decide for one riff.

        Raises:
            NotFound: it is not there.
            BadRequest: it is somebody else's.
        """
        riff = await self.get(riff_id)
        if riff.author_id != user_id:
            raise BadRequest("Only the one who made a riff decides who may remix it.")
        async with self._write() as session:
            await session.execute(
                update(StoredRiff).where(StoredRiff.id == riff_id).values(remix_allowed=allowed)
            )

    async def export_member(self, user_id: int, *, limit: int) -> bytes:
        """Everything about a member as a ZIP of at most `limit` bytes.

        The data always come whole; files are left out, the oldest first, where they would not
        fit, and data.json says which.
        """
        async with self._read() as session:
            mine = select(StoredRiff).where(StoredRiff.author_id == user_id)
            riffs = (await session.scalars(mine.order_by(StoredRiff.created_at.desc()))).all()
            kept = await session.scalars(select(Favourite).where(Favourite.user_id == user_id))
            favourites = [{"riff": f.riff_id, "since": f.created_at.isoformat()} for f in kept]
            promised = await session.scalars(
                select(StoredJob).where(StoredJob.author_id == user_id)
            )
            jobs = [_job(job) for job in promised]
            member = await session.get(Member, user_id)
            begun = await session.scalars(select(StoredJam).where(StoredJam.starter_id == user_id))
            jams = [_jam(jam) for jam in begun]
        told: dict[str, Any] = {
            "user_id": user_id,
            "remix_allowed": member is None or member.remix_allowed,
            "riffs": [_riff(riff) for riff in riffs],
            "favourites": favourites,
            "jobs": jobs,
            "jams": jams,
        }
        return await asyncio.to_thread(self._zip, told, riffs, limit)

    def _zip(self, told: dict[str, Any], riffs: Sequence[StoredRiff], limit: int) -> bytes:
        out = io.BytesIO()
        data = len(json.dumps(told, ensure_ascii=False).encode())
        room = limit - data - 100_000  # headers, and names of files that are left out
        left_out = []
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.txt", README)
            for riff in riffs:
                for digest, suffix in ((riff.mp3, "mp3"), (riff.png, "png")):
                    name = f"riffs/{riff.id}.{suffix}"
                    try:
                        content = self.files.read(digest)
                    except (NotFound, StorageError):  # gone, or damaged: the others still come
                        content = b""
                    if not content or len(content) + 200 > room:
                        left_out.append(name)
                        continue
                    room -= len(content) + 200
                    archive.writestr(name, content, zipfile.ZIP_STORED)
            told["files_left_out"] = left_out
            archive.writestr("data.json", json.dumps(told, indent=1, ensure_ascii=False))
        return out.getvalue()


def _riff(riff: StoredRiff) -> dict[str, Any]:
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


def _jam(jam: StoredJam) -> dict[str, Any]:
    return {
        "id": jam.id,
        "created_at": jam.created_at.isoformat(),
        "name": jam.starter_name,
        "guild_id": jam.guild_id,
        "voice_channel_id": jam.voice_channel_id,
        "text_channel_id": jam.text_channel_id,
    }


def _job(job: StoredJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "created_at": job.created_at.isoformat(),
        "state": job.state,
        "name": job.author_name,
        "channel_id": job.channel_id,
        "request": job.request.model_dump(mode="json", exclude_none=True),
    }
