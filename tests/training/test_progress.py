"""What a step says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.progress import Progress, wait_for


def test_reports_are_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "new" / "step.jsonl"
    for step in (1, 2):  # stopped, and gone on
        with Progress("step", 10, "s", log) as bar:
            bar.to(3.4)
            bar.say(step=step)
            bar.to(99)
    rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows] == [1, 2]
    assert all(row["at"] for row in rows)
    assert capsys.readouterr().out.splitlines() == ['{"step": 1}', '{"step": 2}']


def test_waiting_says_for_what(capsys: pytest.CaptureFixture[str]) -> None:
    left = iter([False, False, True])
    wait_for(lambda: next(left), "gist.pt (training.prompt_embedding)", every=0.01)
    assert capsys.readouterr().out == "waiting for gist.pt (training.prompt_embedding)\n"
    wait_for(lambda: True, "nothing")
    assert capsys.readouterr().out == ""
