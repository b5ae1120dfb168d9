"""Jobs and riffs on a real SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from riffbot.errors import BadRequest, NotFound, StorageError
from riffbot.jam.snapshot import scrub_jam
from riffbot.library.store import Library
from riffbot.library.tables import StoredJob
from riffbot.library.types import NOBODY, Origin
from riffbot.request import RiffRequest, Target
from riffbot.settings import Settings
from tests.riffbot.library.conftest import ANN, BOB, Add, files, made

REQUEST = RiffRequest(
    prompt="funky (saxophone:1.3)",
    negative="drums",
    seed=2**32 - 1,
    guidance=3.5,
    bpm=93.75,
    target=Target(prompt="bells", seed=2),
    alpha=0.1,
)


async def test_a_job_remembers_everything_until_it_is_finished(library: Library) -> None:
    expires = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    origin = Origin(channel_id=2**63 - 1, message_id=7, token="secret", token_expires_at=expires)
    job = await library.jobs.create(REQUEST, author=ANN, origin=origin)
    await library.jobs.begin(job.id)
    (found,) = await library.jobs.unfinished()
    assert (found.id, found.request, found.author, found.origin) == (job.id, REQUEST, ANN, origin)
    assert (found.state, found.attempts) == ("running", 1)

    riff = await library.jobs.finish(job.id, made(REQUEST), files("a"))
    assert riff.id == job.id
    assert await library.jobs.unfinished() == []
    ended = await library.jobs.get(job.id)
    assert (ended.state, ended.token) == ("done", None)


async def test_a_riff_is_what_was_made(library: Library, add: Add) -> None:
    parent = await add("parent")
    job = await library.jobs.create(REQUEST, author=BOB, parent=parent.id)
    await library.jobs.finish(job.id, made(REQUEST), files("x"))
    await library.jobs.set_message(job.id, channel_id=5, message_id=6)
    riff = await library.riffs.get(job.id)
    assert riff.request == REQUEST
    assert (riff.author, riff.parent_id, riff.batch) == (BOB, parent.id, 2)
    assert (riff.channel_id, riff.message_id) == (5, 6)
    assert (riff.model_name, riff.model_hash) == ("model", "a" * 64)
    assert riff.alt == "sounds like x"
    assert library.files.read(riff.mp3) == b"mp3 x"
    assert riff.image_ref == f"sha256:{riff.png}"
    assert datetime.now(UTC) - riff.created_at < timedelta(minutes=5)
    assert [child.id for child in await library.riffs.children(parent.id)] == [job.id]


async def test_finishing_twice_keeps_the_first(library: Library) -> None:
    job = await library.jobs.create(REQUEST, author=ANN)
    first = await library.jobs.finish(job.id, made(REQUEST), files("a"))
    again = await library.jobs.finish(job.id, made(REQUEST), files("b"))
    assert again.png == first.png
    assert await library.riffs.count() == 1


async def test_ended_jobs_are_not_tried_again(library: Library) -> None:
    failed = await library.jobs.create(REQUEST, author=ANN)
    cancelled = await library.jobs.create(REQUEST, author=ANN)
    await library.jobs.fail(failed.id, "It broke.")
    await library.jobs.cancel(cancelled.id)
    assert await library.jobs.unfinished() == []
    assert (await library.jobs.get(failed.id)).error == "It broke."


async def test_old_ended_jobs_are_forgotten_at_the_next_start(
    settings: Settings, library: Library
) -> None:
    waiting, failed = [await library.jobs.create(REQUEST, author=ANN) for _ in range(2)]
    await library.jobs.fail(failed.id, "It broke.")
    long_ago = datetime.now(UTC) - timedelta(days=30)
    async with library._database.write() as session:
        await session.execute(update(StoredJob).values(created_at=long_ago))
    again = await Library.open(settings)
    assert [job.id for job in await again.jobs.unfinished()] == [waiting.id]
    with pytest.raises(NotFound):
        await again.jobs.get(failed.id)
    await again.close()


async def test_a_parent_must_be_there(library: Library) -> None:
    with pytest.raises(NotFound, match="nosuch"):
        await library.jobs.create(REQUEST, author=ANN, parent="nosuch")


async def test_a_parent_that_goes_while_its_remix_is_made_is_no_trouble(
    library: Library, add: Add
) -> None:
    parent = await add("parent")
    job = await library.jobs.create(REQUEST, author=BOB, parent=parent.id)
    await library.riffs.delete(parent.id)
    child = await library.jobs.finish(job.id, made(REQUEST), files("x"))
    assert await library.riffs.credits(child) == ()


async def test_recent_pages_through_everything_once(library: Library, add: Add) -> None:
    for number in range(5):
        await add(f"riff {number}", ANN if number % 2 else BOB)
    seen: list[str] = []
    before = None
    while page := await library.riffs.recent(limit=2, before=before):
        seen += [riff.prompt for riff in page]
        before = page[-1].created_at
    assert seen == [f"riff {number}" for number in reversed(range(5))]
    assert [riff.prompt for riff in await library.riffs.recent(author_id=ANN.user_id)] == [
        "riff 3",
        "riff 1",
    ]
    assert await library.riffs.recent(guild_id=99) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sax", ["Sax solo", "funky (SAX:1.3) riff"]),
        ("riff funky", ["funky (SAX:1.3) riff"]),
        ("fun", ["funky (SAX:1.3) riff"]),
        ("sax fun", ["funky (SAX:1.3) riff"]),
        ("sax piano", []),
        ("ΩΜΈΓΑ", ["Ωμέγα bells"]),
        ("r", ["rare rice", "funky (SAX:1.3) riff"]),
        ("sax riff r", ["funky (SAX:1.3) riff"]),
        ("rare r", ["rare rice"]),
        ("w", ["w0 w1 w2 w3 w4 w5 w6 w7 w8 w9"]),
        ("w9 w", ["w0 w1 w2 w3 w4 w5 w6 w7 w8 w9"]),
        ("sax w", []),
        ("%", []),
        ("' OR 1=1 --", []),
        ("", []),
    ],
)
async def test_search_by_words(library: Library, add: Add, text: str, found: list[str]) -> None:
    many = " ".join(f"w{number}" for number in range(10))
    for prompt in ("funky (SAX:1.3) riff", "Sax solo", "Ωμέγα bells", "rare rice", many):
        await add(prompt)
    assert [riff.prompt for riff in await library.riffs.search(text)] == found


async def test_completion_by_prefix_whatever_the_case(library: Library, add: Add) -> None:
    for prompt in ("Funky sax", "funk", "soul funk", "f%k"):
        await add(prompt)
    assert [riff.prompt for riff in await library.riffs.complete("FUN")] == ["funk", "Funky sax"]
    assert [riff.prompt for riff in await library.riffs.complete("f%")] == ["f%k"]
    assert len(await library.riffs.complete("")) == 4
    assert await library.riffs.complete("fun", author_id=BOB.user_id) == []


async def test_favourites(library: Library, add: Add) -> None:
    first, second = await add("first"), await add("second")
    for riff in (first, second, first):
        await library.riffs.add_favourite(riff.id, BOB.user_id)
    assert [riff.prompt for riff in await library.riffs.favourites(BOB.user_id)] == [
        "second",
        "first",
    ]
    await library.riffs.remove_favourite(second.id, BOB.user_id)
    assert [riff.prompt for riff in await library.riffs.favourites(BOB.user_id)] == ["first"]
    with pytest.raises(NotFound):
        await library.riffs.add_favourite("nosuch", BOB.user_id)


async def test_deleting_keeps_what_was_made_from_it_and_the_picture_that_it_needs(
    library: Library, add: Add
) -> None:
    parent = await add("parent")
    child = await add("child", BOB, parent=parent.id, seed_image=parent.image_ref)
    await library.riffs.add_favourite(parent.id, BOB.user_id)
    await library.riffs.delete(parent.id)
    with pytest.raises(NotFound):
        await library.riffs.get(parent.id)
    (credit,) = await library.riffs.credits(await library.riffs.get(child.id))
    assert (credit.riff_id, credit.author, credit.prompt) == (None, NOBODY, "")
    assert library.files.path(parent.png) is not None, "the child starts from it"
    assert library.files.path(parent.mp3) is None
    assert await library.riffs.favourites(BOB.user_id) == []
    assert await library.riffs.search("parent") == []
    with pytest.raises(NotFound):
        await library.jobs.get(parent.id)  # its prompt and its author's name would stay there
    await library.riffs.delete(child.id)
    assert await library.riffs.collect_files() == 0, "it is younger than an hour"


async def test_a_waiting_remix_keeps_its_picture(library: Library, add: Add) -> None:
    parent = await add("parent")
    await library.jobs.create(
        RiffRequest(prompt="remix", seed=1, seed_image=parent.image_ref), author=BOB
    )
    await library.riffs.delete(parent.id)
    assert library.files.path(parent.png) is not None


async def test_equal_riffs_share_files_until_the_last_goes(library: Library, add: Add) -> None:
    first, second = await add("same"), await add("same", BOB)
    assert first.png == second.png
    await library.riffs.delete(first.id)
    assert library.files.read(second.png)
    await library.riffs.delete(second.id)
    assert library.files.path(second.png) is None


async def test_erasing_a_member_forgets_all_of_theirs_and_nothing_of_others(
    library: Library, add: Add
) -> None:
    parent = await add("anns", ANN)
    child = await add("bobs", BOB, parent=parent.id)
    await library.riffs.add_favourite(child.id, ANN.user_id)
    await library.jobs.create(REQUEST, author=ANN)
    assert (await library.privacy.erase_member(ANN.user_id, scrub_jam)).riffs == 1
    assert [riff.prompt for riff in await library.riffs.recent()] == ["bobs"]
    assert await library.riffs.favourites(ANN.user_id) == []
    assert await library.jobs.unfinished() == []
    with pytest.raises(NotFound):
        await library.jobs.get(parent.id)


async def test_two_hundred_jobs_at_once(library: Library) -> None:
    jobs = await asyncio.gather(*(library.jobs.create(REQUEST, author=ANN) for _ in range(200)))
    assert {job.id for job in await library.jobs.unfinished()} == {job.id for job in jobs}


async def test_a_locked_database_is_a_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riffbot.library.connection.BUSY_TIMEOUT_MS", 1)
    impatient = await Library.open(settings)
    other = sqlite3.connect(settings.data_dir / "riffbot.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="Another program"):
        await impatient.jobs.create(REQUEST, author=ANN)
    assert await impatient.jobs.unfinished() == [], "readers do not wait for writers"
    other.close()
    assert await impatient.jobs.create(REQUEST, author=ANN)
    await impatient.close()


async def test_closing_waits_for_who_is_there_and_refuses_who_comes_later(
    settings: Settings,
) -> None:
    library = await Library.open(settings)
    other = sqlite3.connect(settings.data_dir / "riffbot.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(library.jobs.create(REQUEST, author=ANN))
    cancelled = asyncio.create_task(library.jobs.create(REQUEST, author=BOB))
    while not library._database._writer_lock.locked():  # noqa: ASYNC110  # there is no event for it
        await asyncio.sleep(0)
    closing = asyncio.create_task(library.close())
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(StorageError, match="stopping"):
        await library.riffs.recent()
    assert not closing.done()
    other.execute("COMMIT")
    other.close()
    assert (await writing).author == ANN
    await closing
    alive = [t for t in threading.enumerate() if "_connection_worker_thread" in t.name]
    assert alive == [], "whose last words would find no event loop"


async def test_a_file_that_is_no_database_is_a_sentence(settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "riffbot.db").write_bytes(b"this is a shopping list, not a database" * 99)
    with pytest.raises(StorageError, match="damaged"):
        await Library.open(settings)


async def test_a_data_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StorageError):
        await Library.open(Settings(data_dir=tmp_path / "data"))


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/riffs"])
async def test_another_database_is_refused_by_name(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadRequest, match="RIFFBOT_DATABASE_URL"):
        await Library.open(Settings(data_dir=tmp_path / "data", database_url=url))


@pytest.mark.needs("asyncpg")
@pytest.mark.parametrize(
    "url", ["postgresql://nobody@127.0.0.1:1/x", "postgresql://nobody@no-such-host.invalid/x"]
)
async def test_a_database_server_that_is_not_there_is_a_sentence(tmp_path: Path, url: str) -> None:
    with pytest.raises(StorageError, match="cannot be reached"):
        await Library.open(Settings(data_dir=tmp_path, database_url=url))


@pytest.mark.parametrize("prefix", ["fun", "\ud7ff", "\U0010ffff", "a\U0010ffff"])
async def test_completion_knows_the_last_letters_of_unicode(
    library: Library, add: Add, prefix: str
) -> None:
    riff = await add(prefix + "!")
    await add("another")
    assert [found.id for found in await library.riffs.complete(prefix)] == [riff.id]


def test_a_null_character_is_not_in_any_prompt() -> None:
    assert RiffRequest.from_json('{"prompt": "a\\u0000b"}').prompt == "ab"
    with pytest.raises(BadRequest, match="empty"):
        RiffRequest.from_json('{"prompt": "\\u0000"}')


async def test_favourites_are_searched_in_the_order_in_which_they_were_saved(
    library: Library, add: Add
) -> None:
    for riff in (await add("dub bells"), await add("sad piano"), await add("dub bass")):
        await library.riffs.add_favourite(riff.id, BOB.user_id)
    await library.riffs.remove_favourite(
        (await library.riffs.search("dub bells"))[0].id, BOB.user_id
    )
    await library.riffs.add_favourite((await library.riffs.search("dub bells"))[0].id, BOB.user_id)
    first = await library.riffs.page(saved_by=BOB.user_id, text="dub b", limit=1)
    assert [riff.prompt for riff in first.riffs] == ["dub bells"]
    second = await library.riffs.page(
        saved_by=BOB.user_id, text="dub b", limit=1, older_than=first.older
    )
    assert [riff.prompt for riff in second.riffs] == ["dub bass"]
    assert second.older is None
