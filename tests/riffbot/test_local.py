"""The local Discord: the command as a person starts it, and a real browser in front of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
import simcord

from riffbot import local
from riffbot.locations import ROOT
from riffbot.services import open_services
from riffbot.settings import Settings
from tests.cogs.conftest import seed_images, settings  # noqa: F401
from tests.support.browser import chromium


async def test_the_server_is_created(settings: Settings) -> None:  # noqa: F811
    async with open_services(settings) as services:
        bot = local.LocalRiffBot(services)
        async with simcord.run(bot, shard_count=1, settle_timeout=60) as world:
            channel, you = await local.create_server(world, bot)
            (hello,) = channel.history()
            assert bot.user is not None
            assert (await bot.fetch_user(bot.user.id)).name == "RiffBot"
            assert "/riff" in hello.embeds[0].description
            assert {"riff", "guide", "about"} <= set(you.available_commands(channel))


def _environment(settings: Settings) -> dict[str, str]:  # noqa: F811
    return {
        **os.environ,
        "DISCORD_TOKEN": "",
        "RIFFBOT_MODEL": settings.model,
        "RIFFBOT_DATA_DIR": str(settings.data_dir),
        "RIFFBOT_SEED_IMAGES": str(settings.seed_images),
        "RIFFBOT_OPEN_BROWSER": "false",
    }


async def _start(settings: Settings) -> tuple[asyncio.subprocess.Process, dict[str, str]]:  # noqa: F811
    """The command, and what it printed by the time it serves."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "riffbot.cli",
        env=_environment(settings),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said: dict[str, str] = {}
    assert process.stdout is not None
    while "local discord" not in said and (line := await process.stdout.readline()):
        name, _, address = line.decode().strip().partition(": ")
        said[name] = address
    return process, said


@pytest.mark.timeout(600)
@pytest.mark.skipif(os.name == "nt", reason="signals are a Unix matter")
async def test_the_command_serves_both_and_stops_when_told(settings: Settings) -> None:  # noqa: F811
    process, said = await _start(settings)
    try:
        assert said["local discord"].startswith("http://127.0.0.1:")
        assert said["page"].startswith("http://127.0.0.1:")
        # What is happening, an empty line, and then the addresses, last and by themselves.
        *banner, empty, page, discord = said
        assert (empty, page, discord) == ("", "page", "local discord")
        assert "DISCORD_TOKEN is not set" in banner[0]
        assert str(settings.data_dir) in banner[1]
        assert f"the model {Path(settings.model).name}" in banner[1]
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    for word in ("Traceback", "WARNING", "INFO"):
        assert word not in errors.decode()


@pytest.mark.timeout(900)
@pytest.mark.needs("browser")
async def test_a_riff_typed_in_a_browser_plays(settings: Settings) -> None:  # noqa: F811
    sys.path.insert(0, str(ROOT / "scripts"))
    from make_screenshots import ask, hear, open_discord

    process, said = await _start(settings)
    try:
        async with chromium() as page:
            await open_discord(page, said["local discord"])
            await ask(page, "/riff", "funky (saxophone:1.3) riff")
            await hear(page, seconds=300)
            text = await page.js("document.body.innerText")
            assert "You used /riff" in " ".join(text.split())
            assert "funky (saxophone:1.3) riff" in text
            assert await page.js("document.querySelectorAll('audio').length") >= 1
    finally:
        process.terminate()
        await process.communicate()
