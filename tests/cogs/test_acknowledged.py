"""Discord waits three seconds for the first answer, and a database may be locked for ten.

A real write lock is held on the library's file until the bot has acknowledged the interaction. What
writes first is not acknowledged before the lock goes by itself, and is found here.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import Permissions

from riffbot.settings import Settings
from tests.cogs.edit.test_remix import newest
from tests.cogs.test_jam import heard, jam_room, panel
from tests.support.simulated_discord import Room, open_room

PATIENCE_S = 8.0
"""Less than the library waits for a lock, more than a busy machine needs to say a word."""

ANSWERS = ("send_message", "defer", "edit_message", "send_modal")

Act = Callable[[], Awaitable[Any]]


class WriteLock:
    """Holds SQLite's write lock from another connection, until it is told or runs out."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(
            path, timeout=60, isolation_level=None, check_same_thread=False
        )
        self._released = threading.Lock()
        self.ran_out = False
        self._timer = threading.Timer(PATIENCE_S, self._run_out)

    def take(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self._timer.start()

    def release(self) -> None:
        with self._released:
            self._timer.cancel()
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

    def _run_out(self) -> None:
        self.ran_out = True
        self.release()

    def close(self) -> None:
        self.release()
        self._timer.join()
        self._database.close()


@contextmanager
def released_by_an_answer(lock: WriteLock, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The lock goes when Discord has taken the first answer."""

    def releasing(answer: Any) -> Any:
        async def answer_and_release(*args: Any, **options: Any) -> Any:
            result = await answer(*args, **options)
            lock.release()
            return result

        return answer_and_release

    with monkeypatch.context() as patch:
        for name in ANSWERS:
            answer = getattr(discord.InteractionResponse, name)
            patch.setattr(discord.InteractionResponse, name, releasing(answer))
        yield


async def late(room: Room, monkeypatch: pytest.MonkeyPatch, acts: dict[str, Act]) -> list[str]:
    """Which of these were acknowledged only after the lock had gone."""
    found = []
    for name, act in acts.items():
        lock = WriteLock(room.services.settings.data_dir / "riffbot.db")
        lock.take()
        try:
            with released_by_an_answer(lock, monkeypatch):
                await act()
        finally:
            lock.close()
        print(f"{name:<24} {'after the lock' if lock.ran_out else 'acknowledged first'}")
        if lock.ran_out:
            found.append(name)
    return found


@asynccontextmanager
async def riff_room(settings: Settings) -> AsyncIterator[tuple[Room, Any, str]]:
    """A room with one riff of Ada's: its message and its id."""
    async with open_room(settings) as room:
        message = (await room.riff("funky sax", steps=1)).response.message
        yield room, message, (await newest(room)).id


async def test_commands_are_acknowledged_before_anything_is_written(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with riff_room(settings) as (room, message, riff):
        ada, here = room.ada, room.channel
        manager = room.guild.create_role("boss", permissions=Permissions(manage_guild=True))
        boss = room.guild.add_member(room.env.create_user("zoe"), roles=[manager])
        await room.env.settle()

        def typed(command: str, **options: Any) -> Act:
            return lambda: ada.slash(here, command, **options)

        acts: dict[str, Act] = {
            "/riff": typed("riff", prompt="dub", steps=1),
            "/remix": typed("remix", prompt="dub", riff=riff),
            "/library mine": typed("library mine"),
            "/library show": typed("library show", riff=riff),
            "/library show private": typed("library show", riff=riff, private=True),
            "/library lineage": typed("library lineage", riff=riff),
            "/library export": typed("library export", riff=riff, format="json"),
            "/privacy remixes": typed("privacy remixes", allowed=True),
            "/privacy remixes riff": typed("privacy remixes", allowed=True, riff=riff),
            "/privacy export": typed("privacy export"),
            "/privacy delete": typed("privacy delete"),
            "/server settings": lambda: boss.slash(here, "server settings", jam_steer="starter"),
            "Remix this riff": lambda: ada.context_menu(here, "Remix this riff", message),
            "New seed": lambda: ada.click(message, label="New seed"),
            "Remix…": lambda: ada.click(message, label="Remix…"),
            "Save": lambda: ada.click(message, label="Save"),
            "/library delete": typed("library delete", riff=riff),
        }
        assert await late(room, monkeypatch, acts) == []


async def test_menus_and_last_words_are_acknowledged_first(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with riff_room(settings) as (room, message, riff):
        ada = room.ada
        page = (await ada.slash(room.channel, "library mine")).response
        asked = await ada.slash(room.channel, "privacy delete")
        shown = await ada.click(message, label="Remix…")
        acts: dict[str, Act] = {
            "open a riff": lambda: ada.select(page, [riff], custom_id="library:open"),
            "a remix": lambda: ada.submit_modal(shown, {"prompt": "ska", "denoising": "0.4"}),
            "Delete": lambda: ada.click(message, label="Delete"),
            "Delete everything": lambda: ada.click(
                asked.response, label="Delete everything about me"
            ),
        }
        assert await late(room, monkeypatch, acts) == []


async def test_a_jams_commands_and_buttons_are_acknowledged_first(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with jam_room(settings) as room:
        ada, here = room.ada, room.channel

        def typed(command: str, **options: Any) -> Act:
            return lambda: ada.slash(here, command, **options)

        def clicked(label: str) -> Act:
            return lambda: ada.click(panel(room), label=label)

        begin: dict[str, Act] = {"/jam start": typed("jam start", prompt="funky sax")}
        assert await late(room, monkeypatch, begin) == []
        await heard(room, 1.0)
        acts: dict[str, Act] = {
            "/jam prompt": typed("jam prompt", prompt="church bells"),
            "Wilder": clicked("Wilder"),
            "New seed": clicked("New seed"),
            "Keep last 30 s": clicked("Keep last 30 s"),
            "Pause": clicked("Pause"),
            "Go on": clicked("Go on"),
            "/jam now": typed("jam now"),
            "Stop": clicked("Stop"),
            "/jam resume": typed("jam resume"),
            "/jam stop": typed("jam stop"),
        }
        assert await late(room, monkeypatch, acts) == []
