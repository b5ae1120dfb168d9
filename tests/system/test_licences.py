"""scripts/licences.py: what is installed has a licence that fits, and known holes are told."""

from __future__ import annotations

import json
import runpy
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from riffbot.locations import ROOT

SCRIPT = ROOT / "scripts" / "licences.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    sys.modules.pop("licences", None)
    return runpy.run_path(str(SCRIPT), run_name="licences")


def test_every_package_that_is_installed_has_a_known_licence(script: dict[str, Any]) -> None:
    packages = script["list_packages"]()
    assert len(packages) > 50
    assert [one for one in packages if not one.fits()] == []


def test_a_licence_is_known_by_its_text(script: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "x-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: x\nVersion: 1\nLicense: Copyright 2023 Somebody\n"
        "        \n"
        "        Permission is hereby granted, free of charge, to any person obtaining a copy of\n"
        "        this software, to deal in the Software without restriction.\n"
    )
    assert script["find_licence"](Distribution.at(folder)) == "MIT"


@pytest.mark.parametrize(
    ("licence", "fits"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND MIT", True),
        ("LGPL-2.1-or-later", True),
        ("GNU Lesser General Public License v3 (LGPLv3)", True),
        ("BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-2.0-only", False),
        ("AGPL-3.0", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("Proprietary", False),
        ("", False),
    ],
)
def test_a_licence_that_reaches_riffbot_is_told(
    script: dict[str, Any], licence: str, fits: bool
) -> None:
    assert script["Package"]("x", "1", licence).fits() is fits


def pip_audit(folder: Path, answer: str) -> str:
    """A program that answers as pip-audit does."""
    program = folder / "pip-audit"
    program.write_text(f"#!{sys.executable}\nprint({answer!r})\n")
    program.chmod(0o700)
    return str(program)


@pytest.mark.skipif(sys.platform == "win32", reason="a program with #! is one on Unix")
def test_known_holes_and_what_was_not_looked_up_are_told(
    script: dict[str, Any], tmp_path: Path
) -> None:
    packages = [script["Package"]("torch", "2.13.0+cpu", "BSD")]
    hole = {"id": "PYSEC-1", "fix_versions": ["2.14"]}
    answer = {
        "dependencies": [
            {"name": "torch", "version": "2.13.0", "vulns": [hole]},
            {"name": "x", "skip_reason": "not found"},
        ]
    }
    holes, gap = script["find_holes"](packages, pip_audit(tmp_path, json.dumps(answer)))
    assert holes == ["torch 2.13.0: PYSEC-1, mended in 2.14"]
    assert gap == "1 of 2 packages could not be looked up for known holes."
    assert script["find_holes"](packages, pip_audit(tmp_path, "")) == (
        [],
        "The database of known holes cannot be reached, so none were looked up.",
    )
    assert "not installed" in script["find_holes"](packages, str(tmp_path / "nothing"))[1]
