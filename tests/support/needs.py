"""What some tests need of the system, how it is looked for, and what to install where it is not.

`@pytest.mark.needs("browser")` skips a test where its need is missing, with the remedy as the
reason. RIFFBOT_TESTS_REQUIRE (a list with commas, for example `browser,synth,postgres`) turns such
skips into failures: CI installs the packages and must not pass by leaving tests out.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from riffbot.locations import ROOT
from tests.support import browser, postgres
from training import fluid, soundfonts

BUILT = ROOT / "riffbot" / "web" / "built" / "index.html"

BESIDE = Path(sys.executable).parent

REQUIRE = "RIFFBOT_TESTS_REQUIRE"


@dataclass(frozen=True)
class Need:
    """Something of the system that is not installed with RiffBot.

    Attributes:
        missing: says in words what is missing, None where everything is there.
        remedy: what to run on Debian and Ubuntu, as root where it installs.
    """

    missing: Callable[[], str | None]
    remedy: str

    def reason(self) -> str | None:
        """Why a test cannot run here and what to do; None where it can."""
        missing = self.missing()
        return None if missing is None else f"{missing}; {self.remedy}"


def _browser() -> str | None:
    return None if browser.CHROMIUM else "there is no Chromium or Chrome"


def _page() -> str | None:
    pages = (BUILT, BUILT.with_name("riffs.html"))
    return None if all(page.exists() for page in pages) else "the pages are not built"


def _synth() -> str | None:
    try:
        fluid.library()
    except fluid.FluidError:
        return "there is no libfluidsynth"
    return None if soundfonts.find() else "there is no SoundFont"


def _asyncpg() -> str | None:
    return None if importlib.util.find_spec("asyncpg") else "there is no Python package asyncpg"


def node() -> str | None:
    """The program `node`: the machine's, or the one that web/build.py has installed from PyPI."""
    return shutil.which("node") or shutil.which("node", path=str(BESIDE))


def _node() -> str | None:
    return None if node() else "there is no Node.js"


def _prometheus() -> str | None:
    there = shutil.which("prometheus") and shutil.which("promtool")
    return None if there else "there is no Prometheus"


NEEDS: Mapping[str, Need] = {
    "browser": Need(_browser, "apt-get install chromium"),
    "page": Need(_page, "make web"),
    "synth": Need(_synth, "apt-get install libfluidsynth3 fluidr3mono-gm-soundfont"),
    "postgres": Need(postgres.missing, "apt-get install postgresql"),
    "asyncpg": Need(_asyncpg, "pip install asyncpg"),
    "node": Need(_node, "apt-get install nodejs"),
    "prometheus": Need(_prometheus, "apt-get install prometheus"),
}


def required(named: str | None = None) -> frozenset[str]:
    """The needs that must be there.

    Args:
        named: as RIFFBOT_TESTS_REQUIRE is written; None reads it from the environment.

    Raises:
        pytest.UsageError: it names something that is no need.
    """
    text = os.environ.get(REQUIRE, "") if named is None else named
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    if unknown := sorted(names - NEEDS.keys()):
        raise pytest.UsageError(
            f"{REQUIRE} names {', '.join(unknown)}; there are {', '.join(NEEDS)}"
        )
    return names


def check(names: Iterable[str], must: frozenset[str]) -> None:
    """Skip the running test where one of the needs is missing; fail it where it is in `must`."""
    for name in names:
        if reason := NEEDS[name].reason():
            if name in must:
                pytest.fail(f"{REQUIRE} names {name}, but {reason}", pytrace=False)
            pytest.skip(reason)
