"""docs/SECURITY.md: every protection that it names is shown by a test that exists."""

from __future__ import annotations

import ast
import re

import pytest

from riffbot.locations import ROOT
from tests.fuzz.targets import TARGETS

PAGE = (ROOT / "docs" / "SECURITY.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def test_tests_are_named() -> None:
    assert len(NAMED) > 40


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {node.name for node in tree.body if isinstance(node, functions)}


def test_every_row_of_a_table_names_one() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    rows = [line for line in rows if not line.startswith(("| what", "| ---"))]
    assert rows
    assert [row for row in rows if "::test_" not in row] == []


def test_every_fuzzing_target_is_named() -> None:
    assert {name for name in TARGETS if f"`{name}`" not in PAGE} == set()


def test_github_finds_it() -> None:
    assert "](docs/SECURITY.md)" in (ROOT / "SECURITY.md").read_text("utf-8")
