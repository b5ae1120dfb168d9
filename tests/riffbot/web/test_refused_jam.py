"""Where no jam can play, both pages offer what still works: a single riff, one click away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from riffbot.jam.manager import JamManager
from riffbot.services import Services
from riffbot.web import keys
from riffbot.web.app import create_app
from riffbot.web.rate_limit import RateLimiter
from riffbot.web.routes import pages
from tests.support.browser import Page, chromium
from tests.support.fake_pipeline import FakePipeline

in_a_browser = pytest.mark.needs("browser")
built = pytest.mark.needs("page")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine keeps up with no jam."""
    monkeypatch.setattr("riffbot.jam.capacity.MAX_LOAD", 1e-9)


@pytest.mark.usefixtures("slow")
async def test_a_refusal_says_what_to_do_and_what_is_offered(client: TestClient) -> None:
    answer = await client.post("/api/jams", json={"prompt": "rain", "seed_image": "beat"})
    assert answer.status == 503
    body = await answer.json()
    assert body["offer"] == "riff"
    assert "single riffs" in body["error"]


async def test_only_where_a_riff_would_work(services: Services) -> None:
    app = create_app(services)
    app[keys.CREATE_LIMIT] = RateLimiter(burst=1, every_s=3600)
    async with TestClient(TestServer(app)) as client:
        nonsense = await client.post("/api/jams", json={"prompt": "(x:99)"})
        often = await client.post("/api/jams", json={"prompt": "rain"})
        assert (nonsense.status, often.status) == (400, 429)
        for answer in (nonsense, often):
            assert "offer" not in await answer.json()


async def made(page: Page, pipeline: FakePipeline, prompt: str) -> None:
    """Click on the offer, and wait for the riff."""
    await page.js("document.querySelector('.instead').click()")
    await page.until(
        "document.querySelector('#clip') !== null && !document.querySelector('#clip').hidden"
    )
    title = await page.js("document.querySelector('#title').textContent")
    assert title == prompt
    assert pipeline.prompts[-1] == prompt


@built
@in_a_browser
@pytest.mark.timeout(300)
async def test_the_page_with_the_mountains_offers_a_riff(
    client: TestClient, pipeline: FakePipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chromium() as page:
        await page.open(str(client.make_url("/")))
        await page.until("document.querySelector('#chips').children.length > 0")
        monkeypatch.setattr("riffbot.jam.capacity.MAX_LOAD", 1e-9)
        await page.type("#prompt", "funky [sax] & rain")
        await page.key("Enter")
        await page.until("document.querySelector('#complaint .instead') !== null")
        said = await page.js("document.querySelector('#complaint').textContent")
        assert said.startswith("This machine makes")
        assert await page.js("document.querySelector('#prompt').value") == "funky [sax] & rain"
        await page.screenshot(tmp_path / "mountains.png")
        await made(page, pipeline, "funky [sax] & rain")
        await page.screenshot(tmp_path / "riff.png")
        riffs = len(pipeline.prompts)

        # The same link from somebody else fills in the form, and does no more.
        link = str(client.make_url("/riffs")) + "#prompt=by+mail&seed=7"
        await page.call("Page.navigate", url="about:blank")
        await page.open(link)
        await page.until("document.querySelector('#model').textContent !== ''")
        await page.until("document.querySelector('#prompt').value === 'by mail'")
        assert await page.js("document.querySelector('#forming').hidden")
        assert len(pipeline.prompts) == riffs
        assert [c for c in page.complaints if "503" not in c] == []


@built
@in_a_browser
@pytest.mark.timeout(300)
async def test_a_refused_jam_leaves_the_one_that_is_heard(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chromium() as page:
        await page.open(str(client.make_url("/")))
        await page.until("document.querySelector('#chips').children.length > 0")
        await page.type("#prompt", "rain")
        await page.key("Enter")
        await page.until("document.body.dataset.state === 'jam'")
        (old,) = services.jams.all()
        monkeypatch.setattr("riffbot.jam.capacity.MAX_LOAD", 1e-9)
        await page.js("document.querySelector('#anew').click()")
        await page.until("document.querySelector('#complaint .instead') !== null")
        assert await page.js("document.body.dataset.state") == "jam"
        assert await page.js("riffbot.jam.id") == old.id
        assert services.jams.all() == [old]


@in_a_browser
@pytest.mark.timeout(300)
async def test_the_plain_page_offers_a_riff_where_a_jam_cannot_come_back(
    services: Services,
    client: TestClient,
    pipeline: FakePipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "BUILT", tmp_path / "nothing")
    answer = await client.post("/api/jams", json={"prompt": "rain", "seed_image": "beat"})
    jam = (await answer.json())["jam"]["id"]
    await services.jams.close()
    again = JamManager(
        services.engine, services.images, services.library, services.clip_service, services.settings
    )
    monkeypatch.setattr("riffbot.jam.capacity.MAX_LOAD", 1e-9)
    try:
        app = create_app(replace(services, jams=again))
        async with TestClient(TestServer(app)) as later, chromium() as page:
            await page.open(f"{later.make_url(f'/jam/{jam}')}#prompt=rain&seed_image=beat")
            await page.until("document.querySelector('#coming .instead') !== null")
            await page.screenshot(tmp_path / "plain.png")
            await made(page, pipeline, "rain")
    finally:
        await again.close()
