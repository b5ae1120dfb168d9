"""Ctrl-C with real processes and real signals: a word, and gone, whatever is under way.

Bounds are generous, for machines under load; how long it took is printed (`pytest -s`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from riffbot import interrupts
from riffbot.interrupts import PATIENCE_S
from riffbot.locations import ROOT
from tests.support.tiny_models import tiny_embedded_model

GONE_S = 15.0
"""Promised are 2 s, on a machine that has nothing else to do."""

HEARD = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""A shell that runs the tests in the background lets its children ignore Ctrl-C."""

LOADING = """
import sys, time
from riffbot.inference.pipeline import factory
def load(*_):
    print("under way", flush=True)
    while True:
        time.sleep(0.1)  # nothing interrupts this thread
factory.open_pipeline = load
from riffbot.cli import main
sys.argv = ["riffbot", *sys.argv[1:]]
sys.exit(main())
"""
STUCK = """
import sys, threading
from riffbot.commands import info
from riffbot.commands.flags import CommonOptions
def look(_: CommonOptions):
    print("under way", flush=True)
    while True:
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass
info.seed_images = look
from riffbot.cli import main
sys.argv = ["riffbot", *sys.argv[1:]]
sys.exit(main())
"""
BUSY = """
import asyncio, os, sys, time
from riffbot import local, process, services
from riffbot.file_threads import run_in_file_thread
from tests.support.fake_pipeline import FakePipeline
process.STOP_S = 2.0
services._warm_up = lambda: None
services.open_pipeline = lambda *_: FakePipeline()
until = local.run_until_stopped
async def beside_a_busy_thread(*args):
    in_thread = run_in_file_thread if os.environ["THREAD"] == "file" else asyncio.to_thread
    busy = asyncio.ensure_future(in_thread(time.sleep, 60))
    await asyncio.sleep(0.2)
    print("under way", flush=True)
    await until(*args)
local.run_until_stopped = beside_a_busy_thread
from riffbot.cli import main
sys.argv = ["riffbot"]
sys.exit(main())
"""
PLAIN = "import sys; from riffbot.cli import main; sys.argv[0] = 'riffbot'; sys.exit(main())"


class Running:
    """A process, and what it has said so far."""

    def __init__(self, code: str, words: list[str], folder: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HEARD + code, *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment},
        )
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    def wait_for(self, words: str) -> None:
        end = time.monotonic() + 90
        while not any(words in line for line in self.lines):
            assert time.monotonic() < end, self.lines
            assert self.process.poll() is None, self.lines
            time.sleep(0.02)

    def gone(self, how: signal.Signals, *, times: int = 1) -> tuple[int, str]:
        """Send a signal and wait: the exit code, and what was said after it."""
        before, began = len(self.lines), time.monotonic()
        for _ in range(times):
            self.process.send_signal(how)
            time.sleep(0.1)
        code = self.process.wait(GONE_S)
        self._thread.join(5)
        print(f"{how.name} ×{times}: gone after {time.monotonic() - began:.2f} s, code {code}")
        return code, "".join(self.lines[before:])


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Running] = []

    def run(code: str, *words: str, **environment: str) -> Running:
        started.append(Running(code, list(words), tmp_path, **environment))
        return started[-1]

    yield run
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


def test_ctrl_c_while_the_model_loads(start: Start, tmp_path: Path) -> None:
    riff = start(LOADING, "riff", "x", "--out", str(tmp_path / "out"))
    riff.wait_for("under way")
    code, said = riff.gone(signal.SIGINT)
    assert code == 130
    assert "riffbot: stopping" in said
    assert "Traceback" not in said


def test_ctrl_c_while_clips_are_made(start: Start, tmp_path: Path) -> None:
    model = tiny_embedded_model(tmp_path / "model", steps=2)
    words = ["riff", "x", "--count", "500", "--out", str(tmp_path / "out"), "--model", str(model)]
    riff = start(PLAIN, *words)
    riff.wait_for(".mp3")
    code, said = riff.gone(signal.SIGINT)
    assert code == 130
    assert "riffbot: stopping" in said
    assert "Traceback" not in said
    assert not list((tmp_path / "out").glob(".riffbot-*"))


def test_what_does_not_stop_in_order_is_ended(start: Start) -> None:
    stuck = start(STUCK, "seed-images")
    stuck.wait_for("under way")
    began = time.monotonic()
    code, said = stuck.gone(signal.SIGINT)
    assert code == 130
    assert time.monotonic() - began > PATIENCE_S / 2, "it was given its time"
    assert said.count("riffbot: stopping") == 1


def test_twice_means_now(start: Start) -> None:
    stuck = start(STUCK, "seed-images")
    stuck.wait_for("under way")
    code, _ = stuck.gone(signal.SIGINT, times=2)
    assert code == 130


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_bot_stops_while_its_model_loads(
    start: Start, tmp_path: Path, how: signal.Signals
) -> None:
    bot = start(
        LOADING,
        DISCORD_TOKEN="",
        RIFFBOT_OPEN_BROWSER="false",
        RIFFBOT_DATA_DIR=str(tmp_path / "data"),
    )
    bot.wait_for("local discord: ")
    code, said = bot.gone(how)
    assert code == 0
    assert "riffbot: stopping" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("thread", ["file", "shared"])
def test_a_stop_ends_in_time_while_a_thread_is_busy(
    start: Start, tmp_path: Path, thread: str
) -> None:
    bot = start(
        BUSY,
        THREAD=thread,
        DISCORD_TOKEN="",
        RIFFBOT_OPEN_BROWSER="false",
        RIFFBOT_DATA_DIR=str(tmp_path / "data"),
    )
    bot.wait_for("under way")
    code, said = bot.gone(signal.SIGTERM)
    assert code == 128 + signal.SIGTERM
    assert "Traceback" not in said


def test_who_runs_riffbot_in_a_process_of_their_own_keeps_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(interrupts, "exit_now", ended.append)
    with interrupts.orderly_stop():
        interrupts.exit_after(0.3, 143)
    time.sleep(0.6)
    assert ended == []
    with interrupts.orderly_stop():
        interrupts.exit_after(0.05, 143)
        time.sleep(0.6)
    assert ended == [143]
