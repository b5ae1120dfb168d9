"""What tests of every package share: tiny models, and the check of what a test needs.

See tests/README.md for what lies where.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

# Before torch is imported: pictures are the same to the byte only with the same number of threads,
# and several processes test at a time on few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from audio import codec
from audio.libraries import load_librosa
from riffbot.interrupts import ENGINE_THREAD, WARM_UP_THREAD
from tests.support import needs
from tests.support.tiny_models import tiny_embedded_model


def pytest_configure(config: pytest.Config) -> None:
    """Say at once that RIFFBOT_TESTS_REQUIRE is mistyped; compile once what the tests share.

    Where several processes test at a time, each would spend the time limit of its first riff and
    its first upload on compiling, half a minute of processor time on a fresh machine.
    """
    needs.required()
    if getattr(config.option, "numprocesses", None):
        load_librosa()
        codec.warm_up()


def pytest_unconfigure() -> None:
    """Wait for threads of native code: Python would abort if it finalised beside them."""
    for thread in threading.enumerate():
        if thread.name in {ENGINE_THREAD, WARM_UP_THREAD}:
            thread.join(30)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model with random weights that makes a clip in three steps."""
    return tiny_embedded_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def two_step_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in two steps, where the number is of no concern."""
    return tiny_embedded_model(tmp_path_factory.mktemp("model") / "tiny", steps=2)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test that is marked with needs that are not met."""
    names = [name for marker in item.iter_markers("needs") for name in marker.args]
    needs.check(names, needs.required())
