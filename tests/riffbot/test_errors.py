"""Sentences for strangers name no folder of this machine, wherever they are written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from riffbot.errors import (
    BadRequest,
    ModelError,
    StorageError,
    describe_for_log,
    describe_for_owner,
    shorten,
    strip_folders,
)
from riffbot.locations import ROOT

OWNERS = ("riffbot/commands/", "riffbot/bench", "riffbot/settings.py", "riffbot/library/backup/")
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
    assert not found, f"say path.name, and .with_path(path) for the owner: {found}"


QUOTING = {
    "shorten",
    "use_plain_quotes",
    "escape_markdown",
    "make_name_displayable",
    "_permissions",
}
QUOTED_AS_THEY_ARE = {
    ("riffbot/clips/uploads.py", "shown"),  # of `make_name_displayable`
    ("cogs/common/sources.py", "shown"),
    ("cogs/library/_pages.py", "text"),  # escaped
    ("cogs/library/_pages.py", "self.text"),  # a title, escaped as a whole
    ("riffbot/validation.py", "field"),  # shorten
    ("riffbot/text_files.py", "name"),
    # Not of members: names of ours, of the owner's settings, and of addresses on the page.
    ("riffbot/inference/models/loading.py", "name"),
    ("cogs/server/_modals.py", "label"),
    ("riffbot/library/instance_lock.py", "what"),
    ("riffbot/library/instance_lock.py", "database"),
    ("riffbot/library/instance_lock.py", "error.database"),
    ("riffbot/web/access.py", "name"),
    ("riffbot/web/query.py", "name"),
}


def test_members_words_between_quotes_cannot_leave_them() -> None:
    found = []
    for source in [*(ROOT / "riffbot").rglob("*.py"), *(ROOT / "cogs").rglob("*.py")]:
        name = source.relative_to(ROOT).as_posix()
        if name.startswith(OWNERS):
            continue
        for text in ast.walk(ast.parse(source.read_text("utf-8"))):
            parts = text.values if isinstance(text, ast.JoinedStr) else []
            for before, part in pairwise(parts):
                opened = isinstance(before, ast.Constant) and str(before.value).endswith("“")
                if not opened or not isinstance(part, ast.FormattedValue):
                    continue
                call = part.value.func if isinstance(part.value, ast.Call) else None
                said = ast.unparse(part.value)
                if (
                    getattr(call, "id", "") not in QUOTING
                    and (name, said) not in QUOTED_AS_THEY_ARE
                ):
                    found.append(f"{name}:{part.lineno} {said}")
    assert not found, f"say shorten(…), which leaves no “ or ” in it: {found}"


@pytest.mark.parametrize("words", ["a” <@&1> “b", "”", "„x‟"])
def test_quoted_words_stay_between_their_quotes(words: str) -> None:
    assert not set(shorten(words)) & set("“”„‟")


def test_the_owner_is_told_where() -> None:
    error = StorageError("The disk is full.").with_path(Path("/srv/riffs"))
    assert str(error) == "The disk is full."
    assert describe_for_owner(error) == "The disk is full. (/srv/riffs)"
    assert describe_for_owner(ModelError("No.")) == "No."


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
    assert strip_folders(said) == shown


def test_the_log_has_no_sentence_that_may_quote_a_member() -> None:
    assert describe_for_log(BadRequest("“my secret prompt” is too long.")) == "BadRequest"
    assert describe_for_log(StorageError("The disk is full.").with_path(Path("/data"))) == (
        "The disk is full. (/data)"
    )
