"""Files of requests: `riffbot riff --batch`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from riffbot.cli import main
from tests.riffbot.commands.answers import one_line


def test_a_batch_loses_nothing_but_its_bad_lines(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "requests.jsonl").write_text(
        '{"prompt": "one", "seed": 1}\n'
        "nonsense\n"
        "\n"
        '{"prompt": "", "seed": 2}\n'
        '{"prompt": "wide", "seed": 3, "width": 65}\n'
        '{"prompt": "five", "seed": 5, "seed_image": "beat"}\n'
    )
    assert main(["riff", "--batch", "requests.jsonl", "--out", "out"]) == 2
    assert sorted(path.name for path in (home / "out").glob("*.png")) == ["0001.png", "0006.png"]
    complaints = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].strip() for line in complaints] == ["line 2", "line 4", "line 5"]
    assert main(["riff", "one", "--seed", "1", "--out", "alone"]) == 0
    # The same request gives the same bytes, alone or after others.
    assert (home / "out/0001.png").read_bytes() == (home / "alone/one-1.png").read_bytes()


def test_a_batch_from_stdin(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"prompt": "piped", "seed": 1}'))
    assert main(["riff", "--batch", "-", "--out", "out"]) == 0
    assert (home / "out/0001.mp3").exists()


def test_a_field_named_like_a_python_word_is_one_bad_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "odd.jsonl").write_text('{"prompt": "x", "cls": 1}\n')
    assert main(["riff", "--batch", "odd.jsonl"]) == 2
    assert "cls" in one_line(capsys)


def test_a_batch_is_read_whatever_editor_saved_it(home: Path) -> None:
    lines = [
        {"prompt": "one", "seed": 1},
        {"prompt": "a\u2028b\u0085c", "seed": 2},
        {"prompt": "three", "seed": 3},
    ]
    text = "\r\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    for encoding in ("utf-8-sig", "utf-16"):
        (home / "batch.jsonl").write_bytes(text.encode(encoding))
        assert main(["riff", "--batch", "batch.jsonl", "--out", encoding]) == 0
        written = [json.loads((home / encoding / f"000{n}.json").read_text()) for n in (1, 2, 3)]
        assert [clip["request"]["prompt"] for clip in written] == [line["prompt"] for line in lines]


def test_a_batch_in_another_encoding_is_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "old.jsonl").write_bytes('{"prompt": "Ärger"}'.encode("latin-1"))
    assert main(["riff", "--batch", "old.jsonl"]) == 2
    assert "“old.jsonl” is no text file in UTF-8" in one_line(capsys)
    piped = io.TextIOWrapper(io.BytesIO(b"caf\xe9"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", piped)
    assert main(["riff", "--batch", "-"]) == 2
    assert "“standard input” is no text file in UTF-8" in one_line(capsys)


def test_a_second_batch_leaves_the_first_alone(home: Path) -> None:
    for prompt in ("one", "two"):
        (home / "batch.jsonl").write_text(f'{{"prompt": "{prompt}", "seed": 1}}')
        assert main(["riff", "--batch", "batch.jsonl", "--out", "out"]) == 0
    written = [json.loads((home / f"out/{n}.json").read_text()) for n in ("0001", "0001-2")]
    assert [clip["request"]["prompt"] for clip in written] == ["one", "two"]
