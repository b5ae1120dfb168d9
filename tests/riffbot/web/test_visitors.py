"""Who sits at the other end: by cookie, by address, behind a proxy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from riffbot import process
from riffbot.inference.engine.engine import Requester
from riffbot.services import Services
from riffbot.settings import Settings
from riffbot.web import visitors
from riffbot.web.access import OWNER_KEY
from riffbot.web.app import create_app
from riffbot.web.errors import RateLimited
from riffbot.web.ip_addresses import get_network, is_in_networks, parse_address, parse_forwarded_hop
from riffbot.web.page_url import get_page_url
from riffbot.web.rate_limit import RateLimiter
from riffbot.web.visitors import VISITOR_COOKIE

Serve = Callable[..., Awaitable[TestClient]]


@pytest.fixture
async def serve(services: Services) -> AsyncIterator[Serve]:
    """Serves the same RiffBot with other settings; each request is answered with its owner."""
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> TestClient:
            changed = Settings(
                **{**services.settings.model_dump(exclude_none=True), **settings}, _env_file=None
            )
            app = create_app(replace(services, settings=changed))

            async def whoami(request: aiohttp.web.Request) -> aiohttp.web.Response:
                owner = visitors.get_requester(request)
                return aiohttp.web.json_response(
                    {
                        "user": owner.user_id,
                        "network": owner.network,
                        "remote": request.remote,
                        "scheme": request.scheme,
                    }
                )

            app.router.add_get("/whoami", whoami)
            jar = aiohttp.DummyCookieJar()
            return await stack.enter_async_context(TestClient(TestServer(app), cookie_jar=jar))

        yield start


async def whoami(client: TestClient, **headers: str) -> dict[str, Any]:
    answer = await client.get("/whoami", headers=headers)
    assert answer.status == 200, await answer.text()
    return dict(await answer.json())


async def cookie(client: TestClient, **headers: str) -> str:
    answer = await client.get("/riffs", headers=headers)
    return answer.headers["Set-Cookie"]


async def test_a_browser_that_opens_a_page_becomes_a_visitor(serve: Serve) -> None:
    client = await serve()
    given = await cookie(client)
    assert given.startswith(f"{VISITOR_COOKIE}=")
    assert "HttpOnly" in given
    assert "SameSite=Lax" in given
    assert "Secure" not in given, "a browser would not send it back over plain http"
    pair = given.partition(";")[0]
    again = await client.get("/riffs", headers={"Cookie": pair})
    assert "Set-Cookie" not in again.headers
    one, two = await whoami(client, Cookie=pair), await whoami(client, Cookie=pair)
    assert one == two
    other = await whoami(client, Cookie=(await cookie(client)).partition(";")[0])
    nobody = await whoami(client)
    assert len({one["user"], other["user"], nobody["user"]}) == 3
    assert one["network"] == other["network"] == nobody["network"]
    assert all(-(2**63) <= who["user"] < -1 for who in (one, other, nobody)), (
        "neither Discord's nor one that rows have already"
    )


@pytest.mark.parametrize(
    "answer", ["/api/info", "/static/plain.css", "/healthz", "/api/riffs", "/no-such-page"]
)
async def test_nothing_but_a_page_gives_a_cookie(serve: Serve, answer: str) -> None:
    client = await serve()
    assert "Set-Cookie" not in (await client.get(answer)).headers


@pytest.mark.parametrize("forged", ["", "x", "0" * 64, "é", "0" * 4000, "a" * 32, '"; b="'])
async def test_a_made_up_cookie_names_nobody(serve: Serve, forged: str) -> None:
    client = await serve()
    plain = await whoami(client)
    assert await whoami(client, Cookie=f"{VISITOR_COOKIE}={forged}") == plain


async def test_a_cookie_of_another_start_names_nobody(serve: Serve) -> None:
    old, new = await serve(), await serve()
    pair = (await cookie(old)).partition(";")[0]
    assert (await whoami(new, Cookie=pair))["user"] == (await whoami(new))["user"]


PROXIED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}


async def test_only_a_trusted_proxy_is_believed(serve: Serve) -> None:
    client = await serve()
    assert (await whoami(client, **PROXIED))["remote"] == "127.0.0.1"
    trusting = await serve(trusted_proxies=["127.0.0.0/8"])
    visitor = await whoami(trusting, **PROXIED)
    assert (visitor["remote"], visitor["scheme"]) == ("203.0.113.7", "https")
    other = await whoami(trusting, **{"X-Forwarded-For": "203.0.113.8"})
    assert other["network"] != visitor["network"]


async def test_sockets_and_streams_work_behind_a_proxy(serve: Serve, services: Services) -> None:
    async def socket(request: aiohttp.web.Request) -> aiohttp.web.WebSocketResponse:
        ws = aiohttp.web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str(f"{request.remote} by {request.scheme}")
        await ws.close()
        return ws

    client = await serve(trusted_proxies=["127.0.0.1"])
    client.app.router._frozen = False  # type: ignore[union-attr]
    client.app.router.add_get("/socket", socket)  # type: ignore[union-attr]
    async with client.ws_connect("/socket", headers=PROXIED) as ws:
        assert await ws.receive_str() == "203.0.113.7 by https"
    asked = await client.post("/api/riffs", json={"prompt": "sax"}, headers=PROXIED)
    assert asked.status == 202
    events = await client.get("/" + (await asked.json())["events"], headers=PROXIED)
    assert "event: done" in await events.text()


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7", "203.0.113.7"),  # whoever calls may write what they like
        ("203.0.113.7, 10.0.0.5", "203.0.113.7"),  # two proxies of ours
        ("127.0.0.1", "127.0.0.1"),
        ("203.0.113.7, nonsense", "127.0.0.1"),
        ("nonsense, 203.0.113.7", "203.0.113.7"),
        (", , ,", "127.0.0.1"),
        ("2001:db8::7", "2001:db8::7"),
        ("203.0.113.7:567", "203.0.113.7"),  # as some proxies write it
        ("[2001:db8::7]:567", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("203.0.113.7:1, 10.0.0.5:2", "203.0.113.7"),
        ('for="[2001:db8::7]:567"', "2001:db8::7"),  # as in the header Forwarded
        ("For=203.0.113.7", "203.0.113.7"),
        ("by=203.0.113.7", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("_hidden:567", "127.0.0.1"),
        ("[203.0.113.7", "127.0.0.1"),
        ("203.0.113.7:x", "127.0.0.1"),
        (",".join(["203.0.113.7"] + ["10.0.0.5"] * 500), "10.0.0.5"),
    ],
)
async def test_the_nearest_address_that_is_no_proxy_is_the_visitors(
    serve: Serve, forwarded: str, client: str
) -> None:
    trusting = await serve(trusted_proxies=["127.0.0.1", "10.0.0.0/8"])
    assert (await whoami(trusting, **{"X-Forwarded-For": forwarded}))["remote"] == client


async def test_cookies_are_secure_behind_tls(serve: Serve) -> None:
    trusting = await serve(trusted_proxies=["127.0.0.1"])
    assert "Secure" in await cookie(trusting, **PROXIED)
    assert "Secure" not in await cookie(trusting, **{**PROXIED, "X-Forwarded-Proto": "http"})
    public = await serve(public_url="https://riffs.example")
    assert "Secure" in await cookie(public, Host="riffs.example")
    assert "Secure" not in await cookie(public, Host="127.0.0.1")


async def test_the_owners_cookie_is_secure_behind_tls(services: Services) -> None:

    settings = services.settings.model_copy(update={"public_url": "https://riffs.example/"})
    app = create_app(replace(services, settings=settings))
    async with TestClient(TestServer(app)) as client:
        answer = await client.get(
            f"/owner?key={app[OWNER_KEY]}",
            headers={"Host": "riffs.example"},
            allow_redirects=False,
        )
        assert "Secure" in answer.headers["Set-Cookie"]


async def test_who_comes_by_the_public_name_is_a_stranger(serve: Serve) -> None:
    client = await serve(public_url="https://riffs.example")
    listing = await (await client.get("/api/riffs", headers={"Host": "riffs.example"})).json()
    assert listing["closed"] is True
    assert "closed" not in await (await client.get("/api/riffs")).json()
    assert (await client.get("/riffs", headers={"Host": "other.example"})).status == 421


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_who_shares_a_network(address: str, network: str) -> None:
    assert get_network(address) == network


@given(st.text(max_size=60))
def test_what_is_no_address_is_in_no_network(text: str) -> None:
    get_network(text)
    assert not is_in_networks(
        text + "x", Settings(_env_file=None, trusted_proxies=["0.0.0.0/0"]).trusted_proxies
    )


@given(st.ip_addresses(), st.none() | st.integers(0, 65535))
def test_a_forwarded_address_is_read_with_a_port_and_without(
    address: IPv4Address | IPv6Address, port: int | None
) -> None:
    text = f"[{address}]" if address.version == 6 and port is not None else str(address)
    text += "" if port is None else f":{port}"
    assert parse_forwarded_hop(text) == parse_forwarded_hop(f' for="{text}" ') == str(address)
    assert parse_forwarded_hop(f"by={text}") is None


@given(st.text(max_size=60) | st.from_regex(r"(for=)?[\[\]0-9a-f:.]{0,20}", fullmatch=True))
def test_what_is_forwarded_is_an_address_or_nothing(text: str) -> None:
    found = parse_forwarded_hop(text)
    assert found is None or (found in text and parse_address(found) is not None)


def test_one_line_of_ipv6_has_one_allowance() -> None:
    allowance = RateLimiter(burst=2)
    for host in (1, 2):
        allowance.take(f"2001:db8:0:1::{host}")
    with pytest.raises(RateLimited):
        allowance.take("2001:db8:0:1::3")
    allowance.take("2001:db8:0:2::1")


def test_a_setting_that_is_no_network_or_no_address_is_refused() -> None:
    for wrong in ({"trusted_proxies": ["proxy"]}, {"public_url": "riffs.example"}):
        with pytest.raises(ValidationError):
            Settings(_env_file=None, **wrong)  # type: ignore[arg-type]
    for url in ("ftp://a", "https://", "https://a:b/", "http://a/?b", "http://a/#b"):
        with pytest.raises(ValidationError):
            Settings(_env_file=None, public_url=url)


def test_the_printed_address_can_be_opened() -> None:
    def address(**settings: Any) -> str:
        return get_page_url(Settings(_env_file=None, **settings), 8765)

    assert address() == "http://127.0.0.1:8765/"
    assert address(host="::1") == "http://[::1]:8765/"
    assert address(host="riffs.local") == "http://riffs.local:8765/"
    assert (
        address(host="0.0.0.0", public_url="https://a.example/riffs") == "https://a.example/riffs/"
    )
    for host in ("0.0.0.0", "::"):
        found = address(host=host)
        assert found.startswith("http://")
        assert found.endswith(":8765/")
        assert "0.0.0.0" not in found
        assert "//[::]:" not in found


async def test_links_of_jams_begin_with_the_public_address(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = services.settings.model_copy(update={"public_url": "https://riffs.example/"})
    async with process.serve_page(replace(services, settings=settings)) as address:
        assert address == services.jams.page == "https://riffs.example/"
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "page: https://riffs.example/"
    assert printed[1].startswith("page, as its owner: https://riffs.example/owner?key=")


async def test_what_riffusions_api_asks_for_waits_in_the_askers_turn(
    services: Services, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: list[Requester | None] = []
    submit = services.engine.submit

    async def noting(request: Any, **options: Any) -> Any:
        owners.append(options.get("owner"))
        return await submit(request, **options)

    monkeypatch.setattr(services.engine, "submit", noting)
    prompt = {"prompt": "a", "seed": 1}
    body = {"start": prompt, "end": prompt, "alpha": 0, "seed_image_id": "beat"}
    answer = await client.post("/run_inference/", json=body)
    assert answer.status == 200, await answer.text()
    (owner,) = owners
    assert owner is not None
    assert owner.user_id < -1


def test_a_request_without_an_address_has_an_owner() -> None:
    app = aiohttp.web.Application()
    visitors.install_cookie_key(app)
    request = make_mocked_request("GET", "/", app=app)
    assert visitors.get_requester(request).network is not None
    assert asyncio.iscoroutinefunction(visitors.trust_proxies(Settings(_env_file=None)))
