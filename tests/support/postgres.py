"""A PostgreSQL server of the tests' own, where PostgreSQL is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PLACES = Path("/usr/lib/postgresql")
"""Where Debian keeps the servers, one folder a version, outside of PATH."""

ACCOUNT = "postgres"


def binaries() -> Path | None:
    """The folder with `initdb` and `pg_ctl`, of the newest version; None where there is none."""
    found = sorted(PLACES.glob("*/bin/initdb"), key=_version)
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


def _version(initdb: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in initdb.parent.parent.name.split(".") if part.isdigit())


def missing() -> str | None:
    """What hinders a server here, in words; None where nothing does."""
    if binaries() is None:
        return "there is no PostgreSQL server"
    if _account() is None:
        return f"PostgreSQL does not run as root, and there is no account {ACCOUNT}"
    return None


def _account() -> dict[str, Any] | None:
    """As whom the server runs: PostgreSQL refuses root. None where there is nobody for it."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    import pwd

    try:
        account = pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@contextmanager
def running() -> Iterator[str]:
    """Start an empty server on a free port of 127.0.0.1; yields its URL. It is gone afterwards."""
    folder_of, account = binaries(), _account()
    assert folder_of is not None
    assert account is not None
    with tempfile.TemporaryDirectory(prefix="riffbot-pg-") as name:
        folder = Path(name)
        if account:
            os.chown(folder, account["user"], account["group"])
        data = folder / "data"

        def run(program: str, *arguments: str | Path) -> None:
            # No pipes: the server would inherit them, and this would wait until it stops.
            subprocess.run(
                [folder_of / program, "-D", data, *arguments],
                cwd=folder,
                check=True,
                stdout=subprocess.DEVNULL,
                timeout=100,
                **account,
            )

        run("initdb", "-U", "riffbot", "-A", "trust", "-E", "UTF8", "-N")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = f"-p {port} -h 127.0.0.1 -k {folder} -F"
        run("pg_ctl", "-l", folder / "log", "-o", options, "-w", "start")
        try:
            yield f"postgresql://riffbot@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
