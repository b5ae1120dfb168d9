"""The wheel holds all that a checkout has for running, and RiffBot starts from it anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from riffbot.locations import ROOT

BUNDLED = {
    "models/riffbot-mini": "riffbot/bundled/models/riffbot-mini",
    "seed_images": "riffbot/bundled/seed_images",
    "migrations": "riffbot/bundled/migrations",
}
FOR_DEVELOPERS = ("training/", "tests/", "web/", "docs/")
"""Folders of the checkout that running RiffBot does not need."""

pytestmark = pytest.mark.needs("page")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as an installation does it."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


def run(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed RiffBot with the libraries of this environment, and a home of its own."""
    home = cwd / "home"
    home.mkdir(exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(installed),
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_DATA_HOME": str(home / "share"),
    }
    command = [sys.executable, "-m", "riffbot", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".tried"
    }


def test_every_file_that_is_read_at_run_time_is_in_the_wheel(installed: Path) -> None:
    held = files(installed)
    for folder in ("riffbot", "cogs", "audio"):
        assert {f"{folder}/{name}" for name in files(ROOT / folder)} - held == set()
    for folder, place in BUNDLED.items():
        assert {f"{place}/{name}" for name in files(ROOT / folder)} - held == set()
    assert [name for name in held if name.startswith(FOR_DEVELOPERS)] == []


def test_the_sdist_has_what_the_wheel_is_built_from(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        held = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"pyproject.toml", "LICENSE", "web/build_hook.py", ".env.example"} <= held
    assert {"riffbot/web/built/index.html", "migrations/env.py", "seed_images/seeds.toml"} <= held
    assert not [name for name in held if name.startswith(("data/", "out/", ".venv/"))]


def test_an_installed_riffbot_finds_its_files_and_the_users_folder(
    installed: Path, tmp_path: Path
) -> None:
    listed = run(installed, tmp_path, "seed-images")
    assert listed.returncode == 0, listed.stderr
    assert "steady_beat" in listed.stdout
    settings = tmp_path / "home" / "share" / "riffbot" / ".env"
    nothing = run(installed, tmp_path, "library", "list")
    assert str(settings.parent) in nothing.stderr
    settings.parent.mkdir(parents=True)
    settings.write_text("RIFFBOT_LOUDNESS_LUFS=-99\n")
    refused = run(installed, tmp_path, "library", "list")
    assert refused.returncode == 2
    assert "RIFFBOT_LOUDNESS_LUFS is wrong" in refused.stderr
    # The folder that the command is run in has the last word.
    (tmp_path / ".env").write_text("RIFFBOT_LOUDNESS_LUFS=-14\n")
    empty = run(installed, tmp_path, "library", "list")
    assert empty.returncode == 0, empty.stderr
    assert {path.name for path in tmp_path.iterdir()} == {".env", "home"}


@pytest.mark.slow
def test_an_installed_riffbot_makes_a_riff(installed: Path, tmp_path: Path) -> None:
    made = run(installed, tmp_path, "riff", "funky sax", "--seed", "1", "--steps", "1")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "funky-sax-1.mp3").stat().st_size > 20_000
