"""Every bench runs, through the command, as small as it can be; and all show how far they are."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch

from riffbot import cli
from riffbot.bench import progress, run
from riffbot.bench.progress import ProgressBar
from riffbot.settings import Settings
from tests.support.tiny_models import tiny_embedded_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # As the embedded model, whose clips of 512 columns get a tempo, and a width, from their seed.
    defaults = {"steps": 2, "guidance": 3.0, "scheduler": "flow", "width": 512}
    return tiny_embedded_model(tmp_path_factory.mktemp("bench") / "model", defaults=defaults)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", run.NAMES)
def test_every_bench_runs(
    model: Path,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(progress, "_LINE_S", 0.0)
    options = ["--quick", "--clips", "1", "--model", str(model), "--json"]
    code = cli.main(["bench", name, *options])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    assert list(json.loads(captured.out)) == [name]
    lines = [line for line in captured.err.splitlines() if line.startswith(f"{name} ")]
    assert lines[0].startswith(f"{name} 0 %  loading")
    assert lines[-1].startswith(f"{name} 100 %")


def test_a_bar_on_a_terminal_is_one_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    with ProgressBar("jam", stream) as bar:
        bar.expect(4)
        with bar.part("first use"):
            pass
        bar.step("a riff", 2)
    shown = stream.getvalue().split("\r\x1b[K")
    assert "\n" not in stream.getvalue()
    assert max(map(len, shown)) < 60
    assert shown[1] == f"jam {'·' * 24} 0 %  loading"
    assert shown[-2].startswith(f"jam {'█' * 18}{'·' * 6} 75 %  a riff, about ")
    assert shown[-1] == ""


def test_what_takes_a_known_time_moves_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_TICK_S", 0.001)
    bar = ProgressBar("jam", io.StringIO())
    bar.expect(10)
    seen: list[float] = []
    monkeypatch.setattr(bar, "_show", lambda: seen.append(bar.done))
    with bar.part("in time", 10, seconds=20):  # ends at the first tick, however busy the machine
        while not any(0 < done < 10 for done in seen):
            pass
    assert bar.done == 10
    assert seen == sorted(seen)


def test_without_a_terminal_a_line_comes_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    stream = io.StringIO()
    bar = ProgressBar("library", stream)
    bar.expect(100)
    for second in range(1, 36):
        now[0] = float(second)
        bar.step("asking")
    assert stream.getvalue().splitlines() == [
        "library 10 %  asking, about 2 min left",
        "library 20 %  asking, about 80 s left",
        "library 30 %  asking, about 70 s left",
    ]


def test_a_report_is_the_same_at_any_size(model: Path) -> None:
    report = run.run("library", Settings(_env_file=None), clips=1, quick=True)
    assert report.text.startswith("500 riffs")
    assert report.data["riffs"] == 500


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to measure")
def test_without_a_gpu_its_bench_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "gpu", "--clips", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("There is no CUDA device here")
