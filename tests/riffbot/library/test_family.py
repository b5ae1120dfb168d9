"""Family trees: drawn, told, and found in one question."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL import Image

from riffbot.clips.lineage import draw_family_tree, format_family_tree
from riffbot.errors import BadRequest
from riffbot.jam.snapshot import scrub_jam
from riffbot.library.deletion import DeletionResult
from riffbot.library.jam_record import JamRecord, PageJam, StoredJamStatus
from riffbot.library.store import Library
from riffbot.library.types import FORMER_MEMBER, NOBODY, Viewer
from riffbot.request import RiffRequest
from riffbot.settings import Settings
from tests.riffbot.library.conftest import ANN, BOB, Add, files, made


async def test_a_family_is_found_from_any_of_its_members(library: Library, add: Add) -> None:
    root = await add("root")
    child = await add("child", BOB, parent=root.id)
    grandchild = await add("grandchild", ANN, parent=child.id)
    sister = await add("sister", BOB, parent=root.id)
    stranger = await add("stranger")
    for member in (root, child, grandchild, sister):
        family = await library.riffs.family(member.id)
        assert {m.id for m in family.members} == {root.id, child.id, grandchild.id, sister.id}
        assert family.riff.id == member.id
        assert [r.id for r in family.roots] == [root.id]
    assert len((await library.riffs.family(stranger.id)).members) == 1
    text = format_family_tree(await library.riffs.family(child.id))
    lines = text.splitlines()
    assert lines[0].startswith("Ann · riff · root")
    assert lines[1].startswith("├─ Bob · riff · child")
    assert lines[1].endswith("this one")
    assert lines[2].startswith("│  └─ Ann · riff · grandchild")
    assert lines[3].startswith("└─ Bob · riff · sister")


async def test_whoever_goes_leaves_a_place_while_there_are_children(
    library: Library, add: Add
) -> None:
    root = await add("root secret")
    child = await add("child", BOB, parent=root.id)
    grandchild = await add("grandchild", ANN, parent=child.id)
    farewell = await library.riffs.delete(child.id)
    assert farewell.children == (grandchild.id,)
    text = format_family_tree(await library.riffs.family(grandchild.id))
    assert text.splitlines()[1] == "└─ a deleted riff"
    assert "Bob" not in text
    await library.privacy.erase_member(ANN.user_id, scrub_jam)
    assert await library.riffs.count() == 0
    with pytest.raises(Exception, match="not in the library"):
        await library.riffs.family(root.id)


async def test_names_go_when_their_member_does(library: Library, add: Add) -> None:
    root = await add("root secret")
    child = await add("child", BOB, parent=root.id)
    farewell = await library.privacy.erase_member(ANN.user_id, scrub_jam)
    assert (farewell.riffs, farewell.children) == (1, (child.id,))
    (credit,) = await library.riffs.credits(await library.riffs.get(child.id))
    assert (credit.author, credit.riff_id, credit.prompt) == (FORMER_MEMBER, None, "")
    assert credit.author is not NOBODY
    family = await library.riffs.family(child.id)
    assert "secret" not in format_family_tree(family)
    assert "secret" not in family.members[0].request.model_dump_json()
    # With its last child the empty place goes, too.
    await library.riffs.delete(child.id)
    assert await library.riffs.collect_files() == 0
    page = await library.riffs.page()
    assert page.riffs == ()


async def test_two_parents_are_both_credited(library: Library, add: Add) -> None:
    one, two = await add("one"), await add("two", BOB)
    request = RiffRequest.build(
        prompt="one + two",
        seed=0,
        seed_image=one.image_ref,
        piece={"kind": "layer", "image": two.image_ref},
    )
    job = await library.jobs.create(request, author=BOB, parent=one.id, second_parent=two.id)
    both = await library.jobs.finish(job.id, made(request), files("both"))
    assert [c.author.name for c in await library.riffs.credits(both)] == ["Ann", "Bob"]
    assert both.kind == "layer"
    assert {m.id for m in (await library.riffs.family(two.id)).members} >= {two.id, both.id}
    await library.riffs.delete(two.id)
    assert library.files.path(two.png) is not None, "the layer needs it to be played again"
    await library.riffs.delete(both.id)
    assert library.files.path(two.png) is None


async def test_a_large_family_is_drawn_in_part(library: Library, add: Add) -> None:
    root = await add("root")
    for number in range(12):
        await add(f"child {number} " + "long words " * 20, BOB, parent=root.id)
    family = await library.riffs.family(root.id, most=8)
    assert len(family.members) == 8
    assert family.left_out == 5
    assert "… and 5 more" in format_family_tree(family)
    thumbs = {root.id: np.zeros((128, 128), np.uint8)}
    picture = Image.open(io.BytesIO(draw_family_tree(family, thumbs)))
    assert max(picture.size) <= 3600
    assert all(len(line) < 140 for line in format_family_tree(family).splitlines())


@pytest.mark.parametrize("text", ["", "riff", "r", "dub ri"])
async def test_pages_meet_and_do_not_overlap(library: Library, add: Add, text: str) -> None:
    for number in range(7):
        await add(f"dub riff {number} r", BOB if number % 2 else ANN)
    seen, turned = [], None
    while True:
        page = await library.riffs.page(text=text, limit=3, older_than=turned)
        seen += [riff.prompt for riff in page.riffs]
        if page.older is None:
            break
        turned = page.older
    assert seen == [f"dub riff {number} r" for number in reversed(range(7))]
    back = await library.riffs.page(text=text, limit=3, newer_than=page.newer)
    assert [riff.prompt for riff in back.riffs] == [f"dub riff {n} r" for n in (3, 2, 1)]
    assert back.newer is not None
    top = await library.riffs.page(text=text, limit=3, newer_than=back.newer)
    assert top.newer is None


async def test_old_riffs_that_nobody_saved_go(library: Library, add: Add) -> None:
    kept, gone = await add("kept"), await add("gone", BOB)
    await library.riffs.add_favourite(kept.id, BOB.user_id)
    assert await library.riffs.expire(datetime.now(UTC) - timedelta(days=1)) == DeletionResult(0)
    child = await add("child", parent=gone.id)
    await library.riffs.add_favourite(child.id, BOB.user_id)
    farewell = await library.riffs.expire(datetime.now(UTC) + timedelta(seconds=1))
    assert farewell == DeletionResult(1, children=(child.id,))
    await library.riffs.delete(child.id)
    assert [riff.id for riff in await library.riffs.recent()] == [kept.id]
    assert library.files.path(gone.mp3) is None


async def test_a_damaged_library_s_circle_is_drawn_all_the_same(
    library: Library, add: Add, settings: Settings
) -> None:
    first = await add("first")
    second = await add("second", parent=first.id)
    with sqlite3.connect(settings.data_dir / "riffbot.db") as damage:
        damage.execute("UPDATE riffs SET parent_id = ? WHERE id = ?", (second.id, first.id))
    family = await library.riffs.family(second.id)
    assert [
        line.strip("└─ ").split(" · ")[2][:6] for line in format_family_tree(family).splitlines()
    ] == [
        "first ",
        "second",
    ]
    assert Image.open(io.BytesIO(draw_family_tree(family, {}))).width > 600, "one beside the other"


async def test_only_its_author_decides_about_a_riff(library: Library, add: Add) -> None:
    riff = await add("mine")
    with pytest.raises(BadRequest):
        await library.privacy.set_riff_remix_allowed(riff.id, BOB.user_id, False)
    await library.privacy.set_riff_remix_allowed(riff.id, ANN.user_id, False)
    assert not (await library.riffs.get(riff.id)).remix_allowed
    assert await library.privacy.set_remix_allowed(ANN.user_id, True) == 1
    assert await library.privacy.is_remix_allowed(ANN.user_id)


async def test_the_export_tells_of_jams_and_survives_a_damaged_file(
    library: Library, add: Add
) -> None:
    whole, damaged = await add("whole"), await add("damaged")
    path = library.files.path(damaged.mp3)
    assert path is not None
    path.write_bytes(b"rust")
    await library.jams.save(
        JamRecord(
            id="jam",
            key=PageJam(),
            starter_id=ANN.user_id,
            starter_name="Ann",
            bitrate=96000,
            seed_image="steady",
            status=StoredJamStatus.PAUSED,
            snapshot="{}",
        )
    )
    archive = zipfile.ZipFile(io.BytesIO(await library.privacy.export_member(1, limit=10_000_000)))
    exported = json.loads(archive.read("data.json"))
    assert [jam["name"] for jam in exported["jams"]] == ["Ann"]
    assert exported["files_left_out"] == [f"riffs/{damaged.id}.mp3"]
    assert f"riffs/{whole.id}.mp3" in archive.namelist()


async def test_a_clip_that_is_kept_while_its_author_goes_goes_too(
    library: Library, add: Add
) -> None:
    request = RiffRequest(prompt="late", seed=1)
    job = await library.jobs.create(request, author=ANN)
    # Both want the files at once: whoever comes first, nothing of hers is left.
    async with library._database.files_lock:
        finishing = asyncio.create_task(library.jobs.finish(job.id, made(request), files("late")))
        await asyncio.sleep(0)
        erasing = asyncio.create_task(library.privacy.erase_member(ANN.user_id, scrub_jam))
        await asyncio.sleep(0.05)
    await finishing
    assert (await erasing).riffs == 1
    assert await library.riffs.count() == 0


async def test_what_was_made_elsewhere_only_has_its_place(library: Library, add: Add) -> None:
    root = await add("root", channel=5)
    private = await add("secret wish", replace(BOB, guild_id=None), parent=root.id, channel=6)
    await add("open", BOB, parent=private.id, channel=5)
    ann, bob = (Viewer(author.user_id, frozenset({5})) for author in (ANN, BOB))
    family = (await library.riffs.family(root.id)).redact_for(ann)
    lines = format_family_tree(family).splitlines()
    assert lines[1] == "└─ a riff made elsewhere"
    assert "Bob · riff · open" in lines[2]
    thumbs = {m.id: np.zeros((128, 128), np.uint8) for m in family.members}
    without = {m.id: thumbs[m.id] for m in family.members if m.id != private.id}
    assert draw_family_tree(family, thumbs) == draw_family_tree(family, without)
    asked = (await library.riffs.family(private.id)).redact_for(ann)  # about the hidden one itself
    assert "secret wish" not in format_family_tree(asked)
    assert format_family_tree(asked).splitlines()[1].startswith("└─ a riff made elsewhere")
    assert draw_family_tree(asked, thumbs) == draw_family_tree(asked, without)
    bobs = (await library.riffs.family(root.id)).redact_for(bob)
    assert "secret wish" in format_family_tree(bobs)
