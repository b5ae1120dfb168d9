"""`riffbot health`: asks the RiffBot that runs on the data folder how it is.

Made for the health checks of containers and supervisors, so it imports little.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from riffbot.commands.options import HealthOptions
from riffbot.errors import RiffBotError
from riffbot.locations import PAGE_FILE

TIMEOUT_S = 10.0

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks this machine and no proxy."""


def health(options: HealthOptions) -> int:
    """Print what is wrong, a line each; 1 if something is.

    Raises:
        RiffBotError: no RiffBot runs on the data folder, or it does not answer.
    """
    from riffbot.settings import load_settings

    folder = load_settings().data_dir
    report = _ask(_address_of(folder), "livez" if options.live else "readyz")
    is_well = report.get("ok") is True
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    elif is_well:
        print("RiffBot is well.")
    else:
        for name, trouble in report.get("checks", {}).items():
            if trouble != "ok":
                print(f"{name}: {trouble}")
    return 0 if is_well else 1


def _address_of(folder: Path) -> str:
    try:
        return str(json.loads((folder / PAGE_FILE).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RiffBotError(f"No RiffBot runs on “{folder}”.") from error


def _ask(address: str, path: str) -> dict[str, Any]:
    try:
        with _DIRECT.open(f"{address}{path}", timeout=TIMEOUT_S) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:  # 503: the answer says what is wrong
        body = error.read()
    except (OSError, ValueError) as error:
        raise RiffBotError(f"RiffBot does not answer at {address}.") from error
    try:
        report = json.loads(body)
    except ValueError:
        report = None
    if not isinstance(report, dict):
        raise RiffBotError(f"Something else than RiffBot answers at {address}.")
    return report
