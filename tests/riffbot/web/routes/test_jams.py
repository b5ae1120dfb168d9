"""A jam on RiffBot's own page."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from audio import files
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.session import JamSession
from riffbot.jam.types import Participant
from riffbot.library.jam_record import PageJam
from riffbot.services import Services
from riffbot.web.routes import pages
from tests.support.browser import chromium
from tests.support.fake_pipeline import FakePipeline, until
from tests.support.patience import patience

in_a_browser = pytest.mark.needs("browser")


@pytest.fixture
async def session(services: Services) -> JamSession:
    return await services.jams.start(
        PageJam(),
        ChunkOptions(prompt="funky sax", seed_image="beat"),
        starter=Participant(1, "Ann"),
        paced_by="clock",
    )


async def test_a_jam_is_told_without_names(client: TestClient, session: JamSession) -> None:
    answer = await client.get(f"/api/jams/{session.id}")
    jam = (await answer.json())["jam"]
    assert (jam["playing"], jam["state"], jam["bpm"]) == ("funky sax", "playing", 93.75)
    assert jam["shares"] == [{"prompt": "funky sax", "share": 1.0, "votes": 1}]
    assert "Ann" not in await answer.text()
    every = (await (await client.get("/api/jams")).json())["jams"]
    assert [one["id"] for one in every] == [session.id]


async def test_the_stream_is_ogg_opus_of_what_plays(
    client: TestClient, session: JamSession
) -> None:
    await until(lambda: session.ring.head > 20)
    answer = await client.get(f"/api/jams/{session.id}/live.ogg")
    assert answer.content_type == "audio/ogg"
    data = await answer.content.read(64)
    assert data.startswith(b"OggS")
    while len(data) < 20_000:
        data += await answer.content.readany()
    assert session.ring.stats().listeners == 1
    await session.stop()
    data += await answer.content.read()
    sound = files.read(data)
    assert sound.sample_rate == 48000
    assert len(sound.samples) / 48000 > 1
    assert abs(sound.samples).max() > 0.05
    await until(lambda: session.ring.stats().listeners == 0)


async def test_who_comes_later_hears_what_the_others_hear(
    client: TestClient, session: JamSession
) -> None:
    first = await client.get(f"/api/jams/{session.id}/live.ogg")
    await first.content.read(64)
    began = session.ring.head
    await until(lambda: session.ring.head > began + 100)
    later = await client.get(f"/api/jams/{session.id}/live.ogg")
    data = await later.content.readexactly(64)
    assert session.ring.stats().listeners == 1, "the stream is made once for both"
    assert (await (await client.get(f"/api/jams/{session.id}")).json())["jam"]["listeners"] == 2
    while len(data) < 20_000:
        data += await later.content.readany()
    await session.stop()
    data += await later.content.read()
    sound = files.read(data)
    assert 1 < len(sound.samples) / 48000 < 10
    assert abs(sound.samples).max() > 0.05
    assert data[-100:] in await first.content.read(), "page for page the same"


async def test_whoever_leaves_while_it_is_paused_is_no_listener_any_more(
    client: TestClient,
    session: JamSession,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("riffbot.jam.ring.SILENCE_AFTER_S", 0.02)
    answer = await client.get(f"/api/jams/{session.id}/live.ogg")
    await answer.content.read(64)
    await session.pause()
    assert session.ring.stats().listeners == 1
    answer.close()
    await until(lambda: session.ring.stats().listeners == 0)
    assert "broke" not in caplog.text


async def test_the_metrics_count_jams(client: TestClient, session: JamSession) -> None:
    text = await (await client.get("/metrics")).text()
    assert "riffbot_jams 1.0\n" in text
    assert "riffbot_jam_underruns 0.0\n" in text


async def test_a_prompt_is_the_vote_of_whoever_sits_here(
    client: TestClient, session: JamSession
) -> None:
    answer = await client.post(f"/api/jams/{session.id}/prompt", json={"prompt": "church bells"})
    assert answer.status == 202
    assert session.status().shares[0].prompt == "church bells"
    for wrong in (
        {},
        {"prompt": 3},
        {"prompt": " "},
        {"prompt": "(x:99)"},
        {"prompt": "la " * 999},
    ):
        answer = await client.post(f"/api/jams/{session.id}/prompt", json=wrong)
        assert answer.status == 400
        assert (await answer.json())["error"].endswith(".")
    made = session.reader.chunk_count
    await until(lambda: session.reader.chunk_count > made + 1)  # and it plays on


async def test_the_picture_is_what_is_heard(client: TestClient, session: JamSession) -> None:
    answer = await client.get(f"/api/jams/{session.id}/picture.png")
    assert answer.content_type == "image/png"
    assert (await answer.read()).startswith(b"\x89PNG")


async def test_a_jam_that_is_over_is_a_sentence(client: TestClient, session: JamSession) -> None:
    await session.stop()
    for path in ("", "/live.ogg", "/picture.png"):
        answer = await client.get(f"/api/jams/{session.id}{path}")
        assert answer.status == 404
        assert (await answer.json())["error"] == "This jam is over."
    assert (await client.get(f"/jam/{session.id}")).status == 200


async def test_the_server_stops_while_somebody_listens(
    client: TestClient, session: JamSession
) -> None:
    answer = await client.get(f"/api/jams/{session.id}/live.ogg")
    await answer.content.read(64)
    async with patience(5):
        await client.server.close()
    assert session.status().phase == "playing"


@in_a_browser
@pytest.mark.timeout(300)
async def test_listen_and_steer_in_a_browser(
    client: TestClient,
    session: JamSession,
    pipeline: FakePipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The plain page, which stands in where the other could not be built.
    monkeypatch.setattr(pages, "BUILT", tmp_path / "nothing")
    async with chromium() as page:
        await page.open(str(client.make_url(f"/jam/{session.id}")), width=1000, height=900)
        await page.until("document.querySelector('#playing').textContent === 'funky sax'")
        # Somebody listens already, so the stream is joined in its middle.
        other = await client.get(f"/api/jams/{session.id}/live.ogg")
        await other.content.read(20_000)
        await page.js("document.querySelector('#sound').play().then(() => true)")
        await page.until("document.querySelector('#sound').currentTime > 1", seconds=60)
        assert session.ring.stats().listeners == 1
        other.close()
        await page.type("#prompt", "church bells")
        await page.key("Enter")
        await page.until("document.querySelector('#shares').textContent.includes('church bells')")
        await page.until("document.querySelector('#picture').naturalWidth > 100")
        await page.screenshot(tmp_path / "jam.png")
        await session.stop()
        await page.until("document.querySelector('#coming').textContent === 'This jam is over.'")
        assert [c for c in page.complaints if "404" not in c] == []
