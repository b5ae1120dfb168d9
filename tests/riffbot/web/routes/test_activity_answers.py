"""Answers of Discord's that make no sense: one sentence, and nothing in the log."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from riffbot.web.routes.activity import ACTIVITY
from tests.riffbot.web.open_page import app, assert_nothing_logged
from tests.riffbot.web.routes.test_activity import Discord

__all__ = ["app"]


@pytest.mark.parametrize(
    "value", ["Infinity", "1e999", "-1", '"1_0"', '"x"', "9" * 400, "[]", '"\\ud800"', "true"]
)
async def test_an_answer_of_discords_that_is_none_is_one_sentence(
    app: web.Application, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(Discord):
        async def instance(self, request: web.Request) -> web.Response:
            template = '{"users": ["42"], "location": {"guild_id": %s, "channel_id": "5"}}'
            return web.Response(text=template % value, content_type="application/json")

    async with TestServer(Odd().app()) as there, TestClient(TestServer(app)) as client:
        app[ACTIVITY][0] = replace(app[ACTIVITY][0], api=str(there.make_url("")).rstrip("/"))
        body = {"code": "good", "instance_id": "i-1-gc"}
        answer = await client.post("/api/activity/token", json=body)
        assert answer.status == 500
        assert (await answer.json())["error"].startswith("Discord answered something")
    assert_nothing_logged(caplog, value)
