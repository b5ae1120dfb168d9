"""Tests that need the system: skipped where it is bare, run where CI installs what they need."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from riffbot.locations import ROOT
from tests.support import browser, needs, postgres
from training import soundfonts

SCRIPT = ROOT / "scripts" / "install-test-packages.sh"
CI = ROOT / ".ci" / "run"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with Python and nothing else, whatever this one has."""
    monkeypatch.setattr(browser, "CHROMIUM", None)
    monkeypatch.setattr(needs, "BUILT", tmp_path / "index.html")
    monkeypatch.setenv("RIFFBOT_FLUIDSYNTH", str(tmp_path / "libnothing.so"))
    monkeypatch.setattr(needs, "BESIDE", tmp_path)
    monkeypatch.setattr(postgres, "PLACES", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.parametrize("name", list(needs.NEEDS))
def test_what_is_missing_skips_and_says_what_to_install(bare: None, name: str) -> None:
    with pytest.raises(pytest.skip.Exception, match=r"; (apt-get install|make|pip install) \w"):
        needs.check([name], frozenset())


@pytest.mark.parametrize("name", list(needs.NEEDS))
def test_what_is_missing_fails_where_it_is_required(bare: None, name: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"TESTS_REQUIRE names {name}, but the"):
        needs.check([name], needs.required(name))


def test_a_synthesiser_without_a_soundfont_plays_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.fluid.library", lambda: None)
    monkeypatch.delenv("RIFFBOT_SOUNDFONTS", raising=False)
    monkeypatch.setattr(soundfonts, "_USUAL", ())
    assert "SoundFont" in (needs.NEEDS["synth"].reason() or "")


def test_a_database_server_that_refuses_root_needs_an_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "15" / "bin").mkdir(parents=True)
    (tmp_path / "15" / "bin" / "initdb").touch()
    monkeypatch.setattr(postgres, "PLACES", tmp_path)
    monkeypatch.setattr(postgres, "ACCOUNT", "nobody-of-this-name")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "as root" in (needs.NEEDS["postgres"].reason() or "")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert needs.NEEDS["postgres"].reason() is None


def test_a_need_that_nobody_knows_is_an_error() -> None:
    assert needs.required(" browser, synth,") == {"browser", "synth"}
    assert needs.required("") == frozenset()
    with pytest.raises(pytest.UsageError, match="names browsr; there are browser, page"):
        needs.required("browsr,synth")


def test_every_marked_need_is_known_and_none_is_looked_for_elsewhere() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        if path.name in {"needs.py", "test_needs.py"}:
            continue
        text = path.read_text(encoding="utf-8")
        named = re.findall(r'"([^"]*)"', " ".join(re.findall(r"mark\.needs\(([^)]*)\)", text)))
        assert needs.NEEDS.keys() >= set(named), path
        assert not re.search(r"skip.*(CHROMIUM|which\(|find_library)|importorskip", text), path


def commands(folder: Path, **scripts: str) -> dict[str, str]:
    """An environment whose PATH has these shell scripts and a handful of real commands."""
    folder.mkdir()
    for name in ("bash", "dirname", "env"):
        (folder / name).symlink_to(shutil.which(name) or name)
    for name, script in scripts.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!{folder}/bash\n{script}\n")
        path.chmod(0o755)
    return {"PATH": str(folder)}


@pytest.mark.parametrize(
    ("scripts", "status", "says"),
    [
        ({}, 3, "no apt here: install by hand"),
        ({"apt_get": "exit 1", "dpkg_query": "exit 1", "id": "echo 1000"}, 3, "needs root"),
        ({"apt_get": "exit 1", "dpkg_query": "echo -n installed"}, 0, "are installed: chromium"),
    ],
    ids=["no apt", "not root", "all there"],
)
def test_packages_are_installed_only_where_that_is_allowed(
    tmp_path: Path, scripts: dict[str, str], status: int, says: str
) -> None:
    done = subprocess.run(
        ["bash", SCRIPT],
        env=commands(tmp_path / "bin", **scripts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (status, "")
    assert says in done.stdout


@pytest.mark.parametrize(
    ("status", "makes", "required"),
    [
        (0, True, "browser,page,synth,postgres,asyncpg,node,prometheus"),
        (3, True, ""),
        (100, False, ""),
    ],
)
def test_ci_requires_exactly_what_it_installed(
    tmp_path: Path, status: int, makes: bool, required: str
) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(CI, tmp_path / ".ci" / "run")
    (tmp_path / "scripts").mkdir()
    install = tmp_path / "scripts" / SCRIPT.name
    install.write_text(f"#!/bin/sh\nexit {status}\n")
    install.chmod(0o755)
    environment = commands(tmp_path / "bin", make='echo "made $1: $RIFFBOT_TESTS_REQUIRE"; exit 7')
    done = subprocess.run(
        ["bash", ".ci/run"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (7 if makes else status), "the tests' own status"
    made = [line for line in done.stdout.splitlines() if line.startswith("made ")]
    assert made == ([f"made test: {required}"] if makes else [])
