"""The log of a whole session: a request can be followed through it, and it tells no secrets.

A real process on the loopback Discord: commands that work and that fail, buttons, the page.
"""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.loopback import LoopbackDiscord
from tests.support.loopback.real import is_result
from tests.system import test_crash

PROMPT = "xylophonequux"
"""A word that nothing else in the log has."""

WRONG = "(zymurgyquux:99)"
"""A prompt with a weight that is refused in a sentence that quotes it."""

ON_PAGE = "marimbaquux"


def records(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


@pytest.mark.timeout(600)
async def test_a_request_can_be_followed_and_no_secret_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = test_crash.environment

    def environment(there: LoopbackDiscord, folder: Path) -> dict[str, str]:
        return {**plain(there, folder), "RIFFBOT_LOG_FORMAT": "json", "RIFFBOT_LOG_LEVEL": "INFO"}

    monkeypatch.setattr(test_crash, "environment", environment)
    tokens: list[str] = []
    async with LoopbackDiscord() as there:
        there.add_guild()
        ann = there.member("ann")
        async with test_crash.process(there, tmp_path) as bot:
            shown = await ann.slash("riff", prompt=PROMPT, steps=2, negative=f"{PROMPT} no")
            tokens.append(shown.interaction.token)
            await there.posted(shown.interaction.channel, is_result, timeout_s=180)
            refused = await ann.slash("riff", prompt=WRONG)
            tokens.append(refused.interaction.token)
            await refused.until(lambda message: bool(message.content), timeout_s=60)
            page = json.loads((tmp_path / "data" / "page.json").read_text())["address"]
            async with aiohttp.ClientSession() as browser:
                body = {"prompt": ON_PAGE, "seed": 1, "steps": 2}
                async with browser.post(f"{page}api/riffs", json=body) as answer:
                    asked, job = answer.headers["X-Request-Id"], (await answer.json())["job"]
                async with browser.get(f"{page}api/jobs/{job}/events") as events:
                    assert "event: done" in await events.text()  # which end with the job
            bot.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(bot.wait(), 60) == 0
    text = (tmp_path / "log.txt").read_text()
    for secret in (there.token, *tokens, PROMPT, "zymurgyquux", ON_PAGE, "owner?key="):
        assert secret not in text, secret[:8]
    found = records(text)
    assert {record["level"] for record in found} <= {"INFO", "WARNING"}
    follow(found, next(r["request"] for r in found if r["message"].startswith("/riff in server")))
    follow(found, asked)


def follow(found: list[dict[str, Any]], request: str) -> None:
    """From the click to the model and back, under one id."""
    told = [record for record in found if record.get("request") == request]
    loggers = [record["logger"] for record in told]
    assert "riffbot.inference.engine.worker" in loggers, told
    assert loggers.count("riffbot.clips.service") == 2, told
    accepted, stored = (r["message"] for r in told if r["logger"] == "riffbot.clips.service")
    assert accepted.split()[1] == stored.split()[1]
