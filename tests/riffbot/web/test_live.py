"""The live jam over its WebSocket: protocol, limits, slow clients, private jams."""

from __future__ import annotations

import asyncio
import itertools
import json
import struct
from dataclasses import replace
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer

from riffbot.jam import opus
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.manager import JamManager
from riffbot.jam.session import JamSession
from riffbot.jam.types import Participant
from riffbot.library.guilds import JamControl
from riffbot.library.jam_record import GuildJam
from riffbot.services import Services
from riffbot.web import browser_queue, keys, protocol
from riffbot.web.app import create_app
from riffbot.web.rate_limit import RateLimiter
from tests.support.fake_pipeline import CARD, FakePipeline, until
from tests.support.patience import patience


@pytest.fixture
async def session(services: Services) -> JamSession:
    return await services.jams.start(
        GuildJam(7),
        ChunkOptions(prompt="funky sax", seed_image="beat"),
        starter=Participant(1, "Ann"),
        paced_by="clock",
    )


class Heard:
    """Reads a live jam's messages and puts them where they belong."""

    def __init__(self) -> None:
        self.hello: dict[str, Any] = {}
        self.status: list[dict[str, Any]] = []
        self.packets: dict[int, bytes] = {}
        self.samples: dict[int, np.ndarray] = {}
        self.columns: dict[int, np.ndarray] = {}

    def take(self, message: aiohttp.WSMessage) -> None:
        if message.type is aiohttp.WSMsgType.TEXT:
            content = json.loads(message.data)
            if content["type"] == "hello":
                self.hello = content
            else:
                self.status.append(content)
            return
        data = message.data
        kind, codec, count, rows, place = protocol.HEADER.unpack_from(data)
        at = protocol.HEADER.size
        if kind == protocol.TILE:
            tile = np.frombuffer(data, np.uint8, offset=at).reshape(rows, count)
            self.columns |= {int(place) + n: tile[:, n] for n in range(count)}
        elif codec == protocol.PCM:
            self.samples[int(place)] = np.frombuffer(data, "<i2", offset=at)
            assert len(self.samples[int(place)]) == rows
        else:
            lengths = struct.unpack_from(f"<{count}H", data, at)
            at += 2 * count
            for number, length in enumerate(lengths):
                self.packets[int(place) // 960 + number] = data[at : at + length]
                at += length
            assert at == len(data)


async def hear(ws: aiohttp.ClientWebSocketResponse, enough: Any) -> Heard:
    heard = Heard()
    async with patience(30):
        while not enough(heard):
            heard.take(await ws.receive())
    return heard


async def test_packets_and_tiles_have_their_place(client: TestClient, session: JamSession) -> None:
    blocks: dict[int, Any] = {}
    session.reader.add_block_callback(blocks.__setitem__)
    async with client.ws_connect(f"/api/jams/{session.id}/socket") as ws:
        heard = await hear(ws, lambda h: len(h.packets) > 100)
    assert heard.hello["pre_skip"] == 312
    assert heard.hello["meter"] == {"width": 128, "beats": 2, "measure": 4}
    first, last = min(heard.packets), max(heard.packets)
    assert sorted(heard.packets) == list(range(first, last + 1))
    # What was decoded lies where the packets say: on the very samples that went in.
    sound = opus.decode([heard.packets[n] for n in sorted(heard.packets)])[:, 0]
    position = next(p for p in sorted(blocks) if p > first * 960 + 9600)
    at = position - first * 960 + 312
    block = blocks[position]
    lag = np.argmax(np.correlate(sound[at - 100 : at + len(block) + 100], block, "valid")) - 100
    assert abs(lag) <= 1
    # And the tiles are the picture of these columns, halved.
    status = heard.status[-1]
    assert status["playing"] == "funky sax"
    now = status["timeline"][0]
    column = now["start"] + 5
    picture = session.reader.read_pixels(column, column + 1)[:, 0]
    assert (heard.columns[column] == 255 - picture.reshape(256, 2).min(1)).all()
    assert max(heard.columns) > last * 2  # what is planned is shown before it is heard
    assert "Ann" not in json.dumps(heard.status)


async def test_pcm_is_the_same_sound_for_browsers_without_opus(
    client: TestClient, session: JamSession
) -> None:
    async with client.ws_connect(f"/api/jams/{session.id}/socket?codec=pcm") as ws:
        heard = await hear(ws, lambda h: len(h.samples) > 8)
    places = sorted(heard.samples)
    for place, following in itertools.pairwise(places):
        assert place + len(heard.samples[place]) == following
        begins, samples = session.reader.read_samples(place, following)
        assert begins == place
        assert np.abs(samples * 32767 - heard.samples[place]).max() <= 1


async def test_many_browsers_are_one_listener(client: TestClient, session: JamSession) -> None:
    sockets = [await client.ws_connect(f"/api/jams/{session.id}/socket") for _ in range(5)]
    heard = [await hear(ws, lambda h: len(h.packets) > 30) for ws in sockets]
    assert session.ring.stats().listeners == 1
    common = set.intersection(*(set(one.packets) for one in heard))
    assert common
    assert all(one.packets[n] == heard[0].packets[n] for one in heard for n in common)
    assert client.app[keys.BROADCASTER].get_status(session)["listeners"] == 5
    for ws in sockets:
        await ws.close()
    await until(lambda: session.ring.stats().listeners == 0)


async def test_who_does_not_read_is_let_go_and_others_are_not(
    client: TestClient, session: JamSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_queue, "QUEUE", 12)
    slow = browser_queue.BrowserQueue("opus")
    good = await client.ws_connect(f"/api/jams/{session.id}/socket")
    broadcaster = client.app[keys.BROADCASTER]
    stalled = broadcaster.join(session, "opus")
    assert slow.waiting == 0
    await asyncio.wait_for(stalled.overflowed.wait(), 30)
    assert stalled.waiting <= 64
    broadcaster.leave(session, stalled)
    assert broadcaster.dropped == 1
    await hear(good, lambda h: len(h.packets) > 60)
    await good.close()


async def test_a_full_house_is_a_sentence(services: Services) -> None:
    settings = services.settings.model_copy(update={"page_listeners": 1})
    app = create_app(replace(services, settings=settings))
    async with TestClient(TestServer(app)) as client:
        jam = (await (await client.post("/api/jams", json={"seed_image": "beat"})).json())["jam"]
        async with client.ws_connect(f"/api/jams/{jam['id']}/socket"):
            answer = await client.get(f"/api/jams/{jam['id']}/socket")
            assert answer.status == 503
            assert (await answer.json())["error"].endswith("come later.")


async def test_another_site_cannot_listen(client: TestClient, session: JamSession) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await client.ws_connect(
            f"/api/jams/{session.id}/socket", headers={"Origin": "https://evil.example"}
        )
    assert refusal.value.status == 403


async def test_the_end_of_the_jam_ends_the_connection(
    client: TestClient, session: JamSession
) -> None:
    async with client.ws_connect(f"/api/jams/{session.id}/socket") as ws:
        await hear(ws, lambda h: h.packets)
        await session.stop()
        async with patience(10):
            while (message := await ws.receive()).type is not aiohttp.WSMsgType.CLOSE:
                pass
    assert message.data == aiohttp.WSCloseCode.GOING_AWAY


async def test_a_private_jam_is_its_starters_to_change(
    client: TestClient, services: Services
) -> None:
    wish = {"prompt": "rain", "seed": 5, "denoising": 0.5, "guidance": 2, "seed_image": "beat"}
    answer = await client.post("/api/jams", json=wish)
    assert answer.status == 201
    jam = (await answer.json())["jam"]
    assert (jam["playing"], jam["seed"], jam["denoising"], jam["private"]) == ("rain", 5, 0.5, True)
    session = services.jams.get_by_id(jam["id"])
    assert session is not None
    assert session.reader.placements()[0].chunk.request.guidance == 2
    at = f"/api/jams/{jam['id']}"
    assert (await client.post(f"{at}/denoising", json={"value": 0.9})).status == 202
    assert (await client.post(f"{at}/denoising", json={"value": 9})).status == 400
    assert (await client.post(f"{at}/denoising", json={"value": True})).status == 400
    assert (await client.post(f"{at}/seed", json={})).status == 202
    assert (await client.post(f"{at}/prompt", json={"prompt": "sun"})).status == 202
    await client.post(f"{at}/pause", json={})
    assert session.status().phase == "paused"
    await client.post(f"{at}/resume", json={})
    assert session.status().phase == "playing"
    await until(lambda: session.ring.head > 60)
    kept = await (await client.post(f"{at}/keep", json={"seconds": 5})).json()
    assert (await client.get("/" + kept["riff"]["files"]["mp3"])).status == 200
    assert (await client.delete(at, json={})).status == 200
    assert services.jams.get_by_id(jam["id"]) is None


async def test_a_private_jam_keeps_its_key(
    client: TestClient, services: Services, pipeline: FakePipeline
) -> None:
    pipeline.model.card = CARD.model_copy(update={"beat_grid": True, "harmony_grid": True})
    wish = {"prompt": "rain", "seed_image": "beat", "key": "a minor", "chords": "i-VI"}
    jam = (await (await client.post("/api/jams", json=wish)).json())["jam"]
    assert jam["harmony"] == "key: A minor · Am F"
    at = f"/api/jams/{jam['id']}"
    moved = await client.post(f"{at}/harmony", json={"key": "D minor"})
    assert moved.status == 202
    assert (await moved.json())["jam"]["harmony"] == "key: D minor · Dm Bb"
    for nonsense, words in (({"chords": "Amm7"}, "Did you mean Am7?"), ({}, "Say a key")):
        refused = await client.post(f"{at}/harmony", json=nonsense)
        assert refused.status == 400
        assert words in (await refused.json())["error"]
    assert (await client.delete(at, json={})).status == 200


async def test_a_servers_jam_is_not_the_pages_to_stop(
    client: TestClient, session: JamSession
) -> None:
    for method, path in (("POST", "/pause"), ("POST", "/denoising"), ("DELETE", "")):
        answer = await client.request(method, f"/api/jams/{session.id}{path}", json={"value": 0.5})
        assert answer.status == 400
        assert "server" in (await answer.json())["error"]
    assert session.status().phase == "playing"


@pytest.mark.parametrize(("who", "words"), [("dj", "its DJs"), ("starter", "whoever started")])
async def test_the_page_steers_only_where_the_server_lets_anyone(
    client: TestClient, services: Services, session: JamSession, who: JamControl, words: str
) -> None:
    at, wish = f"/api/jams/{session.id}", {"prompt": "church bells"}
    await services.library.guilds.set_settings(7, jam_steer=who, dj_role_id=5)
    refused = await client.post(f"{at}/prompt", json=wish)
    assert refused.status == 400
    assert words in (await refused.json())["error"]
    assert [share.prompt for share in session.status().shares] == ["funky sax"]
    assert (await client.get(at)).status == 200, "but whoever has the link may listen"
    async with client.ws_connect(f"{at}/socket") as ws:
        await hear(ws, lambda h: h.packets)
    await services.library.guilds.set_settings(7, jam_steer="anyone")
    assert (await client.post(f"{at}/prompt", json=wish)).status == 202
    assert session.status().shares[0].prompt == "church bells"


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"prompt": 3}, "text"),
        ({"seed": "x"}, "number"),
        ({"seed": 1.5}, "number"),
        ({"denoising": 7}, "or less"),
        ({"seed_image": "nowhere"}, "no seed image"),
        ({"loudness": 3}, "spelling"),
        ({"bpm": 5}, "40"),
        ({"key": "fish"}, "no key"),
        ({"chords": "Amm7"}, "Did you mean Am7?"),
        ({"chords": "ii V I"}, "which key"),
    ],
)
async def test_nonsense_is_answered_before_anything_is_made(
    client: TestClient, wish: dict[str, Any], words: str
) -> None:
    answer = await client.post("/api/jams", json=wish)
    assert answer.status in (400, 404)
    assert words in (await answer.json())["error"]


