"""Every test's needs of the system are looked at before anything is set up for it."""

from __future__ import annotations

import pytest

from audio import codec
from audio.libraries import load_librosa
from tests.support import needs


def pytest_configure(config: pytest.Config) -> None:
    """Say at once that RIFFBOT_TESTS_REQUIRE is mistyped; compile once what the tests share.

    Where several processes test at a time, each would spend the time limit of its first riff and
    its first upload on compiling, half a minute of processor time on a fresh machine.
    """
    needs.required()
    if getattr(config.option, "numprocesses", None):
        load_librosa()
        codec.warm_up()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test that is marked with needs that are not met."""
    names = [name for marker in item.iter_markers("needs") for name in marker.args]
    needs.check(names, needs.required())
