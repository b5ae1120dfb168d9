"""What a start shows before the addresses: what is happening, and no more of the libraries' logs
than concerns whoever started it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from riffbot.settings import Settings

OURS = ("riffbot", "cogs", "audio")
"""The packages whose log is RiffBot's own."""


def banner(settings: Settings) -> str:
    """What is being started, from what, and how to stop it: a few lines without an address."""
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


def set_levels(level: str) -> None:
    """Log RiffBot's own words from `level` on, and the libraries' from WARNING on.

    Args:
        level: DEBUG, INFO, WARNING or ERROR; with DEBUG the libraries tell everything, too.
    """
    wanted = logging.getLevelNamesMapping()[level]
    everything = wanted <= logging.DEBUG
    logging.root.setLevel(wanted if everything else max(wanted, logging.WARNING))
    for name in OURS:
        logging.getLogger(name).setLevel(wanted)


@contextmanager
def quiet(name: str) -> Iterator[None]:
    """Keep back the warnings of one logger for the length of a block."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
