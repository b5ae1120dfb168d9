"""Every test's needs of the system are looked at before anything is set up for it."""

from __future__ import annotations

import pytest

from tests import needs


def pytest_configure(config: pytest.Config) -> None:
    """Say at once that RIFFBOT_TESTS_REQUIRE is mistyped."""
    del config
    needs.required()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test that is marked with needs that are not met."""
    names = [name for marker in item.iter_markers("needs") for name in marker.args]
    needs.check(names, needs.required())
