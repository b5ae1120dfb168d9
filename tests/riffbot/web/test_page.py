"""The page of single riffs, built and plain: in a real browser where there is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from riffbot.locations import ROOT
from riffbot.web.routes import pages
from riffbot.web.routes.pages import STATIC
from tests.support.browser import Page, chromium
from tests.support.fake_pipeline import FakePipeline

in_a_browser = pytest.mark.needs("browser")
built = pytest.mark.needs("page")

SOURCES = [ROOT / "web" / "riffs.html", ROOT / "web" / "index.html", STATIC / "plain.html"]


@pytest.fixture
def unbuilt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The pages could not be built here."""
    monkeypatch.setattr(pages, "BUILT", tmp_path / "nothing")


async def one_page_at_every_address(client: TestClient) -> None:
    home = await (await client.get("/riffs")).text()
    riff = await (await client.get("/riff/0123456789ab")).text()
    assert '<base href="./">' in home
    assert riff == home.replace('<base href="./">', '<base href="../">')
    loaded = re.findall(r'(?:href|src)="((?:static|\./app)/[^"]+)"', home)
    assert len(loaded) >= 3  # icon, style, script
    for name in loaded:
        assert (await client.get(f"/{name}")).status == 200
    assert not re.search(r"""(href|src)=["']/""", home)


@built
async def test_the_page_is_one_page_at_every_address(client: TestClient) -> None:
    await one_page_at_every_address(client)


@pytest.mark.usefixtures("unbuilt")
async def test_so_is_the_plain_page(client: TestClient) -> None:
    await one_page_at_every_address(client)
    plain = await (await client.get("/")).text()
    assert plain == (STATIC / "plain.html").read_text()
    assert (await client.get("/jam/0123456789ab")).status == 200


def test_everything_is_served_from_here() -> None:
    for path in [*STATIC.iterdir(), *SOURCES]:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text), path
        assert "style=" not in text, "the policy forbids inline styles"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_every_field_has_a_label(source: Path) -> None:
    html = source.read_text()
    labelled = set(re.findall(r'<label for="([^"]+)"', html))
    # One whose label is around it needs no `for`.
    html = re.sub(r"<label class=.*?</label>", "", html)
    fields = set(
        re.findall(r'<(?:input|textarea|select)[^>]* id="([^"]+)"|id="([^"]+)" name=', html)
    )
    names = {one or other for one, other in fields}
    assert names
    assert names <= labelled


async def ready(page: Page, client: TestClient, path: str = "/riffs", width: int = 1280) -> None:
    await page.open(str(client.make_url(path)), width=width)
    await page.until("document.querySelector('#model').textContent !== ''", seconds=60)


@built
@in_a_browser
@pytest.mark.timeout(300)
async def test_type_a_prompt_and_hear_it(
    client: TestClient, pipeline: FakePipeline, tmp_path: Path
) -> None:
    async with chromium() as page:
        await ready(page, client)
        pipeline.gate.clear()
        await page.type("#prompt", "funky (saxophone:1.3) [drums]")
        ink = await page.js(
            "[...document.querySelectorAll('#prompt-ink .more-weight')]"
            ".map(e => e.textContent).join('')"
        )
        assert ink == "(saxophone:1.3)"
        assert "saxophone ×1.3, drums ×0.91" in await page.js(
            "document.querySelector('#prompt-hint').textContent"
        )
        await page.type("#seed", "42")
        await page.key("Enter")
        await page.until("!document.querySelector('#forming').hidden")
        pipeline.gate.set()
        await page.until("!document.querySelector('#clip').hidden", seconds=120)
        assert (await page.js("document.querySelector('#facts').textContent")).startswith("seed 42")
        await page.until("document.querySelector('#player').duration > 0.6")
        painted = "document.querySelector('#spectrogram').getContext('2d').getImageData(5, 5, 1, 1)"
        await page.until(f"{painted}.data[3] === 255")
        assert pipeline.prompts == ["funky (saxophone:1.3) [drums]"]

        # The link restores all of it, in another tab, on a phone.
        link = await page.js("location.href")
        assert "/riff/" in link
        await ready(page, client, link.partition(client.make_url("/").authority)[2], width=360)
        await page.until("!document.querySelector('#clip').hidden")
        assert await page.js("document.querySelector('#prompt').value") == (
            "funky (saxophone:1.3) [drums]"
        )
        assert await page.js("document.querySelector('#seed').value") == "42"
        assert await page.js("document.documentElement.scrollWidth") <= 360
        assert page.complaints == []


@built
@in_a_browser
@pytest.mark.timeout(300)
async def test_a_mistake_is_told_and_settings_come_out_of_a_link(client: TestClient) -> None:
    async with chromium() as page:
        await ready(page, client, "/riffs#prompt=rain&seed=7&seed_image=beat&denoising=0.3")
        await page.until("document.querySelector('#denoising').value === '0.3'")
        assert await page.js("document.querySelector('#seed-image').value") == "beat"
        assert "Stays close" in await page.js(
            "document.querySelector('#denoising-hint').textContent"
        )
        assert await page.js("document.querySelector('#bpm').disabled")
        await page.js("document.querySelector('#seed').value = 'seven'")
        await page.js("document.querySelector('#go').click()")
        sentence = await page.until("document.querySelector('#complaint').textContent")
        assert "seed" in sentence.lower()
        assert not await page.js("document.querySelector('#go').disabled")


@in_a_browser
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("unbuilt")
async def test_the_plain_page_makes_a_riff_and_restores_it(
    client: TestClient, pipeline: FakePipeline, tmp_path: Path
) -> None:
    async with chromium() as page:
        await ready(page, client, "/", width=360)
        await page.type("#prompt", "funky (saxophone:1.3) [drums]")
        await page.type("#seed", "seven")
        await page.key("Enter")
        sentence = await page.until("document.querySelector('#complaint').textContent")
        assert "seed" in sentence.lower()
        await page.js("document.querySelector('#seed').value = '42'")
        await page.key("Enter")
        await page.until("!document.querySelector('#clip').hidden", seconds=120)
        assert pipeline.prompts == ["funky (saxophone:1.3) [drums]"]
        await page.until("document.querySelector('#player').duration > 0.6")
        await page.until("document.querySelector('#spectrogram').naturalWidth > 0")
        await page.until("document.querySelectorAll('#riffs a').length === 1")
        assert await page.js("document.documentElement.scrollWidth") <= 360
        await page.screenshot(tmp_path / "plain.png")

        link = await page.js("location.href")
        assert "/riff/" in link
        await ready(page, client, link.partition(client.make_url("/").authority)[2])
        await page.until("document.querySelector('#seed').value === '42'")
        facts = await page.js("document.querySelector('#facts').textContent")
        assert facts.startswith("seed 42")
        assert [c for c in page.complaints if "400" not in c] == []