async def test_more_jams_than_the_owner_allows(client: TestClient, services: Services) -> None:
    ids, sockets = [], []
    for _ in range(services.settings.page_jams):
        jam = (await (await client.post("/api/jams", json={"seed_image": "beat"})).json())["jam"]
        ids.append(jam["id"])
        sockets.append(await client.ws_connect(f"/api/jams/{jam['id']}/socket"))
    refused = await client.post("/api/jams", json={"seed_image": "beat"})
    assert refused.status == 503
    # One that is started instead of another, or whose listeners left, has a place.
    instead = {"seed_image": "beat", "instead_of": ids[0]}
    assert (await client.post("/api/jams", json=instead)).status == 201
    assert services.jams.get_by_id(ids[0]) is None
    for ws in sockets:
        await ws.close()
    assert (await client.post("/api/jams", json={"seed_image": "beat"})).status == 201


async def test_two_who_start_at_once_get_two_and_a_third_is_told(
    client: TestClient, services: Services, pipeline: FakePipeline
) -> None:
    assert services.settings.page_jams == 2
    pipeline.gate.clear()  # nobody is ready before all have asked
    asked = [
        asyncio.create_task(client.post("/api/jams", json={"seed_image": "beat"})) for _ in range(3)
    ]
    done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    third = done.pop().result()
    assert third.status == 503
    assert "as many as this page may start" in (await third.json())["error"]
    pipeline.gate.set()
    statuses = sorted([answer.status for answer in await asyncio.gather(*asked)])
    assert statuses == [201, 201, 503]
    assert len(services.jams.all()) == 2


