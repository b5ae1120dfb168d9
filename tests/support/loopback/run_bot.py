"""Run the real `riffbot` command against a loopback.

    python -m tests.support.loopback.run_bot URL

For tests that need a process of its own, to kill it. Everything but Discord's address comes from
the environment, as it does for an owner.
"""

from __future__ import annotations

import sys

from riffbot.cli import main
from tests.support.loopback.wiring import discord_py_at

if __name__ == "__main__":
    with discord_py_at(sys.argv[1]):
        sys.exit(main(sys.argv[2:]))
