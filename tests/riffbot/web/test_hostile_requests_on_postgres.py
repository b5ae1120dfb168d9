"""Hostile names in paths where the library is in PostgreSQL, which takes no NUL in a text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from riffbot.services import Services
from tests.riffbot.web.open_page import OpenPage, app, page
from tests.riffbot.web.test_hostile_requests import test_a_hostile_name_in_a_path_is_not_found
from tests.support import postgres
from tests.support.hostile_requests import BODIES, QUERIES

__all__ = ["app", "page"]

names_in_paths = test_a_hostile_name_in_a_path_is_not_found
del test_a_hostile_name_in_a_path_is_not_found  # or it would be run from here as well


@pytest.fixture(autouse=True)
def on_postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with postgres.running() as url:
        monkeypatch.setenv("RIFFBOT_DATABASE_URL", url)
        yield


@pytest.mark.needs("postgres", "asyncpg")
async def test_a_hostile_name_in_any_path_is_not_found(
    page: OpenPage, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    assert services.settings.database.startswith("postgresql")
    for route in sorted(r for r in {*BODIES, *QUERIES} if "{" in r):
        await names_in_paths(page, route, caplog)
