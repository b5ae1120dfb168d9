"""The page as a person meets it: in a real browser where there is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from riffbot.web.routes.pages import STATIC
from tests.support.browser import Page, chromium
from tests.support.fake_pipeline import FakePipeline

in_a_browser = pytest.mark.needs("browser")


async def test_the_page_is_one_page_at_every_address(client: TestClient) -> None:
    home = await (await client.get("/riffs")).text()
    riff = await (await client.get("/riff/0123456789ab")).text()
    assert '<base href="./">' in home
    assert riff == home.replace('<base href="./">', '<base href="../">')
    for name in re.findall(r'(?:href|src)="(static/[^"]+)"', home):
        assert (await client.get(f"/{name}")).status == 200


def test_everything_is_served_from_here() -> None:
    for path in STATIC.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text), path
        assert "style=" not in text, "the policy forbids inline styles"
    assert not re.search(r"""(href|src)=["']/""", (STATIC / "index.html").read_text())


def test_every_field_has_a_label() -> None:
    html = (STATIC / "index.html").read_text()
    labelled = set(re.findall(r'<label for="([^"]+)"', html))
    fields = set(
        re.findall(r'<(?:input|textarea|select)[^>]* id="([^"]+)"|id="([^"]+)" name=', html)
    )
    names = {one or other for one, other in fields}
    assert names
    assert names <= labelled


async def ready(page: Page, client: TestClient, path: str = "/riffs", width: int = 1280) -> None:
    await page.open(str(client.make_url(path)), width=width)
    await page.until("document.querySelector('#model').textContent !== ''", seconds=60)


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
