"""The painter in a real browser: mouse, pen, touch and keyboard paint; undo; nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestClient

from riffbot.errors import GenerationFailed
from riffbot.regions import Region
from riffbot.services import Services
from tests.riffbot.web.routes.test_api import ask
from tests.support.browser import Page, chromium
from tests.support.fake_pipeline import FakePipeline

pytestmark = [
    pytest.mark.needs("browser", "page"),
    pytest.mark.timeout(300),
]


async def text(page: Page, selector: str) -> str:
    return str(await page.js(f"document.querySelector({json.dumps(selector)}).textContent"))


async def click(page: Page, selector: str) -> None:
    await page.js(f"document.querySelector({json.dumps(selector)}).click()")


async def drag(page: Page, places: list[tuple[float, float]], **how: Any) -> None:
    """Drag over the sheet; places are parts of its width and height, from the top left."""
    # In the middle of the window: what is dragged over must be seen.
    box = await page.js(
        "(() => { const p = document.querySelector('#paint');"
        "p.scrollIntoView({ block: 'center', behavior: 'instant' });"
        "const b = p.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })()"
    )
    points = [(box[0] + x * box[2], box[1] + y * box[3]) for x, y in places]
    if how.pop("touch", False):
        for kind, point in zip(
            ["touchStart", *["touchMove"] * (len(points) - 1)], points, strict=True
        ):
            touch = {"x": point[0], "y": point[1]}
            await page.call("Input.dispatchTouchEvent", type=kind, touchPoints=[touch])
        await page.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        return
    kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 2), "mouseReleased"]
    for kind, (x, y) in zip(kinds, points, strict=True):
        await page.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button="left",
            buttons=1,
            clickCount=1,
            **how,
        )


async def test_brush_over_a_riff_and_hear_it_anew(
    client: TestClient, services: Services, pipeline: FakePipeline, tmp_path: Path
) -> None:
    first = (await ask(client, prompt="first", seed=1))["riff"]
    async with chromium() as page:
        await page.open(str(client.make_url(f"/riff/{first['id']}")))
        await page.until("!document.querySelector('#clip').hidden")
        await click(page, "#paint-on")
        await page.until("!document.querySelector('#painter').hidden")
        await click(page, "#painter-go")
        assert "Nothing is painted" in await text(page, "#painter-complaint")

        await drag(page, [(0.25, 0.5), (0.3, 0.5), (0.5, 0.5), (0.5, 0.5)])
        await drag(page, [(0.8, 0.2), (0.8, 0.2)], pointerType="pen", force=0.9)
        await drag(page, [(0.1, 0.8), (0.2, 0.8)], touch=True)
        strokes = "document.querySelector('#paint').getAttribute('aria-label')"
        assert "3 strokes" in await page.js(strokes)
        await page.call("Input.dispatchKeyEvent", type="keyDown", key="z", modifiers=2)
        assert "2 strokes" in await page.js(strokes)
        await click(page, "#redo")
        await click(page, "#undo")
        await page.screenshot(tmp_path / "mask.png")

        # What is refused leaves the painting as it is.
        pipeline.trouble = lambda _: (_ for _ in ()).throw(GenerationFailed("The model is ill."))
        await page.type("#painter-prompt", "church bells")
        await click(page, "#painter-go")
        await page.until("document.querySelector('#painter-complaint').textContent")
        assert await text(page, "#painter-complaint") == "The model is ill."
        assert "2 strokes" in await page.js(strokes)
        assert not await page.js("document.querySelector('#painter-go').disabled")
        pipeline.trouble = lambda _: None
        await click(page, "#painter-go")
        await page.until("document.querySelector('#title').textContent === 'church bells'")
        await page.until("document.querySelector('#painter').hidden")
        assert page.complaints == []

    request = pipeline.batches[-1][0]
    mask = services.images.mask(request.mask or "", 64)
    rows, columns = np.nonzero(mask)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[256, 16:32].all()  # the mouse
    assert mask[102, 51] == 255  # the pen
    assert not mask[400:].any()  # the finger's stroke was undone
    assert columns.min() > 8
    assert rows.max() < 340


async def test_nothing_that_is_painted_goes_by_itself(client: TestClient) -> None:
    riff = (await ask(client, prompt="first", seed=1, width=256))["riff"]
    strokes = "document.querySelector('#paint').getAttribute('aria-label')"
    start = (
        "(() => { const f = document.querySelector('#sheet-start'); f.value = '0.5';"
        "f.dispatchEvent(new Event('change')); })()"
    )
    async with chromium() as page:
        await page.open(str(client.make_url(f"/riff/{riff['id']}#paint")))
        await page.until("document.querySelector('#paint').width === 256")
        # Another finger is lifted in the middle of a stroke.
        lifted = "new PointerEvent('pointerup', { pointerId: 99 })"
        await page.js(
            "document.querySelector('#paint').addEventListener('pointermove',"
            f"({{ target }}) => target.dispatchEvent({lifted}), {{ once: true }})"
        )
        await drag(page, [(0.25, 0.5), (0.3, 0.5), (0.4, 0.5), (0.5, 0.5), (0.5, 0.5)])
        assert "1 stroke so far" in await page.js(strokes)
        painted = (
            "(() => { const p = document.querySelector('#paint');"
            "return p.getContext('2d').getImageData(120, 256, 1, 1).data[3]; })()"
        )
        assert await page.js(painted) > 0  # and the stroke went on to its end
        # Another stretch would begin with an empty sheet.
        await page.js(start)
        assert "Clear the sheet first" in await text(page, "#painter-complaint")
        assert "1 stroke so far" in await page.js(strokes)
        assert await page.js("document.querySelector('#sheet-start').value") == "0"
        await click(page, "#wipe")
        await page.js(start)
        await page.until("document.querySelector('#paint').width < 256")
        assert page.complaints == []


async def test_paint_by_keyboard_and_draw_from_nothing(
    client: TestClient, services: Services, pipeline: FakePipeline, tmp_path: Path
) -> None:
    first = (await ask(client, prompt="first", seed=1))["riff"]
    async with chromium() as page:
        await page.open(str(client.make_url(f"/riff/{first['id']}#paint")), width=360, height=740)
        await page.until("!document.querySelector('#painter').hidden")
        await page.js("document.querySelector('#painter details').open = true")
        assert await page.js("document.documentElement.scrollWidth") <= 360
        await page.type("#box-from", "0.3")
        await page.type("#box-to", "0.1")
        await page.key("Enter")
        assert "the earlier first" in await text(page, "#painter-complaint")
        for field, value in {"from": "0,1", "to": "0.3", "low": "200", "high": "2000"}.items():
            await page.js(f"document.querySelector('#box-{field}').value = '{value}'")
        await page.js("document.querySelector('#box-high').focus()")
        await page.key("Enter")
        assert await text(page, "#painter-complaint") == ""
        await page.js("document.querySelector('#painter-prompt').focus()")
        await page.key("Enter")
        await page.until("document.querySelector('#painter').hidden")
        region = Region.from_name(pipeline.batches[-1][0].mask or "")
        assert region is not None
        assert (region.mask(64) == Region.between(64, 0.1, 0.3, 200, 2000).mask(64)).all()

        await click(page, "#draw")
        await page.until("document.querySelector('#paint').width === 512")
        await page.js(
            "(() => { const f = document.querySelector('#sheet-seconds'); f.value = '1.28';"
            "f.dispatchEvent(new Event('change')); })()"
        )
        await page.until("document.querySelector('#paint').width === 128")
        await drag(page, [(0.2, 0.7), (0.2, 0.7), (0.6, 0.7), (0.6, 0.7)])
        await page.screenshot(tmp_path / "sheet.png")
        before = len(pipeline.batches)
        await click(page, "#painter-go")
        await page.until("document.querySelector('#title').textContent === 'a drawing'")
        assert len(pipeline.batches) == before + 1
        request = pipeline.batches[-1][0]
        assert request.denoising == 0
        drawing = services.images.load(request.seed_image or "")
        assert drawing.shape == (512, 128)
        assert drawing[358, 26:77].max() < 80  # loud
        assert drawing[100].min() == 255
        unnamed = """[...document.querySelectorAll('button, input, select')].filter((e) =>
            !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))"""
        assert await page.js(f"{unnamed}.map((e) => e.id)") == []
        assert page.complaints == []
