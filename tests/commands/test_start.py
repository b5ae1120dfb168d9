"""`riffbot` alone."""

from __future__ import annotations

import logging

import pytest

from riffbot.cli import main
from tests.commands.answers import one_line


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> None:
    """`riffbot` alone sets up a log; it ends with its test."""
    monkeypatch.setattr(logging.root, "handlers", list(logging.root.handlers))
    monkeypatch.setattr(logging.root, "level", logging.root.level)


def test_a_taken_port_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["--web-port", str(port)]) == 1
    assert f"Port {port} on 127.0.0.1 is taken" in one_line(capsys)
