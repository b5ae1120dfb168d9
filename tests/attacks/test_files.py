"""Files that lie, lead elsewhere or never end; and what other accounts and strangers may read."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer

from audio.image import encode_png
from riffbot.clips.service import ClipService
from riffbot.inference.engine.engine import Engine
from riffbot.inference.pipeline.factory import open_pipeline
from riffbot.jam.manager import JamManager
from riffbot.library.instance_lock import hold_instance_lock
from riffbot.library.store import Library
from riffbot.locations import ROOT
from riffbot.services import Services, open_services
from riffbot.settings import Settings
from riffbot.web.app import create_app
from tests.attacks.figures import row
from tests.riffbot.web.conftest import client, pipeline, services
from tests.riffbot.web.routes.test_api import ask
from tests.support.fake_pipeline import FakePipeline
from tests.support.tiny_models import tiny_embedded_model

__all__ = ["client", "pipeline", "services"]

SECRET = b"root:x:0:0: not for strangers"


def inner_file(services: Services, suffix: str) -> Path:
    """The one file of its kind in the store."""
    (path,) = (services.settings.data_dir / "files").rglob(f"*.{suffix}")
    return path


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, b"ID3 something else"])
async def test_a_damaged_file_is_never_served(
    client: TestClient, services: Services, damage: bytes
) -> None:
    riff = (await ask(client, prompt="funk", seed=1))["riff"]
    path = inner_file(services, "mp3")
    whole = path.read_bytes()
    assert (await client.get("/" + riff["files"]["mp3"])).status == 200
    path.write_bytes(damage)
    began = time.perf_counter()
    answer = await client.get("/" + riff["files"]["mp3"])
    spent = 1000 * (time.perf_counter() - began)
    assert answer.status == 404
    assert "damaged" in (await answer.json())["error"]
    again = (await ask(client, prompt="funk", seed=1))["riff"]
    healed = await client.get("/" + again["files"]["mp3"])
    assert healed.status == 200
    assert await healed.read() == whole == path.read_bytes(), "made again, it is whole again"
    row(f"an MP3 of {len(damage)} bytes in the store", f"404 in {spent:.1f} ms; a replay heals it")


@pytest.mark.parametrize("what", ["the file", "its folder"])
async def test_a_link_out_of_the_store_is_not_followed(
    client: TestClient, services: Services, tmp_path: Path, what: str
) -> None:
    riff = (await ask(client, prompt="funk", seed=1))["riff"]
    path = inner_file(services, "mp3")
    outside = tmp_path / "outside"
    outside.mkdir()
    if what == "the file":
        (outside / "secret").write_bytes(SECRET)
        path.unlink()
        path.symlink_to(outside / "secret")
    else:
        path.rename(outside / path.name)
        folder = path.parent
        for other in folder.iterdir():
            other.rename(outside / other.name)
        folder.rmdir()
        folder.symlink_to(outside)
    answer = await client.get("/" + riff["files"]["mp3"])
    assert answer.status == 404
    assert SECRET not in await answer.read()
    row(f"{what} of the store is a link", "404, nothing read")


async def test_checking_a_file_costs_little(client: TestClient, services: Services) -> None:
    riff = (await ask(client, prompt="funk", seed=1))["riff"]
    digest = inner_file(services, "mp3").stem
    times = []
    services.library.files._checked.clear()
    for _ in range(2):
        began = time.perf_counter()
        assert services.library.files.path(digest) is not None
        times.append(1000 * (time.perf_counter() - began))
    assert riff["files"]["mp3"]
    row("the check of an MP3", f"{times[0]:.2f} ms once, {times[1]:.2f} ms after that")


ENDLESS: list[list[str]] = [
    ["riff", "x", "--seed-image", "FILE"],
    ["riff", "x", "--seed-image", "beat", "--mask", "FILE"],
    ["riff", "--from", "FILE"],
    ["riff", "--batch", "FILE"],
    ["remix", "FILE", "x"],
    ["inpaint", "FILE", "x", "--where", "bar 1"],
    ["inpaint", "beat.png", "x", "--mask", "FILE"],
    ["extend", "FILE", "--seconds", "20"],
    ["layer", "FILE", "FILE"],
    ["draw", "FILE"],
    ["jam", "--from", "FILE", "--out", "jam.flac"],
    ["jam", "x", "--seed-image", "FILE", "--out", "jam.flac"],
    ["image-to-audio", "FILE", "out.wav"],
    ["audio-to-image", "FILE", "out.png"],
]

RUN = """
import json, resource, sys
from riffbot.cli import main
codes = [main(words) for words in json.loads(sys.argv[1])]
print(json.dumps([codes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


@pytest.mark.parametrize("kind", ["device", "fifo", "socket", "folder", "endless link", "1 TB"])
def test_a_file_that_never_ends_is_refused_unread(tmp_path: Path, kind: str) -> None:
    picture = encode_png(np.full((512, 64), 180, np.uint8))
    (tmp_path / "beat.png").write_bytes(picture)
    (tmp_path / "seeds.toml").write_text(
        '[beat]\ntitle = "Beat"\nbpm = 93.75\nbeats = 1\nwidth = 64\n'
    )
    path = tmp_path / "endless"
    match kind:
        case "device":
            path = Path("/dev/zero")
        case "fifo":
            os.mkfifo(path)
        case "socket":
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(os.path.relpath(path))
            listener.close()
        case "folder":
            path.mkdir()
        case "endless link":
            path.symlink_to(path)
        case _:
            with path.open("wb") as file:
                file.truncate(1 << 40)
    table = [[str(path) if word == "FILE" else word for word in words] for words in ENDLESS]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(table)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RIFFBOT_SEED_IMAGES": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    codes, kilobytes = json.loads(done.stdout.splitlines()[-1])
    assert codes == [2] * len(table), done.stderr
    said = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(said) == len(table)
    assert not any("Something broke" in line for line in said)
    row(
        f"{kind} as a file, {len(table)} commands",
        f"one sentence each in {time.perf_counter() - began:.1f} s, {kilobytes / 1024:.0f} MB",
    )


async def test_other_accounts_can_read_nothing_of_a_library(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        library = await Library.open(Settings(_env_file=None, data_dir=tmp_path / "data"))
        digest = await asyncio.to_thread(library.files.put, b"sound", ".mp3")
        assert library.files.path(digest) is not None
        open_to_others = [
            path.relative_to(tmp_path)
            for path in (tmp_path / "data").rglob("*")
            if path.stat().st_mode & 0o077
        ]
        count = len(list((tmp_path / "data").rglob("*")))
        await library.close()
    finally:
        os.umask(before)
    assert open_to_others == []
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    row("another account looks into a new library", f"{count} files and folders, 0 to be read")


async def test_other_accounts_can_read_nothing_of_what_a_start_makes(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path / "above" / "data",
        database_url=f"sqlite:///{tmp_path / 'elsewhere' / 'riffs.db'}",
        model="no-such-folder",
    )
    before = os.umask(0o022)
    try:
        async with open_services(settings):
            made = [settings.data_dir.parent, tmp_path / "elsewhere"]
            paths = [path for folder in made for path in (folder, *folder.rglob("*"))]
            modes = {path.relative_to(tmp_path): path.stat().st_mode & 0o077 for path in paths}
    finally:
        os.umask(before)
    names = {path.name for path in modes}
    assert {"data", "owner.lock", "owner.json", "riffs.db.owner.lock", "riffs.db"} <= names
    assert [path for path, mode in modes.items() if mode] == []
    row("another account looks beside a running one", f"{len(modes)} paths, 0 to be read")


async def test_a_note_that_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path / "data")
    settings.data_dir.mkdir()
    for name in ("owner.lock", "owner.json"):
        (settings.data_dir / name).touch(0o644)
    async with hold_instance_lock(settings):
        for name in ("owner.lock", "owner.json"):
            assert (settings.data_dir / name).stat().st_mode & 0o007 == 0, name


async def test_what_others_could_read_is_closed_at_the_next_start(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path / "data")
    await (await Library.open(settings)).close()
    settings.database_file.chmod(0o664)
    settings.files_dir.chmod(0o755)
    await (await Library.open(settings)).close()
    assert settings.database_file.stat().st_mode & 0o777 == 0o660, "the group was a decision"
    assert settings.files_dir.stat().st_mode & 0o777 == 0o700, "the group was the umask's"
    row("a library of an earlier version, 0644 and 0755", "closed to others at the start")


@pytest.mark.parametrize("fault", ["no model", "damaged card", "damaged weights"])
async def test_strangers_read_no_folders_of_this_machine(
    tmp_path: Path, pipeline: FakePipeline, fault: str
) -> None:
    hidden = tmp_path / "hidden-folder"
    model = hidden / "tiny"
    if fault != "no model":
        tiny_embedded_model(model)
    if fault == "damaged card":
        (model / "riffbot.json").write_bytes(b"\xff\xfe{")
    if fault == "damaged weights":
        (model / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"nothing")
    settings = Settings(
        _env_file=None,
        data_dir=tmp_path / "data",
        seed_images=tmp_path / "seed_images",
        model=str(model),
    )
    library = await Library.open(settings)
    engine = Engine(lambda: open_pipeline(settings, pipeline.images))
    clip_service = ClipService(engine, library, settings)
    jams = JamManager(engine, pipeline.images, library, clip_service, settings)
    running = Services(settings, engine, library, clip_service, pipeline.images, jams)
    try:
        async with TestClient(TestServer(create_app(running))) as browser:
            answer = await browser.post("/api/riffs", json={"prompt": "funk", "seed": 1})
            text = await answer.text()
            if answer.status == 202:
                events = (await answer.json())["events"]
                text += await (await browser.get("/" + events)).text()
            # From now on the engine says so at once.
            text += await (await browser.post("/api/riffs", json={"prompt": "funk"})).text()
    finally:
        await jams.close()
        await engine.close()
        await library.close()
    assert "hidden-folder" not in text
    assert str(tmp_path) not in text
    assert "error" in text
    row(f"a stranger asks a RiffBot with {fault}", "a sentence without a folder")


async def test_a_picture_that_goes_bad_names_no_folder(
    client: TestClient, services: Services
) -> None:
    riff = (await ask(client, prompt="funk", seed=1))["riff"]
    for path in (services.settings.data_dir / "files").rglob("*.png"):
        path.write_bytes(b"no picture")
    ref = f"sha256:{inner_file(services, 'mp3').stem}"
    answer = await client.post("/api/riffs", json={"prompt": "x", "seed_image": ref})
    assert answer.status == 400
    assert str(services.settings.data_dir) not in await answer.text()
    answer = await client.get("/" + riff["files"]["png"])
    assert answer.status == 404
    assert str(services.settings.data_dir) not in await answer.text()
