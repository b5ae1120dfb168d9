"""Whether a RiffBot is running on a data folder."""

from __future__ import annotations

import subprocess
import sys

from riffbot.library.running import is_running, noted
from riffbot.services import open_services
from riffbot.settings import Settings


async def test_it_is_known_while_it_runs_however_many_there_are(settings: Settings) -> None:
    assert not is_running(settings)
    async with noted(settings):
        async with noted(settings):
            assert is_running(settings)
        assert is_running(settings), "one is left"
    assert not is_running(settings)


async def test_the_services_note_it(settings: Settings) -> None:
    async with open_services(settings.model_copy(update={"model": "no-such-folder"})):
        assert is_running(settings)
    assert not is_running(settings)


def test_one_that_was_killed_does_not_run(settings: Settings) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from riffbot.library.running import noted
from riffbot.settings import Settings

async def run():
    async with noted(Settings(data_dir=Path({str(settings.data_dir)!r}))):
        print("noted", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(run())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"noted"
        assert is_running(settings)
    finally:
        process.kill()
        process.wait()
    assert not is_running(settings)
    assert list((settings.data_dir / "running").iterdir()) == [], "and leaves nothing"
