"""One visitor of the page against all others: their clips are still let in, and soon made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from yarl import URL

from riffbot.services import Services
from riffbot.settings import Settings
from riffbot.web.app import create_app
from riffbot.web.keys import CREATE_LIMIT
from riffbot.web.rate_limit import RateLimiter
from tests.attacks.figures import row
from tests.riffbot.web.conftest import pipeline, services
from tests.support.fake_pipeline import FakePipeline, until

__all__ = ["pipeline", "services"]

PROXY = {"trusted_proxies": ("127.0.0.0/8",), "host": "0.0.0.0"}


class Crowd:
    """Browsers at many addresses, in front of one page."""

    def __init__(self, stack: AsyncExitStack, url: URL) -> None:
        self._stack = stack
        self.url = url

    async def browser(self, address: str, *, cookie: bool = True) -> aiohttp.ClientSession:
        """A browser that calls from an address, and has opened the page unless told otherwise."""
        jar = aiohttp.CookieJar(unsafe=True)
        session = await self._stack.enter_async_context(
            aiohttp.ClientSession(cookie_jar=jar, headers={"X-Forwarded-For": address})
        )
        if cookie:
            async with session.get(self.url / "riffs") as page:
                assert page.status == 200
        return session

    async def ask(self, browser: aiohttp.ClientSession, prompt: str) -> tuple[int, str]:
        """The status, and the sentence where it is refused."""
        async with browser.post(self.url / "api/riffs", json={"prompt": prompt}) as answer:
            return answer.status, str((await answer.json()).get("error", ""))


async def open_crowd(stack: AsyncExitStack, services: Services) -> Crowd:
    """A page that believes every X-Forwarded-For, for browsers at many addresses."""
    fields = services.settings.model_dump(exclude_none=True)
    settings = Settings(**{**fields, **PROXY}, _env_file=None)
    app = create_app(replace(services, settings=settings))
    app[CREATE_LIMIT] = RateLimiter(burst=10_000)  # which has attacks of its own
    server = await stack.enter_async_context(TestServer(app))
    return Crowd(stack, server.make_url("/"))


@pytest.fixture
async def crowd(services: Services, pipeline: FakePipeline) -> AsyncIterator[Crowd]:
    """Browsers in front of a page whose engine is ready and makes nothing."""
    await until(lambda: services.engine.stats().state == "ready")
    pipeline.gate.clear()
    async with AsyncExitStack() as stack:
        yield await open_crowd(stack, services)


def queue(services: Services) -> list[str]:
    """The prompts of all clips that wait, in the order in which they will be made."""
    batches = services.engine._dispatcher._queue.plan(time.monotonic(), 1)
    return [job.request.prompt for batch in batches for job in batch]


async def test_one_visitors_riffs_leave_room_for_three_hundred_others(
    crowd: Crowd, services: Services
) -> None:
    greedy = await crowd.browser("203.0.113.1")
    greedy_answers = [await crowd.ask(greedy, f"greedy {n}") for n in range(15)]
    let_in = [status for status, _ in greedy_answers].count(202)
    assert let_in in (10, 11), "ten wait, and one may be made already"
    refusal = greedy_answers[-1][1]
    assert greedy_answers[-1][0] == 503
    assert "You have 10 clips waiting" in refusal

    others = [await crowd.browser(f"198.51.{n // 250}.{n % 250 + 1}") for n in range(300)]
    answers = await asyncio.gather(
        *(crowd.ask(browser, f"other {n}") for n, browser in enumerate(others))
    )
    assert {status for status, _ in answers} == {202}
    # What is being made when the others come is made first; then everybody's first clip.
    places = [n for n, prompt in enumerate(queue(services)) if prompt.startswith("greedy")]
    assert places[1] >= 300
    row(
        "15 riffs of one visitor, then one each of 300 others",
        f"{let_in} let in, then “{refusal}”; 300 of 300 others let in, and before all but "
        "one of the greedy one's",
    )


async def test_many_cookies_of_one_network_are_one_share(crowd: Crowd, services: Services) -> None:
    many = [await crowd.browser(f"2001:db8:0:1::{n + 1:x}") for n in range(20)]
    answers = [await crowd.ask(browser, f"flood {n}") for n in range(5) for browser in many]
    let_in = [status for status, _ in answers].count(202)
    refusal = next(sentence for status, sentence in answers if status == 503)
    assert let_in in (30, 31)
    assert refusal.startswith("Your network has 30 clips waiting")
    other = await crowd.browser("2001:db8:0:2::1")
    for n in range(5):
        assert (await crowd.ask(other, f"other {n}"))[0] == 202
    places = [n for n, prompt in enumerate(queue(services)) if prompt.startswith("other")]
    assert max(places) <= 11, "one of theirs, one of the network's, and so on"
    row(
        "100 riffs with 20 cookies from one /64",
        f"{let_in} let in, then “{refusal}”; the five of another network came at places "
        f"{', '.join(str(n + 1) for n in places)}",
    )


async def test_scripts_without_cookies_are_known_by_address(crowd: Crowd) -> None:
    script = await crowd.browser("203.0.113.9", cookie=False)
    statuses = [(await crowd.ask(script, f"{n}"))[0] for n in range(12)]
    assert statuses.count(202) in (10, 11)
    neighbour = await crowd.browser("203.0.113.10", cookie=False)
    assert (await crowd.ask(neighbour, "mine"))[0] == 202
    liar = await crowd.browser("203.0.113.9, nonsense", cookie=False)
    assert (await crowd.ask(liar, "mine"))[0] == 202, "known as the proxy"
    row("12 riffs of a script without cookies", f"{statuses.count(202)} let in")
