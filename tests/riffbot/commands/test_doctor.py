"""The doctor: what is wrong is named, with its remedy, and says so by its exit code."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from audio.image import encode_png
from riffbot.cli import main
from riffbot.commands import doctor
from riffbot.commands.checks import trial
from riffbot.commands.checks.result import BAD, GOOD, NOTE, CheckResult
from riffbot.library import migrate
from riffbot.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, two_step_model: Path) -> Settings:
    return Settings(
        _env_file=None,
        discord_token=None,
        data_dir=tmp_path / "data",
        model=str(two_step_model),
        device="cpu",
        seed_images=tmp_path / "seeds",
    )


def found(settings: Settings, name: str, *, speed: bool = False) -> CheckResult:
    return next(f for f in doctor.run_checks(settings, speed=speed) if f.name == name)


def test_a_healthy_riffbot(settings: Settings, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    seeds.mkdir(exist_ok=True)
    (seeds / "beat.png").write_bytes(encode_png(np.full((512, 128), 180, np.uint8)))
    (seeds / "seeds.toml").write_text(
        '[beat]\ntitle = "Beat"\nbpm = 93.75\nbeats = 2\nwidth = 128\n'
    )
    findings = list(doctor.run_checks(settings, speed=True))
    assert doctor.is_healthy(findings)
    states = {finding.name: finding.state for finding in findings}
    for name in ("Python", "model", "device", "MP3", "Opus", "data folder", "seed images"):
        assert states[name] == GOOD
    assert states["token"] == NOTE
    assert "real time" in findings[-1].found
    assert all(finding.remedy for finding in findings if finding.state != GOOD)
    assert not (tmp_path / "data").exists(), "looking must not make anything"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"model": "/nowhere/model"}, "model"),
        ({"device": "cuda:9"}, "device"),
        ({"discord_token": SecretStr("not a token")}, "token"),
        ({"data_dir": Path("/dev/null/data")}, "data folder"),
    ],
)
def test_what_is_wrong_is_bad_and_has_a_remedy(
    settings: Settings, changes: dict[str, object], name: str
) -> None:
    if name == "device" and found(settings, "device").found.startswith("cuda"):
        pytest.skip("this machine has CUDA")
    finding = found(settings.model_copy(update=changes), name)
    assert finding.state == BAD
    assert finding.remedy
    assert not doctor.is_healthy([finding])
    assert name in doctor.format_summary([finding])


def test_a_token_never_shows(settings: Settings) -> None:
    secret = settings.model_copy(update={"discord_token": SecretStr("aaa.bbb.hidden")})
    lines = [doctor.format_result(finding) for finding in doctor.run_checks(secret)]
    assert "hidden" not in "\n".join(lines)


def test_a_taken_port(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        finding = found(settings.model_copy(update={"web_port": port}), "ports")
    assert finding.state == BAD
    assert str(port) in finding.found


def test_an_open_page_is_worth_a_note(settings: Settings) -> None:
    assert found(settings.model_copy(update={"host": "0.0.0.0"}), "ports").state == NOTE


def test_the_command(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    monkeypatch.chdir(settings.data_dir.parent)
    assert main(["doctor", "--json", "--model", "/nowhere/model"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["healthy"] is False
    assert [f["name"] for f in report["findings"] if f["state"] == BAD] == ["model"]
    assert main(["doctor", "--model", settings.model]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "All is well."


def test_a_riff_is_tried_and_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    finding = found(settings, "a riff")
    assert finding.state == GOOD, finding
    assert "made, kept and heard" in finding.found
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("broken", "part"),
    [
        ("riffbot.inference.pipeline.pipeline.Pipeline.run", "drawing a picture"),
        ("riffbot.rendering.sound", "making sound of it"),
        ("riffbot.rendering.render", "writing MP3 and PNG"),
        ("riffbot.library.files.os.fsync", "keeping it in a library"),
        ("audio.loops.estimate_tempo", "listening to it"),
    ],
)
def test_the_part_that_fails_is_named_with_its_remedy(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, broken: str, part: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(broken, fails)
    outcome = trial.run_trial(settings)
    assert outcome.failed == part
    assert outcome.reason
    assert outcome.remedy


def test_a_part_that_hangs_is_named_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(
        "riffbot.inference.pipeline.pipeline.Pipeline.run", lambda *_, **__: gate.wait(60)
    )
    outcome = trial.run_trial(settings, limit_s=3)
    gate.set()
    assert outcome.failed in ("loading the model", "drawing a picture")
    assert "not done after 3 s" in outcome.reason


def test_nothing_is_tried_where_something_it_needs_is_missing(settings: Settings) -> None:
    finding = found(settings.model_copy(update={"model": "/nowhere/model"}), "a riff")
    assert (finding.state, finding.found) == (NOTE, "not tried")
    assert "model" in finding.remedy


def test_a_library_that_an_older_riffbot_put_elsewhere_is_worth_a_note(
    settings: Settings, tmp_path: Path
) -> None:
    data = tmp_path / "what?now" / "data"
    data.mkdir(parents=True)
    migrate.upgrade(f"sqlite+aiosqlite:///{tmp_path / 'what'}")
    finding = found(settings.model_copy(update={"data_dir": data}), "database")
    assert finding.state == NOTE
    assert str(data / "riffbot.db") in finding.remedy
