"""Every command at every kind of terminal: no traceback, and the exit code that is promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audio.image import encode_png
from riffbot.commands.parser import build_parser
from riffbot.locations import ROOT

LONG = "x" * 300

SAID = 0
"""A command that answers on standard output."""

TABLE: list[tuple[list[str], int]] = [
    (["--help"], SAID),
    (["--version"], SAID),
    (["seed-images"], SAID),
    (["seed-images", "--json"], SAID),
    (["riff", "--help"], SAID),
    (["riff", "--batch", "-"], 2),
    (["riff", "“quoted” ♫", "--steps", "0"], 2),
    (["riff", "x", "--out", LONG], 1),
    (["riff", "x", "--out", "a file"], 2),
    (["riff", "x", "--out", "a file/below"], 1),
    (["riff", "x", "--seed-image", LONG], 2),
    (["riff", "x", "--seed-image", "beat", "--mask", LONG], 2),
    (["riff", "--from", LONG], 2),
    (["riff", "--batch", LONG], 2),
    (["remix", f"{LONG}.mp3", "x"], 2),
    (["remix", LONG, "x"], 2),
    (["inpaint", "nothing “here”.png", "x", "--where", "bar 2"], 2),
    (["extend", "nothing.png", "--seconds", "30"], 2),
    (["morph", "a", "b", "--clips", "1"], 2),
    (["layer", LONG, LONG], 2),
    (["draw", f"{LONG}.png"], 2),
    (["draw", "/dev/stdin"], 2),
    (["jam", "x", "--out", f"{LONG}.flac", "--seed-image", "none"], 2),
    (["image-to-audio", f"{LONG}.png", "out.wav"], 2),
    (["image-to-audio", "seeds/beat.png", f"{LONG}.wav"], 1),
    (["audio-to-image", "a file", f"{LONG}.png"], 2),
    (["doctor", "--nonsense"], 2),
    (["bench", "“nothing”"], 2),
    (["library", "list"], 2),
    (["library", "search", "é"], 2),
    (["library", "show", "é"], 2),
    (["library", "lineage", "x"], 2),
    (["library", "export", "x", f"{LONG}.mp4"], 2),
    (["library", "delete", "x"], 2),
    (["privacy", "export", f"{LONG}.zip"], 2),
    (["privacy", "delete", "--member", "1"], 2),
    (["db", "sideways"], 2),
    (["backup", f"{LONG}/“b”.zip"], 1),
    (["restore", LONG, "--check"], 2),
    (["restore", "a file", "--check"], 2),
    (["health"], 1),
    (["admin", "block", "nobody"], 2),
    (["admin", "log"], 2),
    (["--port", "99999999"], 2),
]
"""What is typed, and the exit code with an ordinary terminal."""

RUN = """
import json, os, sys
from riffbot.cli import main
how, where = sys.argv[1], sys.argv[2]
codes = []
for words in json.load(open(os.environ["TABLE"], encoding="utf-8")):
    if how == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    if how == "gone":
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1)
        os.close(writer)
    try:
        codes.append(main(words))
    except SystemExit as end:
        codes.append(end.code)
open(where, "w").write(json.dumps(codes))
"""


def test_the_table_has_every_command() -> None:
    actions = build_parser()._subparsers._group_actions[0].choices
    assert set(actions) == {words[0] for words, _ in TABLE if not words[0].startswith("-")}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("terminal")
    (place / "a file").write_text("a file")
    (place / "seeds").mkdir()
    (place / "seeds" / "beat.png").write_bytes(encode_png(np.full((512, 64), 180, np.uint8)))
    (place / "seeds" / "seeds.toml").write_text(
        '[beat]\ntitle = "Beat"\nbpm = 93.75\nbeats = 1\nwidth = 64\nmood = "“dry” – ♫"\n'
    )
    (place / "table.json").write_text(json.dumps([words for words, _ in TABLE]))
    return place


def codes_at(place: Path, how: str, **environment: str) -> tuple[list[int], str, str]:
    """The exit codes of all commands in one process, and what stood on its two streams."""
    shell = {"no stdout": ">&-", "no stderr": "2>&-", "nothing": "<&- >&- 2>&-"}.get(how, "")
    command = f'"$0" -c "$1" "$2" "$3" {shell}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, RUN, how, str(place / "codes")],
        cwd=place,
        input=b"\xff\xfe no text",
        capture_output=True,
        timeout=100,
        check=False,
        env={
            **{k: v for k, v in os.environ.items() if k not in ("DISCORD_TOKEN", "PYTHONUTF8")},
            "PYTHONPATH": str(ROOT),
            "TABLE": str(place / "table.json"),
            "RIFFBOT_SEED_IMAGES": str(place / "seeds"),
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    codes = json.loads((place / "codes").read_text())
    return codes, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


@pytest.mark.parametrize(
    ("how", "environment"),
    [
        ("utf-8", {"PYTHONIOENCODING": "utf-8"}),
        ("ascii", {"PYTHONIOENCODING": "ascii"}),
        ("latin-1", {"PYTHONIOENCODING": "latin-1"}),
        ("cp1252", {"PYTHONIOENCODING": "cp1252"}),
        ("C", {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}),
        ("no stdout", {}),
        ("no stderr", {}),
        ("nothing", {}),
        ("gone", {}),
        ("full", {}),
        ("full", {"PYTHONUNBUFFERED": "1"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value) or "plain",
)
def test_every_command_keeps_its_exit_code_at_any_terminal(
    place: Path, how: str, environment: dict[str, str]
) -> None:
    codes, _, err = codes_at(place, how, **environment)
    wanted = [1 if how == "full" and code == SAID else code for _, code in TABLE]
    # A closed standard input is an empty batch; both are wrong values.
    assert dict(zip(map(str, (w for w, _ in TABLE)), codes, strict=True)) == dict(
        zip(map(str, (w for w, _ in TABLE)), wanted, strict=True)
    )
    assert "Traceback" not in err
    assert "Something broke" not in err


def test_json_stays_json_where_a_terminal_has_no_such_characters(place: Path) -> None:
    command = [sys.executable, "-m", "riffbot", "seed-images", "--json"]
    environment = {"RIFFBOT_SEED_IMAGES": str(place / "seeds"), "PYTHONPATH": str(ROOT)}
    outputs = {
        encoding: subprocess.run(
            command,
            cwd=place,
            check=True,
            capture_output=True,
            env={**os.environ, **environment, "PYTHONIOENCODING": encoding},
        ).stdout
        for encoding in ("ascii", "utf-8")
    }
    assert json.loads(outputs["ascii"].decode("ascii")) == json.loads(outputs["utf-8"].decode())


def test_a_full_disk_behind_standard_output_is_one_sentence(place: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "riffbot", "seed-images"],
            cwd=place,
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1
    assert "cannot be written to standard output: no space left" in done.stderr.decode()
