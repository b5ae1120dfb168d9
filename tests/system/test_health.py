"""`/livez`, `/readyz` and `riffbot health` say what is wrong with a running RiffBot."""

from __future__ import annotations

import asyncio
import errno
import tempfile
import threading
from collections import namedtuple
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from riffbot import cli, health
from riffbot.process import serve_page
from riffbot.services import Services, open_services
from riffbot.settings import Settings
from tests.support.fake_pipeline import FakePipeline, until

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(health, "FRESH_S", 0.0)
    monkeypatch.setattr("riffbot.services._WARM_UP", None)
    monkeypatch.setattr("riffbot.services._warm_up", lambda: None)
    monkeypatch.setattr("riffbot.services.open_pipeline", lambda settings, images: FakePipeline())
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(tmp_path / "data"))


@asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[tuple[Services, str]]:
    settings = Settings(_env_file=None, data_dir=tmp_path / "data")  # type: ignore[call-arg]
    async with open_services(settings) as services, serve_page(services) as page:
        await until(lambda: services.engine.stats().state == "ready")
        yield services, page


async def ask(page: str, path: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as browser, browser.get(f"{page}{path}") as answer:
        return answer.status, await answer.json()


async def riffbot(*words: str) -> int:
    return await asyncio.to_thread(cli.main, list(words))


async def test_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path) as (_, page):
        well = {"engine": "ok", "model": "ok", "database": "ok", "disk": "ok"}
        assert await ask(page, "readyz") == (200, {"ok": True, "checks": well})
        assert await ask(page, "livez") == (200, {"ok": True, "checks": {"engine": "ok"}})
        assert await riffbot("health") == 0
        assert capsys.readouterr().out.endswith("RiffBot is well.\n")
    assert await riffbot("health") == 1
    assert "No RiffBot runs" in capsys.readouterr().err


async def test_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path) as (_, page):
        monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**12, 10**12, 1024**2))
        status, report = await ask(page, "readyz")
        assert status == 503
        assert report["checks"]["disk"].startswith("The disk is full: 1 MB are free.")
        assert str(tmp_path) not in str(report), "strangers may read it"
        assert (await ask(page, "livez"))[0] == 200, "a restart frees no space"
        assert (await ask(page, "healthz"))[0] == 200
        assert await riffbot("health") == 1
        assert "disk: The disk is full" in capsys.readouterr().out
        assert await riffbot("health", "--live") == 0


async def test_a_disk_that_hangs_holds_one_thread_and_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBE_S", 0.1)
    asked, free = [], threading.Event()

    def hang(folder: Path) -> Usage:
        asked.append(threading.current_thread())
        free.wait(60)
        return Usage(10**12, 1, 10**12)

    async with running(tmp_path) as (_, page):
        assert (await ask(page, "readyz"))[0] == 200
        monkeypatch.setattr("shutil.disk_usage", hang)
        try:
            for _ in range(5):
                status, report = await ask(page, "readyz")
                assert status == 503
                assert report["checks"]["disk"].startswith("no answer")
            async with aiohttp.ClientSession() as browser, browser.get(f"{page}metrics") as answer:
                metrics = await answer.text()
            assert 'riffbot_probe_ok{part="disk"} 0.0' in metrics
            assert "riffbot_disk_free_bytes" in metrics, "the last number"
            assert len(asked) == 1
            assert asked[0].daemon, "RiffBot can stop while it hangs"
        finally:
            free.set()
        await asyncio.to_thread(asked[0].join)
        status, _ = await ask(page, "readyz")
        assert (status, len(asked)) == (200, 2)


async def test_a_read_only_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    async with running(tmp_path) as (_, page):
        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
        status, report = await ask(page, "readyz")
    assert status == 503
    assert "check its permissions" in report["checks"]["disk"]


async def test_a_database_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as (services, page):
        monkeypatch.setattr(health, "PROBE_S", 0.05)

        async def hang() -> str | None:
            await asyncio.sleep(1000)
            return None

        services.health.add("database", hang)
        status, report = await ask(page, "readyz")
    assert status == 503
    assert report["checks"]["database"].startswith("no answer")


async def test_an_engine_whose_thread_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class End(BaseException):
        """What no handler expects."""

    def end(_: object) -> None:
        raise End

    monkeypatch.setattr("riffbot.inference.engine.worker.Worker._next", end)
    settings = Settings(_env_file=None, data_dir=tmp_path / "data")  # type: ignore[call-arg]
    async with open_services(settings) as services, serve_page(services) as page:
        await until(lambda: services.engine.stats().state == "broken")
        for path in ("livez", "readyz", "healthz"):
            assert (await ask(page, path))[0] == 503
