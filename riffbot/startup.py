"""What the terminal shows at a start: a banner, RiffBot's log, and the libraries' warnings."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from riffbot.settings import Settings

OWN_LOGGERS = ("riffbot", "cogs", "audio")
"""The packages whose loggers are RiffBot's own."""


def startup_banner(settings: Settings) -> str:
    """Return what is being started, from what, and how to stop it: lines without addresses."""
    model = Path(settings.model).name or settings.model
    online = settings.discord_token is not None
    where = (
        "on Discord, with the token in DISCORD_TOKEN"
        if online
        else "in a Discord of its own on this computer, since DISCORD_TOKEN is not set"
    )
    return (
        f"RiffBot starts {where}.\n"
        f"It opens the library in {settings.data_dir.absolute()} and loads the model {model}, "
        "which takes some seconds. Ctrl-C stops it.\n"
    )


def set_log_levels(level: str) -> None:
    """Set RiffBot's own loggers to `level`, and the libraries' to WARNING.

    Args:
        level: DEBUG, INFO, WARNING or ERROR; DEBUG is for the libraries, too.
    """
    wanted = logging.getLevelNamesMapping()[level]
    everything = wanted <= logging.DEBUG
    logging.root.setLevel(wanted if everything else max(wanted, logging.WARNING))
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(wanted)


@contextmanager
def warnings_hidden(name: str) -> Iterator[None]:
    """Hide the warnings of one logger during a block."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
