"""A request's id follows its tasks, and ends with it."""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from riffbot import logs
from riffbot.request_id import begin_request, get_request_id, serving


async def test_tasks_inherit_the_id_and_others_do_not_see_it() -> None:
    async def ask() -> tuple[str, str]:
        mine = begin_request()
        inherited = await asyncio.create_task(read())
        return mine, inherited

    async def read() -> str:
        await asyncio.sleep(0)
        return get_request_id()

    pairs = await asyncio.gather(*(ask() for _ in range(5)))
    assert all(mine == inherited for mine, inherited in pairs)
    assert len({mine for mine, _ in pairs}) == 5
    assert get_request_id() == ""


def test_serving_ends_with_its_block() -> None:
    with serving("a1"):
        assert get_request_id() == "a1"
    assert get_request_id() == ""


def record(message: str, *args: object, error: bool = False) -> logging.LogRecord:
    exc_info = None
    if error:
        try:
            raise ValueError("token hunter2")
        except ValueError:
            exc_info = sys.exc_info()
    return logging.LogRecord("riffbot.x", logging.INFO, "f.py", 1, message, args, exc_info)


def test_text_has_the_id_and_no_secret() -> None:
    formatter = logs.TextFormatter(["hunter2"])
    assert formatter.format(record("hello %s", "hunter2")).endswith("riffbot.x: hello (hidden)")
    with serving("a1"):
        text = formatter.format(record("hello", error=True))
    assert text.splitlines()[0].endswith("hello [a1]")
    assert "hunter2" not in text
    assert "ValueError" in text


def test_json_is_one_line_with_everything() -> None:
    formatter = logs.JsonFormatter(["hunter2"])
    with serving("a1"):
        line = formatter.format(record("two\nlines “%s”", "hunter2", error=True))
    assert "\n" not in line
    told = json.loads(line)
    assert told["message"] == "two\nlines “(hidden)”"
    assert (told["level"], told["logger"], told["request"]) == ("INFO", "riffbot.x", "a1")
    assert told["error"] == "ValueError"
    assert "token (hidden)" in told["traceback"]
    assert told["time"].endswith("+00:00")
    assert "request" not in json.loads(formatter.format(record("later")))