async def test_a_name_that_is_guessed_costs_its_guesser(
    services: Services, session: JamSession
) -> None:
    app = create_app(services)
    app[keys.CREATE_LIMIT] = RateLimiter(burst=2, every_s=3600)
    async with TestClient(TestServer(app)) as client:
        statuses = [(await client.get(f"/api/jams/{n:012}")).status for n in range(3)]
        assert statuses == [404, 404, 429]
        assert (await client.get(f"/api/jams/{session.id}")).status == 200


@pytest.mark.parametrize(
    "wish",
    [
        {"seed_image": "nowhere"},
        {"bpm": 5},
        {"denoising": 7},
        {"guidance": 0},
        {"prompt": "(x:99)"},
        {"prompt": "la " * 999},
    ],
)
async def test_a_typo_does_not_end_the_jam_that_plays(
    client: TestClient, services: Services, wish: dict[str, Any]
) -> None:
    first = {"prompt": "rain", "seed_image": "beat"}
    jam = (await (await client.post("/api/jams", json=first)).json())["jam"]
    answer = await client.post("/api/jams", json={**wish, "instead_of": jam["id"]})
    assert answer.status in (400, 404)
    assert (await answer.json())["error"].endswith(".")
    assert services.jams.get_by_id(jam["id"]) is not None


