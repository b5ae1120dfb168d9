"""`riffbot privacy`: what is known about a member."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from riffbot.cli import main
from riffbot.request import RiffRequest
from tests.riffbot.commands.answers import one_line


def test_a_member_is_exported_and_forgotten_from_the_command_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    from riffbot.library.instance_lock import hold_instance_lock
    from riffbot.library.store import Library
    from riffbot.library.types import Author, Origin
    from riffbot.settings import load_settings
    from tests.riffbot.library.conftest import files, made

    assert main(["privacy", "export", "ann.zip"]) == 2
    assert "no library" in one_line(capsys)

    async def fill() -> None:
        library = await Library.open(load_settings())
        request = RiffRequest(prompt="funky sax", seed=1)
        where = Origin(channel_id=5, message_id=6)
        job = await library.jobs.create(request, author=Author(1, "Ann", 9), origin=where)
        await library.jobs.finish(job.id, made(request), files("x"))
        await library.privacy.set_remix_allowed(1, False)
        await library.close()

    asyncio.run(fill())
    assert main(["privacy", "export", "ann.txt", "--member", "1"]) == 2
    assert ".zip" in one_line(capsys)
    assert main(["privacy", "export", "ann.zip", "--member", "1"]) == 0
    exported = json.loads(zipfile.ZipFile(home / "ann.zip").read("data.json"))
    assert [riff["request"]["prompt"] for riff in exported["riffs"]] == ["funky sax"]
    capsys.readouterr()
    assert main(["privacy", "delete", "--member", "1"]) == 2
    assert "--yes" in one_line(capsys)
    assert main(["privacy", "delete", "--yes"]) == 2
    assert "--member" in one_line(capsys), "nobody in particular is everybody on the page"

    async def beside() -> None:
        async with hold_instance_lock(load_settings()):
            words = ["privacy", "delete", "--member", "1", "--yes"]
            assert await asyncio.to_thread(main, words) == 2

    asyncio.run(beside())
    assert "stop it first" in one_line(capsys)
    assert main(["privacy", "delete", "--member", "1", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "member": 1,
        "riffs": 1,
        "children_kept": 0,
        "messages_left": [[5, 6]],
        "remixes_forbidden": True,
    }
    assert main(["library", "list"]) == 0
    assert "empty" in capsys.readouterr().out
