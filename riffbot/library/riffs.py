"""Finds riffs by id, page, word or family; stores favourites and uploads; deletes riffs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.orm import Session

from riffbot.errors import NotFound, shorten
from riffbot.inference.job import GeneratedRiff, new_id
from riffbot.library.database import Database
from riffbot.library.deletion import CHUNK, DeletionResult, delete_riffs, referenced_files
from riffbot.library.family import MAX_MEMBERS, Family, load_credits, load_family
from riffbot.library.queries import (
    Page,
    PageQuery,
    count_likes,
    find_page,
    select_by_prefix,
    select_recent,
)
from riffbot.library.riff_rows import build_row, insert_riff, is_remix_allowed, store_files
from riffbot.library.tables import Favourite, RiffWord, StoredJob, StoredRiff
from riffbot.library.tokenize import tokenize
from riffbot.library.types import Author, Credit, Origin, Viewer
from riffbot.rendering import Rendered

PAGE = 25
"""The most options that one Discord select or autocomplete shows."""


class RiffRepository:
    """Finds, adds and deletes riffs.

    The rows that are returned are detached: changing them changes nothing in the library.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- one riff ---------------------------------------------------------------------------------

    async def get(self, riff_id: str) -> StoredRiff:
        """Return a riff by its id. Raises NotFound."""
        return await self._database.query(lambda session: get_riff(session, riff_id))

    async def find_by_message(self, message_id: int) -> StoredRiff | None:
        """Return the riff that a message shows, if it shows one."""
        query = select(StoredRiff).where(StoredRiff.message_id == message_id)
        # The row of an upload has the message that it came in, not one that shows it.
        riffs = await self._all(query.where(StoredRiff.kind != "upload"))
        return riffs[0] if riffs else None

    async def find_by_file(self, digest: str) -> StoredRiff | None:
        """Return the oldest riff with a file of this sha256, to recognise a downloaded clip."""
        for column in (StoredRiff.png, StoredRiff.mp3, StoredRiff.picture):
            query = select(StoredRiff).where(column == digest, StoredRiff.gone.is_(None))
            if riffs := await self._all(query.order_by(StoredRiff.created_at).limit(1)):
                return riffs[0]
        return None

    async def family(self, riff_id: str, *, most: int = MAX_MEMBERS) -> Family:
        """Return all ancestors of a riff, and everything that descends from the oldest of them.

        Raises:
            NotFound: the riff does not exist.
        """
        return await self._database.query(
            lambda session: load_family(session, get_riff(session, riff_id), most)
        )

    async def credits(self, riff: StoredRiff) -> tuple[Credit, ...]:
        """Return a riff's parents and their authors; `Credit.redact` hides what is not public."""
        if riff.parent_id is None and riff.second_parent_id is None:
            return ()
        return await self._database.query(lambda session: load_credits(session, riff))

    # -- many -------------------------------------------------------------------------------------

    async def count(self) -> int:
        """Count the riffs."""
        query = select(func.count()).select_from(StoredRiff).where(StoredRiff.gone.is_(None))
        return await self._database.query(lambda session: session.scalar(query) or 0)

    async def recent(
        self,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        viewer: Viewer | None = None,
        before: datetime | None = None,
        limit: int = PAGE,
    ) -> Sequence[StoredRiff]:
        """Return riffs, newest first: of a member, a server, or made before a time, if given."""
        return await self._all(
            select_recent(
                author_id=author_id, guild_id=guild_id, viewer=viewer, before=before, limit=limit
            )
        )

    async def page(
        self,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        saved_by: int | None = None,
        viewer: Viewer | None = None,
        text: str = "",
        older_than: str | None = None,
        newer_than: str | None = None,
        limit: int = 10,
    ) -> Page:
        """Return a page of the library; the arguments are those of `PageQuery`.

        Returns:
            The page; the first one if the riff of the cursor was deleted meanwhile.
        """
        asked = PageQuery(
            author_id, guild_id, saved_by, viewer, text, older_than, newer_than, limit
        )
        return await self._database.query(lambda session: find_page(session, asked))

    async def search(
        self,
        text: str,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        viewer: Viewer | None = None,
        limit: int = PAGE,
    ) -> Sequence[StoredRiff]:
        """Return the riffs with all words, newest first; the last word may be incomplete."""
        if not tokenize(text):
            return []
        page = await self.page(
            text=text, author_id=author_id, guild_id=guild_id, viewer=viewer, limit=limit
        )
        return list(page.riffs)

    async def complete(
        self,
        prefix: str,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        viewer: Viewer | None = None,
        limit: int = PAGE,
    ) -> Sequence[StoredRiff]:
        """Return the riffs whose prompts begin with a prefix; the newest for an empty one."""
        return await self._all(
            select_by_prefix(
                prefix, author_id=author_id, guild_id=guild_id, viewer=viewer, limit=limit
            )
        )

    async def find_using_image(self, ref: str) -> Sequence[StoredRiff]:
        """Return the riffs with a `sha256:` picture as their seed image or mask."""
        columns = (StoredRiff.seed_image, StoredRiff.mask, StoredRiff.second_image)
        wanted = or_(*(column == ref for column in columns))
        return await self._all(select(StoredRiff).where(wanted, StoredRiff.gone.is_(None)))

    async def children(self, riff_id: str) -> Sequence[StoredRiff]:
        """Return the riffs made from this one, oldest first."""
        query = select(StoredRiff).where(
            or_(StoredRiff.parent_id == riff_id, StoredRiff.second_parent_id == riff_id)
        )
        return await self._all(query.order_by(StoredRiff.created_at))

    async def audience_ids(self) -> set[int]:
        """Return the channels (`Origin.audience_id`) that riffs of servers were made in."""
        column = StoredRiff.audience_id
        query = select(column).where(StoredRiff.guild_id.is_not(None), column.is_not(None))
        found = await self._database.query(lambda session: session.scalars(query.distinct()).all())
        return {channel_id for channel_id in found if channel_id is not None}

    async def move_audience(self, old_id: int, audience_id: int) -> int:
        """Change the audience of the riffs of a channel. Returns how many riffs were changed."""
        changed = 0
        async with self._database.write() as session:
            for table in (RiffWord, StoredJob, StoredRiff):
                there = update(table).where(table.audience_id == old_id)
                result = await session.execute(there.values(audience_id=audience_id))
                changed = int(getattr(result, "rowcount", 0))
        return changed

    # -- favourites -------------------------------------------------------------------------------

    async def add_favourite(self, riff_id: str, user_id: int) -> None:
        """Add a riff to a member's favourites, which counts as a like. Raises NotFound."""
        await self.get(riff_id)
        async with self._database.write() as session:
            if await session.get(Favourite, (user_id, riff_id)) is None:
                session.add(
                    Favourite(user_id=user_id, riff_id=riff_id, created_at=datetime.now(UTC))
                )

    async def remove_favourite(self, riff_id: str, user_id: int) -> None:
        """Remove a riff from a member's favourites."""
        async with self._database.write() as session:
            await session.execute(
                delete(Favourite).where(Favourite.user_id == user_id, Favourite.riff_id == riff_id)
            )

    async def favourites(self, user_id: int, *, limit: int = PAGE) -> Sequence[StoredRiff]:
        """Return a member's favourites, newest first."""
        query = select(StoredRiff).join(Favourite, Favourite.riff_id == StoredRiff.id)
        query = query.where(Favourite.user_id == user_id)
        return await self._all(query.order_by(Favourite.created_at.desc()).limit(limit))

    async def count_likes(self, riff_ids: Iterable[str]) -> dict[str, int]:
        """Count the members that have each riff among their favourites; zeros are left out."""
        ids = list(riff_ids)
        return await self._database.query(lambda session: count_likes(session, ids))

    # -- adding and deleting ----------------------------------------------------------------------

    async def add_upload(
        self,
        riff: GeneratedRiff,
        rendered: Rendered,
        *,
        author: Author,
        origin: Origin | None = None,
    ) -> StoredRiff:
        """Store an upload as a riff of the member who brought it.

        The same picture of the same author is stored once.

        Raises:
            StorageError: the disk or the database cannot take it.
        """
        job = StoredJob(
            id=new_id(),
            author_id=author.user_id,
            author_name=author.name,
            guild_id=author.guild_id,
            channel_id=origin.channel_id if origin else None,
            audience_id=origin.audience_id if origin else None,
            message_id=origin.message_id if origin else None,
        )
        database = self._database
        async with database.files_lock:
            hashes = await asyncio.to_thread(store_files, database.files, rendered)
            async with database.write() as session:
                same = select(StoredRiff).where(
                    StoredRiff.png == hashes[0], StoredRiff.author_id == author.user_id
                )
                if (known := await session.scalar(same.limit(1))) is not None:
                    return known
                stored = build_row(job, riff, rendered, hashes)
                stored.kind = "upload"
                stored.remix_allowed = await is_remix_allowed(session, author.user_id)
                await insert_riff(session, stored)
        return stored

    async def delete(self, riff_id: str) -> DeletionResult:
        """Delete a riff and the files that nothing else needs; riffs made from it remain.

        Raises:
            NotFound: the riff does not exist.
        """
        riff = await self.get(riff_id)
        async with self._database.files_lock:
            return await delete_riffs(self._database, [riff], "deleted")

    async def expire(self, before: datetime, *, guild_id: int | None = None) -> DeletionResult:
        """Delete the riffs older than this that nobody has among their favourites.

        Args:
            guild_id: only those of this server; None: all.
        """
        kept = select(Favourite.riff_id)
        query = select(StoredRiff).where(
            StoredRiff.created_at < before, StoredRiff.gone.is_(None), StoredRiff.id.not_in(kept)
        )
        if guild_id is not None:
            query = query.where(StoredRiff.guild_id == guild_id)
        total, messages, children = 0, list[tuple[int, int]](), dict[str, None]()
        while riffs := await self._all(query.limit(CHUNK)):
            async with self._database.files_lock:
                some = await delete_riffs(self._database, riffs, "deleted")
            total += some.riffs
            messages += some.messages
            for riff in riffs:  # which may be children of riffs deleted before
                children.pop(riff.id, None)
            children |= dict.fromkeys(some.children)
        return DeletionResult(total, tuple(messages), tuple(children))

    async def replace_file(self, riff_id: str, column: str, digest: str) -> None:
        """Let a riff have another file: the same sound or plot, encoded anew.

        Args:
            column: `mp3` or `picture`.
            digest: sha256 of the file, which is stored already.
        """
        async with self._database.write() as session:
            await session.execute(
                update(StoredRiff).where(StoredRiff.id == riff_id).values({column: digest})
            )

    async def collect_files(self, keep: Collection[str] = ()) -> int:
        """Remove the files that no riff, unfinished job or jam refers to. Returns how many.

        Removes nothing if more files would be removed than kept: then the database is probably not
        the one that the files belong to (a new one, an old backup).

        Args:
            keep: sha256 of further files that stay.
        """
        database = self._database
        async with database.files_lock:
            async with database.read() as session:
                kept = await referenced_files(session, None)
            return await asyncio.to_thread(
                database.files.collect, kept.union(keep), at_most=len(kept)
            )

    async def _all(self, query: Select[StoredRiff]) -> Sequence[StoredRiff]:
        return await self._database.query(lambda session: session.scalars(query).all())


def get_riff(session: Session, riff_id: str) -> StoredRiff:
    """Return a riff by its id. Raises NotFound."""
    # Ids are ASCII; some databases raise errors on other text.
    riff = session.get(StoredRiff, riff_id) if riff_id.isascii() and "\0" not in riff_id else None
    if riff is None or riff.gone is not None:
        raise riff_not_found_error(riff_id)
    return riff


def riff_not_found_error(riff_id: str) -> NotFound:
    """Build the error for a riff that does not exist, or that the viewer may not see."""
    return NotFound(f"The riff {shorten(riff_id, 20)} is not in the library (any more).")
