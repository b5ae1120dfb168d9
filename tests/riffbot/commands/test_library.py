"""`riffbot library`: find, trace, export and delete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from riffbot.cli import main
from riffbot.request import RiffRequest
from tests.riffbot.commands.answers import one_line


def test_the_library_from_the_command_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import asyncio

    from riffbot.library.types import Author
    from riffbot.services import open_services
    from riffbot.settings import load_settings

    assert main(["library", "list"]) == 2
    assert "no library" in one_line(capsys)

    async def fill() -> list[str]:
        async with open_services(load_settings()) as services:
            clip_service = services.clip_service
            first = await clip_service.make(
                RiffRequest(prompt="funky sax"), author=Author(1, "Ann")
            )
            remix = RiffRequest(prompt="church bells", seed_image=first.image_ref)
            second = await clip_service.make(remix, author=Author(2, "Bob"), parent=first.id)
            return [first.id, second.id]

    first, second = asyncio.run(fill())
    assert main(["library", "search", "church", "bel", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == second
    assert main(["library", "list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [second, first]
    assert main(["library", "lineage", first, "--out", "tree.png"]) == 0
    tree = capsys.readouterr().out
    assert "Ann · riff · funky sax" in tree
    assert "└─ Bob · remix 0.75 · church bells" in tree
    assert (home / "tree.png").read_bytes().startswith(b"\x89PNG")
    for name in ("x.mp4", "x.wav", "x.zip"):
        assert main(["library", "export", second, name]) == 0
        assert (home / name).stat().st_size > 1000
    capsys.readouterr()
    assert main(["library", "export", second, "x.txt"]) == 2
    assert ".mp4" in one_line(capsys)
    assert main(["remix", second, "steel drums", "--seed", "5", "--out", "b"]) == 0
    capsys.readouterr()
    assert main(["library", "delete", first]) == 0
    assert "made from it stay" in capsys.readouterr().out
    assert main(["library", "show", second]) == 0
    assert json.loads(capsys.readouterr().out)["credits"][0]["author"] == "nobody"
    for unknown in (first, "caf\udce9", "日本é", "a\0b"):  # bytes that are no UTF-8, too
        assert main(["library", "show", unknown]) == 2
        assert "is not in the library" in one_line(capsys)
