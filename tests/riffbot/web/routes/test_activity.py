"""The page as a Discord Activity, against a Discord on loopback that hands out tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.types import JamChannels, Participant
from riffbot.library.jam_record import GuildJam
from riffbot.services import Services
from riffbot.web.app import create_app
from riffbot.web.routes import pages
from riffbot.web.routes.activity import ACTIVITY

CLIENT, GUILD, CHANNEL = "123456789012345678", 77, 5
ORIGIN = f"https://{CLIENT}.discordsays.com"


@dataclass
class Discord:
    """Discord's side of an Activity's sign-in, as its reference has it."""

    users: list[str] = field(default_factory=lambda: ["42"])
    guild: str | None = str(GUILD)
    channel: str = str(CHANNEL)
    ill: bool = False
    forms: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/oauth2/token", self.token)
        app.router.add_get("/users/@me", self.me)
        app.router.add_get(f"/applications/{CLIENT}/activity-instances/i-1-gc", self.instance)
        return app

    async def token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        self.forms.append(form)
        if self.ill:
            return web.Response(status=503)
        right = {"client_id": CLIENT, "client_secret": "hush", "grant_type": "authorization_code"}
        if form != {**right, "code": "good"}:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"access_token": "ticket", "token_type": "Bearer"})

    async def me(self, request: web.Request) -> web.Response:
        known = request.headers.get("Authorization") == "Bearer ticket"
        return web.json_response({"id": "42"}, status=200 if known else 401)

    async def instance(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bot bots-own":
            return web.Response(status=401)
        location = {"id": "gc-1", "kind": "gc", "channel_id": self.channel, "guild_id": self.guild}
        return web.json_response(
            {"instance_id": "i-1-gc", "location": location, "users": self.users}
        )


@pytest.fixture
def discord() -> Discord:
    return Discord()


@pytest.fixture
async def inside(services: Services, discord: Discord) -> AsyncIterator[TestClient]:
    settings = services.settings.model_copy(
        update={
            "activity_client_id": CLIENT,
            "activity_client_secret": SecretStr("hush"),
            "discord_token": SecretStr("bots-own"),
        }
    )
    app = create_app(replace(services, settings=settings))
    async with TestServer(discord.app()) as there:
        app[ACTIVITY][0] = replace(app[ACTIVITY][0], api=str(there.make_url("")).rstrip("/"))
        async with TestClient(TestServer(app)) as client:
            yield client


async def admitted(client: TestClient, **body: Any) -> Any:
    return await client.post("/api/activity/token", json=body, headers={"Origin": ORIGIN})


async def test_off_by_default(client: TestClient) -> None:
    assert (await client.get("/api/activity")).status == 404
    answer = await client.post("/api/activity/token", json={"code": "good", "instance_id": "i"})
    assert answer.status == 404
    assert "ACTIVITY.md" in (await answer.json())["error"]
    framed = await client.get("/?frame_id=1")
    assert "frame-ancestors 'none'" in framed.headers["Content-Security-Policy"]
    assert "/.proxy/" not in await framed.text()
    foreign = await client.post("/api/riffs", json={}, headers={"Origin": ORIGIN})
    assert foreign.status == 403


async def test_an_id_alone_is_no_activity(services: Services) -> None:
    settings = services.settings.model_copy(update={"activity_client_id": CLIENT})
    app = create_app(replace(services, settings=settings))
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/api/activity")).status == 404
        assert "closed" not in await (await client.get("/api/riffs")).json()


async def test_who_takes_part_hears_the_servers_jam(
    inside: TestClient, services: Services, discord: Discord
) -> None:
    assert await (await inside.get("/api/activity")).json() == {"client_id": CLIENT}
    answer = await admitted(inside, code="good", instance_id="i-1-gc")
    assert await answer.json() == {"access_token": "ticket", "jam": None}
    jam = await services.jams.start(
        GuildJam(GUILD),
        ChunkOptions(prompt="funky sax", seed_image="beat"),
        starter=Participant(1, "Ann"),
        channels=JamChannels(voice_channel_id=CHANNEL),
        paced_by="clock",
    )
    body = await (await admitted(inside, code="good", instance_id="i-1-gc")).json()
    assert body["jam"] == jam.id
    async with inside.ws_connect(f"/api/jams/{jam.id}/socket", headers={"Origin": ORIGIN}) as ws:
        assert (await ws.receive_json())["type"] == "hello"
    discord.channel = "6"  # of the same server; who is there may not see where the jam is
    body = await (await admitted(inside, code="good", instance_id="i-1-gc")).json()
    assert body["jam"] is None
    discord.guild = None  # a call among friends
    body = await (await admitted(inside, code="good", instance_id="i-1-gc")).json()
    assert body["jam"] is None
    assert (await (await inside.get("/api/jams")).json())["jams"] == []  # strangers may call


async def test_who_does_not_take_part_is_told(
    inside: TestClient, discord: Discord, caplog: pytest.LogCaptureFixture
) -> None:
    for body in ({"code": "bad", "instance_id": "i-1-gc"}, {"code": "good", "instance_id": "i-2"}):
        answer = await admitted(inside, **body)
        assert answer.status == 400
        assert "does not let you in" in (await answer.json())["error"]
    assert "/oauth2/token answered 400" in caplog.text  # its owner reads why
    assert "invalid_grant" in caplog.text
    assert "/activity-instances/i-2 answered 404" in caplog.text
    assert "hush" not in caplog.text
    assert "bots-own" not in caplog.text
    discord.users = ["43"]
    answer = await admitted(inside, code="good", instance_id="i-1-gc")
    assert (answer.status, "take part" in (await answer.json())["error"]) == (400, True)
    asked = len(discord.forms)
    for body in ({}, {"code": 3, "instance_id": "i"}, {"code": "good", "instance_id": "../users"}):
        assert (await admitted(inside, **body)).status == 400
    assert len(discord.forms) == asked  # nonsense does not reach Discord
    discord.ill = True
    answer = await admitted(inside, code="good", instance_id="i-1-gc")
    assert answer.status == 500
    assert "try again" in (await answer.json())["error"]
    assert "hush" not in await answer.text()


async def test_inside_discord_everything_lies_under_its_proxy(
    inside: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(pages, "BUILT", tmp_path)
    (tmp_path / "index.html").write_text('<base href="./"><script src="./app/x.js"></script>')
    for address, base in (("/", "./"), ("/jam/0123456789ab", "../")):  # a reload asks for the jam
        page = await inside.get(f"{address}?frame_id=1&instance_id=i-1-gc&platform=desktop")
        assert '<base href="/.proxy/">' in await page.text()
        policy = page.headers["Content-Security-Policy"]
        assert "frame-ancestors https://discord.com" in policy
        assert "default-src 'none'" in policy
        outside = await inside.get(address)
        assert f'<base href="{base}">' in await outside.text()
        assert "frame-ancestors 'none'" in outside.headers["Content-Security-Policy"]
