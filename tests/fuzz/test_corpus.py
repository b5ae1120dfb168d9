"""Every input that fuzzing kept is read as promised, without the fuzzer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from riffbot.locations import ROOT
from tests.fuzz.page import close_page, get_page
from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


@pytest.fixture(scope="module", autouse=True)
def _page_is_closed() -> Iterator[None]:
    yield
    close_page()


@pytest.mark.parametrize("target", TARGETS)
def test_no_kept_input_breaks_a_reader(target: str) -> None:
    inputs = sorted((CORPUS / target).iterdir())
    assert inputs
    for path in inputs:
        TARGETS[target](path.read_bytes())


def test_every_corpus_has_its_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


def test_a_page_that_answers_is_told_from_one_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The targets of the page can fail: an error in the log is found."""
    page = get_page()
    assert page.exchange(b"GET /healthz HTTP/1.1\r\nHost: page\r\n\r\n").startswith(
        b"HTTP/1.1 200 "
    )

    def broken(*_: object) -> None:
        raise RuntimeError("broken for the test")

    monkeypatch.setattr("riffbot.web.routes.health.render_metrics", broken)
    with pytest.raises(AssertionError, match="broken for the test"):
        page.exchange(b"GET /metrics HTTP/1.1\r\nHost: page\r\n\r\n")


def test_make_fuzz_runs_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    named = re.findall(r"^FUZZED := (.*)$", makefile, re.MULTILINE)[0].split()
    assert set(named) == set(TARGETS)
    assert "fuzz" in re.findall(r"^test-all:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[0]
