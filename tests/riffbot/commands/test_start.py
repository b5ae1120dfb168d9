"""`riffbot` alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from riffbot import startup
from riffbot.cli import main
from riffbot.settings import Settings
from tests.riffbot.commands.answers import one_line


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`riffbot` alone sets up a log; it ends with its test."""
    monkeypatch.setattr(logging.root, "handlers", list(logging.root.handlers))
    loggers = [logging.root, *map(logging.getLogger, startup.OWN_LOGGERS)]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def test_a_taken_port_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["--web-port", str(port)]) == 1
    assert f"Port {port} on 127.0.0.1 is taken" in one_line(capsys)


@pytest.mark.parametrize(
    ("level", "ours", "libraries"),
    [
        ("DEBUG", logging.DEBUG, logging.DEBUG),
        ("INFO", logging.INFO, logging.WARNING),
        ("WARNING", logging.WARNING, logging.WARNING),
        ("ERROR", logging.ERROR, logging.ERROR),
    ],
)
def test_libraries_are_heard_from_warnings_on(level: str, ours: int, libraries: int) -> None:
    startup.set_log_levels(level)
    for name in ("riffbot.bot", "cogs.riff.cog", "audio.codec"):
        assert logging.getLogger(name).getEffectiveLevel() == ours
    for name in ("alembic.runtime.migration", "discord.client", "aiohttp.server"):
        assert logging.getLogger(name).getEffectiveLevel() == libraries


def test_a_quiet_logger_is_heard_again_afterwards(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("discord.state")
    with startup.warnings_hidden("discord.state"):
        logger.warning("not this")
    logger.warning("but this")
    assert caplog.messages == ["but this"]


@pytest.mark.parametrize("token", [None, "a.b.c"])
def test_a_banner_holds_no_secret_and_no_address(token: str | None, tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, discord_token=token)
    banner = startup.startup_banner(settings)
    assert str(tmp_path) in banner
    assert f"the model {Path(settings.model).name}" in banner
    assert "a.b.c" not in banner
    assert ": " not in banner, "scripts read the addresses as `name: address`"
    assert ("of its own" in banner) is (token is None)
