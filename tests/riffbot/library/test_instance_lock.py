"""One RiffBot a data folder and a database; a second one is told in words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from riffbot.errors import StorageError
from riffbot.library.instance_lock import hold_instance_lock, is_instance_lock_held
from riffbot.library.store import Library
from riffbot.services import open_services
from riffbot.settings import Settings

_HOLDS = """
import asyncio, sys
from pathlib import Path
from riffbot.library.instance_lock import hold_instance_lock
from riffbot.settings import Settings

async def main():
    async with hold_instance_lock(Settings(_env_file=None, data_dir=Path(sys.argv[1]))):
        print("holding", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_second_process_is_told_which_one_holds_the_folder(settings: Settings) -> None:
    holder = subprocess.Popen(  # noqa: ASYNC220  # nothing else runs on this loop
        [sys.executable, "-c", _HOLDS, str(settings.data_dir)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "holding\n"
        with pytest.raises(StorageError, match=f"process {holder.pid} on .*, since 20") as raised:
            async with hold_instance_lock(settings):
                pass
        assert str(settings.data_dir) in str(raised.value)
        assert "RIFFBOT_DATA_DIR" in str(raised.value)
        library = await Library.open(settings)  # what only looks is let in
        assert await library.riffs.recent() == []
        await library.close()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait(20)
        holder.stdout.close()
    async with hold_instance_lock(settings):  # the system has taken the lock back
        pass


async def test_services_are_opened_once_a_folder(settings: Settings) -> None:
    settings = settings.model_copy(update={"model": "no-such-folder"})
    async with open_services(settings):
        with pytest.raises(StorageError, match=f"process {os.getpid()} "):
            async with open_services(settings):
                pass
    async with open_services(settings):
        pass


async def test_a_database_file_elsewhere_is_owned_as_well(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    one, two = (Settings(data_dir=tmp_path / name, database_url=url) for name in ("a", "b"))
    async with hold_instance_lock(one):
        with pytest.raises(StorageError, match=r"shared\.db"):
            async with hold_instance_lock(two):
                pass
    async with hold_instance_lock(two):
        pass


async def test_the_database_in_a_data_folder_is_owned_under_any_name(tmp_path: Path) -> None:
    one = Settings(_env_file=None, data_dir=tmp_path / "a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for folder in ("a", "link"):
        url = f"sqlite:///{tmp_path / folder / 'riffbot.db'}"
        two = Settings(_env_file=None, data_dir=tmp_path / "b", database_url=url)
        async with hold_instance_lock(one):
            with pytest.raises(StorageError, match=r"riffbot\.db"):
                async with hold_instance_lock(two):
                    pass


async def test_a_note_that_cannot_be_read_costs_no_sentence(settings: Settings) -> None:
    async with hold_instance_lock(settings):
        (settings.data_dir / "owner.json").write_text("{")
        with pytest.raises(StorageError, match="does not say which process"):
            async with hold_instance_lock(settings):
                pass


async def test_whether_it_is_owned_is_known(settings: Settings) -> None:
    assert not is_instance_lock_held(settings)
    async with open_services(settings.model_copy(update={"model": "no-such-folder"})):
        assert is_instance_lock_held(settings)
        assert is_instance_lock_held(settings), "asking takes nothing away"
    assert not is_instance_lock_held(settings)
    async with hold_instance_lock(settings):
        assert is_instance_lock_held(settings)


def test_one_that_was_killed_does_not_own_it(settings: Settings) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(settings.data_dir)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "holding\n"
        assert is_instance_lock_held(settings)
    finally:
        holder.kill()
        holder.wait(20)
        holder.stdout.close()
    assert not is_instance_lock_held(settings)
