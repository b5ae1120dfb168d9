"""A wheel holds what a checkout holds: the model, the seed images, the migrations."""

from __future__ import annotations

import fnmatch
import tomllib
from pathlib import Path

import pytest
from setuptools import find_namespace_packages

from riffbot.settings import ROOT

SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]


@pytest.mark.parametrize("folder", ["migrations", "models", "seed_images", "cogs", "riffbot"])
def test_every_file_that_is_read_at_run_time_is_in_the_wheel(folder: str) -> None:
    find, data = SETUPTOOLS["packages"]["find"], SETUPTOOLS["package-data"]
    packages = set(find_namespace_packages(str(ROOT), include=find["include"]))
    left_out = []
    for path in (ROOT / folder).rglob("*"):
        if path.is_dir() or "__pycache__" in path.parts or "built" in path.parts:
            continue
        package = ".".join(path.parent.relative_to(ROOT).parts)
        if path.suffix == ".py" and package in packages:
            continue
        owners = [
            (name, path.relative_to(ROOT / Path(*name.split("."))))
            for name in data
            if path.is_relative_to(ROOT / Path(*name.split(".")))
        ]
        if not any(
            fnmatch.fnmatch(inside.as_posix(), pattern.replace("**/", ""))
            for name, inside in owners
            for pattern in data[name]
        ):
            left_out.append(path.relative_to(ROOT).as_posix())
    assert left_out == []
