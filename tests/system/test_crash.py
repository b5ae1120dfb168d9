"""kill -9 in the middle of a riff: after the next start the promise is kept, or its owner told."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from riffbot.library.store import Library
from riffbot.locations import ROOT
from tests.support.loopback import LoopbackDiscord, Message, Shown
from tests.support.loopback.real import is_result, settings, tiny_model

LONG, WIDE = 200, 512
"""Steps and columns: enough to be killed among them."""
PROMPTS = ("a long one", "in line behind it")


def environment(there: LoopbackDiscord, folder: Path) -> dict[str, str]:
    """What an owner would have set, and nothing that this machine has."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "DISCORD_TOKEN": there.token,
        "RIFFBOT_MODEL": str(tiny_model(WIDE)),
        "RIFFBOT_DATA_DIR": str(folder / "data"),
        "RIFFBOT_SEED_IMAGES": str(folder / "seed_images"),
        "RIFFBOT_OPEN_BROWSER": "false",
    }


@asynccontextmanager
async def process(
    there: LoopbackDiscord, folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The real command in a process of its own, which is on Discord when the block begins."""
    with (folder / "log.txt").open("ab") as log:
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.loopback.run_bot", there.state.base_url),
            cwd=folder,  # where no .env lies
            env=environment(there, folder),
            stdout=log,
            stderr=log,
        )
    try:
        await there.ready(timeout_s=180)
        yield running
    except AssertionError as error:
        error.add_note((folder / "log.txt").read_text()[-4000:])
        raise
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGTERM)
        await asyncio.wait_for(running.wait(), 60)


def is_computing(message: Message) -> bool:
    return " of " in message.text and "step" in message.text


def riff_of(prompt: str) -> Callable[[Message], bool]:
    return lambda message: is_result(message) and prompt in message.text


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "expired",
    [
        pytest.param(False, id="token alive"),
        pytest.param(True, id="token dead", marks=pytest.mark.slow),
    ],
)
async def test_a_killed_bot_keeps_its_promise(tmp_path: Path, expired: bool) -> None:
    async with LoopbackDiscord() as there:
        asked = await ask_and_end(there, tmp_path, signal.SIGKILL)
        if expired:
            there.clock.advance(901)
        await check_promises(there, tmp_path, asked, expired=expired)
    await check_library(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_stopped_bot_keeps_its_promise(tmp_path: Path) -> None:
    async with LoopbackDiscord() as there:
        asked = await ask_and_end(there, tmp_path, signal.SIGTERM)
        await check_promises(there, tmp_path, asked, expired=False)
    await check_library(tmp_path)
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


async def ask_and_end(there: LoopbackDiscord, folder: Path, how: signal.Signals) -> list[Shown]:
    """Two riffs are asked for; the process ends while the first of them is computed."""
    there.add_guild()
    ann, bob = there.member("ann"), there.member("bob")
    async with process(there, folder) as bot:
        running = await ann.slash("riff", prompt=PROMPTS[0], steps=LONG)
        waiting = await bob.slash("riff", prompt=PROMPTS[1], seed=7)
        await running.until(is_computing, timeout_s=180)
        bot.send_signal(how)
        code = await asyncio.wait_for(bot.wait(), 120)
        assert code == (0 if how is signal.SIGTERM else -how)
    return [running, waiting]


async def check_promises(
    there: LoopbackDiscord, folder: Path, asked: list[Shown], *, expired: bool
) -> None:
    """After the next start both riffs are there: in their first messages, if those still can be."""
    channel = asked[0].interaction.channel
    async with process(there, folder):
        for shown, prompt in zip(asked, PROMPTS, strict=True):
            found = await there.posted(channel, riff_of(prompt), timeout_s=180)
            assert (found in shown.messages) is not expired
    assert there.state.syncs == 1  # the second start had nothing new to register


async def check_library(folder: Path) -> None:
    """Two riffs, no open promise, and every file is what its name says."""
    library = await Library.open(settings(folder))
    try:
        assert await library.jobs.unfinished() == []
        riffs = await library.riffs.recent()
        assert {riff.request.prompt for riff in riffs} == set(PROMPTS)
        for riff in riffs:
            for digest in (riff.png, riff.mp3, riff.picture):
                assert hashlib.sha256(library.files.read(digest)).hexdigest() == digest
    finally:
        await library.close()
    for path in (folder / "data" / "files").rglob("*.*"):
        if len(path.stem) == 64:  # what was being written has another name, and is swept up later
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
