"""The dashboard and the alerts ask for metrics that there are, and a real Prometheus answers."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from riffbot.locations import ROOT
from riffbot.process import serve_page
from riffbot.services import open_services
from riffbot.settings import Settings
from tests.support.fake_pipeline import FakePipeline, until
from tests.support.patience import patience

MONITORING = ROOT / "deploy" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "grafana.json").read_text())

ONLY_WITH_A_GPU = "riffbot_gpu_memory_bytes"
"""A metric that this machine may not have."""

KNOWN_BEFORE = {
    "riffbot_up", "riffbot_queue_jobs", "riffbot_running_jobs", "riffbot_clips_total",
    "riffbot_failures_total", "riffbot_cancelled_total", "riffbot_page_jobs", "riffbot_jams",
    "riffbot_jam_underruns", "riffbot_jam_late_chunks", "riffbot_library_riffs",
    "riffbot_uptime_seconds", "riffbot_page_connections",
    "riffbot_page_connections_refused_total", "riffbot_clip_seconds", "riffbot_real_time_factor",
}  # fmt: skip
"""Names that owners' dashboards have had for long."""


def queries() -> Iterator[tuple[str, str]]:
    """Every query of the dashboard with its panel's title."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$job", "riffbot")


def asked_for() -> set[str]:
    alerts = (MONITORING / "alerts.yml").read_text()
    text = " ".join([alerts, *(query for _, query in queries())])
    return set(re.findall(r"\b(?:riffbot|process)_[a-z_]+", text))


@asynccontextmanager
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A RiffBot that has made a riff; yields the address of its page."""
    monkeypatch.setattr("riffbot.services._WARM_UP", None)
    monkeypatch.setattr("riffbot.services._warm_up", lambda: None)
    monkeypatch.setattr("riffbot.services.open_pipeline", lambda settings, images: FakePipeline())
    settings = Settings(_env_file=None, data_dir=tmp_path / "data")  # type: ignore[call-arg]
    async with open_services(settings) as services, serve_page(services) as page:
        await until(lambda: services.engine.stats().state == "ready")
        async with aiohttp.ClientSession() as browser:
            await browser.post(f"{page}api/riffs", json={"prompt": "x", "seed": 1})
        await until(lambda: services.engine.stats().done == 1)
        services.metrics.observe_picture("chunk", 0.1, 0.2)
        services.metrics.observe_discord("200", 0.1)
        stored = ("riffbot_riff_seconds_count", {"kind": "riff"})
        await until(lambda: bool(services.metrics.registry.get_sample_value(*stored)))
        yield page


async def test_every_metric_that_is_asked_for_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(tmp_path, monkeypatch) as page, aiohttp.ClientSession() as browser:
        text = await (await browser.get(f"{page}metrics")).text()
    there = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line[0] != "#"}
    assert asked_for() - there <= {ONLY_WITH_A_GPU}
    assert there >= KNOWN_BEFORE


@pytest.mark.needs("prometheus")
def test_the_alerts_fire_when_they_should() -> None:
    subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yml"], cwd=MONITORING, check=True, timeout=60
    )
    subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=MONITORING, check=True, timeout=60
    )


@pytest.mark.needs("prometheus")
async def test_a_real_prometheus_answers_every_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        watched(tmp_path, monkeypatch) as page,
        prometheus(tmp_path, page) as address,
        aiohttp.ClientSession() as browser,
    ):
        await scraped_twice(browser, address)
        silent = []
        for title, query in queries():
            report = await ask(browser, f"{address}/api/v1/query", query=query)
            assert report["status"] == "success", (title, report)
            if not report["data"]["result"] and ONLY_WITH_A_GPU not in query:
                silent.append((title, query))
        assert silent == []
        (group,) = (await ask(browser, f"{address}/api/v1/rules"))["data"]["groups"]
        assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}
        assert len(group["rules"]) >= 8


async def ask(browser: aiohttp.ClientSession, address: str, **params: str) -> dict[str, Any]:
    async with browser.get(address, params=params) as answer:
        report: dict[str, Any] = await answer.json()
        return report


@asynccontextmanager
async def prometheus(tmp_path: Path, page: str) -> AsyncIterator[str]:
    """A Prometheus of the test's own that scrapes the page every second."""
    config = (MONITORING / "prometheus.yml").read_text()
    config = config.replace("127.0.0.1:8765", page.removeprefix("http://").rstrip("/"))
    config = config.replace("15s", "1s").replace("alerts.yml", str(MONITORING / "alerts.yml"))
    (tmp_path / "prometheus.yml").write_text(config)
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            "--web.listen-address=127.0.0.1:0",
            stderr=log,
        )
    try:
        async with patience(60):
            while not (
                found := re.search(
                    r"Listening on.*address=(127\.0\.0\.1:\d+)",
                    (tmp_path / "prometheus.log").read_text(),
                )
            ):
                assert process.returncode is None
                await asyncio.sleep(0.1)
        yield f"http://{found[1]}"
    finally:
        process.terminate()
        await process.wait()


async def scraped_twice(browser: aiohttp.ClientSession, address: str) -> None:
    """Wait until a rate has two samples to be computed from."""
    query = {"query": "count_over_time(riffbot_riff_seconds_count[1m]) >= 3"}
    async with patience(60):
        while True:
            async with browser.get(f"{address}/api/v1/query", params=query) as answer:
                if answer.status == 200 and (await answer.json())["data"]["result"]:
                    return
            await asyncio.sleep(0.3)
