"""`riffbot doctor`: runs the checks of `riffbot.commands.checks`, each with a remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from riffbot.commands.checks.codecs import check_dave, check_mp3, check_opus
from riffbot.commands.checks.generation import (
    check_device,
    check_model,
    check_seed_images,
    time_riff,
    try_riff,
)
from riffbot.commands.checks.result import BAD, GOOD, NOTE, Check, CheckResult
from riffbot.commands.checks.storage import (
    check_cache,
    check_data_folder,
    check_database,
    check_disk,
)
from riffbot.commands.checks.system import check_memory, check_ports, check_python, check_token
from riffbot.errors import RiffBotError, describe_for_owner
from riffbot.settings import Settings

MARKS = {GOOD: "✓", NOTE: "•", BAD: "✗"}

CHECKS: list[tuple[str, Check]] = [
    ("Python", check_python),
    ("token", check_token),
    ("model", check_model),
    ("device", check_device),
    ("memory", check_memory),
    ("MP3", check_mp3),
    ("Opus", check_opus),
    ("DAVE", check_dave),
    ("data folder", check_data_folder),
    ("cache", check_cache),
    ("disk", check_disk),
    ("database", check_database),
    ("seed images", check_seed_images),
    ("ports", check_ports),
]
NEEDED = {"Python", "model", "device", "MP3", "data folder", "database", "seed images"}
"""Checks without which no riff can be made, so that the trial is skipped."""


def run_checks(settings: Settings, *, speed: bool = False) -> Iterator[CheckResult]:
    """Run every check, then make a small riff; with `speed`, also time one clip."""
    bad: list[str] = []
    for name, check in CHECKS:
        result = _run_check(name, check, settings)
        if result.state == BAD and name in NEEDED:
            bad.append(name)
        yield result
    if bad:
        yield CheckResult("a riff", NOTE, "not tried", f"mend {' and '.join(bad)} first")
    else:
        yield _run_check("a riff", try_riff, settings)
    if speed:
        yield _run_check("speed", time_riff, settings)


def is_healthy(results: list[CheckResult]) -> bool:
    """Whether no check failed."""
    return all(result.state != BAD for result in results)


def results_as_json(results: list[CheckResult]) -> str:
    """Format the results as one JSON object: `{"healthy": …, "findings": […]}`."""
    report = {"healthy": is_healthy(results), "findings": [asdict(result) for result in results]}
    return json.dumps(report, ensure_ascii=False)


def format_result(result: CheckResult) -> str:
    """Format a result for people, with the remedy on a second line."""
    line = f"{MARKS[result.state]} {result.name:<12} {result.found}"
    return f"{line}\n  {'':<12} → {result.remedy}" if result.remedy else line


def format_summary(results: list[CheckResult]) -> str:
    """Format the last line of the report."""
    bad = [result.name for result in results if result.state == BAD]
    return f"To be mended: {', '.join(bad)}." if bad else "All is well."


def _run_check(name: str, check: Check, settings: Settings) -> CheckResult:
    try:
        return check(settings)
    except RiffBotError as error:
        return CheckResult(name, BAD, describe_for_owner(error), "see above")
    except Exception as error:
        what = " ".join(str(error).split())[:160]
        return CheckResult(
            name,
            BAD,
            f"could not be looked at ({type(error).__name__}: {what})",
            "reinstall: make setup",
        )
