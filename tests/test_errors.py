"""Sentences for strangers name no folder of this machine, wherever they are written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from riffbot.errors import ModelError, StorageError, told, without_folders

ROOT = Path(__file__).resolve().parent.parent
OWNERS = ("riffbot/commands/", "riffbot/bench", "riffbot/settings.py", "riffbot/doctor.py")
"""What only the owner reads, at the command line."""

PATHS = {"path", "folder", "file", "where", "there", "target", "data_dir", "files_dir", "_root"}
ERRORS = {
    "RiffBotError",
    "BadRequest",
    "NotFound",
    "ModelError",
    "Refused",
    "GenerationFailed",
    "StorageError",
    "VoiceError",
}


def sentences() -> Iterator[tuple[str, int, ast.expr]]:
    """Whatever stands in braces in a sentence of an error: file, line, expression."""
    for source in [*(ROOT / "riffbot").rglob("*.py"), *(ROOT / "cogs").rglob("*.py")]:
        name = source.relative_to(ROOT).as_posix()
        if name.startswith(OWNERS):
            continue
        for call in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", None) in ERRORS:
                for argument in call.args:
                    for part in ast.walk(argument):
                        if isinstance(part, ast.FormattedValue):
                            yield name, part.lineno, part.value


def test_no_sentence_for_strangers_has_a_path_in_it() -> None:
    found = [
        f"{name}:{line} {ast.unparse(value)}"
        for name, line, value in sentences()
        if (isinstance(value, ast.Name) and value.id in PATHS)
        or (isinstance(value, ast.Attribute) and value.attr in PATHS - {"where"})
    ]
    assert not found, f"say path.name, and .at(path) for the owner: {found}"


def test_the_owner_is_told_where() -> None:
    error = StorageError("The disk is full.").at(Path("/srv/riffs"))
    assert str(error) == "The disk is full."
    assert told(error) == "The disk is full. (/srv/riffs)"
    assert told(ModelError("No.")) == "No."


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no file in directory /srv/my/models/m.", "no file in directory m."),
        ("[Errno 2] No such file: '/a/b/c.json'", "[Errno 2] No such file: 'c.json'"),
        ("cannot open C:\\Users\\me\\model.bin now", "cannot open model.bin now"),
        ("see /jam resume or https://a.b/c/d", "see /jam resume or https://a.b/c/d"),
        ("1/2 of riffusion/riffusion-model-v1", "1/2 of riffusion/riffusion-model-v1"),
    ],
)
def test_what_libraries_say_loses_its_folders(said: str, shown: str) -> None:
    assert without_folders(said) == shown
