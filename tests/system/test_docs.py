"""The documentation: its links lead somewhere, its commands are commands, its code runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from riffbot.commands.parser import build_parser
from riffbot.locations import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
TREE = ("riffbot", "cogs", "audio", "training", "tests", "web/src", "web")
FOREIGN = {"AudioContext", "WebCodecs", "AutoencoderKL", "discord.py"}
"""Classes of browsers and libraries."""
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return BLOCK.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The addresses of a page's headings, as Markdown's table of contents makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.M)
    words = (re.sub(r"[^\w\s-]", "", title.replace("`", "")).strip().lower() for title in titles)
    return {re.sub(r"[\s-]+", "-", title) for title in words}


def blocks(page: Path, language: str) -> list[str]:
    return [code for name, code in BLOCK.findall(page.read_text("utf-8")) if name == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for found in LINK.findall(prose(page)):
        link = found[0] or found[1]
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} in {page.name}"
        assert target.is_relative_to(ROOT)
        if page.parent.name == "docs":
            assert target.is_relative_to(ROOT / "docs"), f"{link} is not part of the site"
        assert not anchor or anchor in anchors(target), f"{link} in {page.name}"


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "GLOSSARY.md", "../tests/README.md"])
def test_every_module_and_class_that_is_named_exists(name: str) -> None:
    text = prose(ROOT / "docs" / name)
    sources = [p for top in TREE for p in (ROOT / top).rglob("*") if p.suffix in {".py", ".ts"}]
    sources = [p for p in sources if "node_modules" not in p.parts]
    files = {path.name for path in sources}
    defined = {n for p in sources for n in re.findall(r"^class (\w+)", p.read_text("utf-8"), re.M)}
    missing = {n for n in re.findall(r"([a-z_0-9]+\.(?:py|ts))\b", text) if n not in files}
    ticked = " ".join(re.findall(r"`([^`]+)`", text))
    classes = set(re.findall(r"\b((?:[A-Z][a-z]+){2,})\b", ticked))
    assert not (missing | (classes - defined)) - FOREIGN


def test_every_page_is_in_the_site() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]["nav"]
    listed = set(re.findall(r"[\w-]+\.md", str(nav)))
    assert listed == {page.name for page in (ROOT / "docs").glob("*.md")}


def commands() -> list[str]:
    lines = [
        line.split(" #")[0].strip()
        for page in PAGES
        for block in blocks(page, "sh")
        for line in block.splitlines()
    ]
    return [line for line in lines if line.startswith("riffbot ")]


def test_there_are_commands() -> None:
    assert len(commands()) > 20


@pytest.mark.parametrize("line", commands())
def test_every_command_is_one(line: str) -> None:
    build_parser().parse_args(shlex.split(line)[1:])


@pytest.mark.parametrize("name", ["README.md", "docs/tinkerers.md"])
def test_the_code_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page's blocks one after the other, as one would type them."""
    monkeypatch.chdir(ROOT)
    known: dict[str, object] = {}
    for block in blocks(ROOT / name, "python"):
        exec(compile(block, name, "exec"), known)
    assert {"image_to_audio", "parse"} <= known.keys()


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    build = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    made = {path.name for path in (tmp_path / "out" / "docs").glob("*.html")}
    assert {page.with_suffix(".html").name for page in (ROOT / "docs").glob("*.md")} <= made


def test_the_readme_is_one_screen_a_user() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120