async def test_strangers_are_not_told_which_jams_play(
    services: Services, session: JamSession
) -> None:
    settings = services.settings.model_copy(update={"host": "0.0.0.0"})
    app = create_app(replace(services, settings=settings))
    async with TestClient(TestServer(app)) as client:
        assert (await (await client.get("/api/jams")).json())["jams"] == []
        assert (await client.get(f"/api/jams/{session.id}")).status == 200


async def test_a_proxys_visitors_are_strangers_too(client: TestClient, session: JamSession) -> None:
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        answer = await client.get("/api/jams", headers={header: "203.0.113.7"})
        assert (await answer.json())["jams"] == []
    assert len((await (await client.get("/api/jams")).json())["jams"]) == 1


async def test_a_private_jam_comes_back_after_a_restart(
    client: TestClient, services: Services
) -> None:
    wish = {"prompt": "rain", "seed": 5, "seed_image": "beat"}
    jam = (await (await client.post("/api/jams", json=wish)).json())["jam"]
    session = services.jams.get_by_id(jam["id"])
    assert session is not None
    await until(lambda: session.ring.head > 60)
    await services.jams.close()
    head = session.ring.head
    again = JamManager(
        services.engine, services.images, services.library, services.clip_service, services.settings
    )
    app = create_app(replace(services, jams=again))
    try:
        async with TestClient(TestServer(app)) as later:
            # Another one begun meanwhile does not take its place.
            other = await later.post("/api/jams", json={"seed_image": "beat"})
            assert other.status == 201
            both = await asyncio.gather(*(later.get(f"/api/jams/{jam['id']}") for _ in range(2)))
            assert [answer.status for answer in both] == [200, 200]
            back = again.get_by_id(jam["id"])
            assert back is not None
            assert back.ring.head >= head
            assert back.status().current_prompt == "rain"
            assert (await later.get("/api/jams/nobody00nobody")).status == 404
            # What its starter ends is over, even before that is written down.
            await back.stop()
            for _ in range(5):
                assert (await later.get(f"/api/jams/{jam['id']}")).status == 404
    finally:
        await again.close()


async def test_a_jam_that_comes_back_holds_nobody_up(
    client: TestClient,
    services: Services,
    session: JamSession,
    pipeline: FakePipeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jam = (await (await client.post("/api/jams", json={"seed_image": "beat"})).json())["jam"]
    await services.jams.close()
    again = JamManager(
        services.engine, services.images, services.library, services.clip_service, services.settings
    )
    looks = []

    async def counted() -> Any:
        looks.append(1)
        return await unfinished()

    unfinished = again.find_unfinished
    monkeypatch.setattr(again, "find_unfinished", counted)
    app = create_app(replace(services, jams=again))
    try:
        async with TestClient(TestServer(app)) as later:
            plays = await again.start(
                GuildJam(9), ChunkOptions(seed_image="beat"), starter=Participant(1, "Ann")
            )
            pipeline.gate.clear()
            coming = asyncio.create_task(later.get(f"/api/jams/{jam['id']}"))
            await until(lambda: again.get_by_id(jam["id"]) is not None)
            async with patience(30):
                assert (await later.get(f"/api/jams/{plays.id}")).status == 200
                assert (await later.get("/api/jams/nobody00nobody")).status == 404
            assert not coming.done()
            pipeline.gate.set()
            assert (await coming).status == 200
            assert len(looks) == 1
    finally:
        pipeline.gate.set()
        await again.close()
