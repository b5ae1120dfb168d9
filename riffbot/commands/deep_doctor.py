"""`riffbot doctor --deep`: inspects the library, and mends it with `--repair`."""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from riffbot.commands.checks.result import BAD, GOOD, NOTE, CheckResult
from riffbot.commands.progress import StatusLine
from riffbot.errors import BadRequest
from riffbot.library.inspection.problems import Inspection, Kind, Problem

if TYPE_CHECKING:
    from riffbot.clips.mending import Remaker
    from riffbot.settings import Settings

_REPAIR = "stop RiffBot, then riffbot doctor --deep --repair"
_BACKUP = "riffbot restore a backup"

_LINES: dict[Kind, tuple[str, str, str]] = {
    Kind.DATABASE: (BAD, "the database is damaged: {}", _BACKUP),
    Kind.REQUEST: (BAD, "{n} requests cannot be read: {}", f"{_BACKUP}, or delete them"),
    Kind.REFERENCE: (BAD, "{n} references lead nowhere: {}", _REPAIR),
    Kind.COLUMN: (BAD, "{n} columns contradict their request: {}", _REPAIR),
    Kind.WORDS: (BAD, "{n} riffs are found by wrong words: {}", _REPAIR),
    Kind.JOB: (BAD, "{n} jobs are unfinished whose riffs are there: {}", _REPAIR),
    Kind.JAM: (BAD, "{n} jams cannot be read: {}", _REPAIR),
    Kind.LOST_FILE: (BAD, "{n} files of riffs are lost: {}", f"{_REPAIR}, or {_BACKUP}"),
    Kind.LOST_SOURCE: (BAD, "{n} sources of riffs are lost: {}", f"{_REPAIR}, or {_BACKUP}"),
    Kind.ORPHAN: (NOTE, "{n} files belong to no riff: {}", f"{_REPAIR} puts them aside"),
    Kind.HALF_WRITTEN: (NOTE, "{n} half-written files: {}", f"{_REPAIR} removes them"),
    Kind.STRANGE: (NOTE, "{n} things are not RiffBot's: {}", "move them elsewhere"),
}

_SHOWN = 3
"""How many of a kind are named; `--json` names all."""


def inspect(settings: Settings) -> Inspection:
    """Check every row and every file of the settings' library.

    Raises:
        BadRequest: there is no library, or its tables are not up to date.
        StorageError: it cannot be read.
    """
    from riffbot.library.instance_lock import is_instance_lock_held

    _require_library(settings)
    return _inspect(settings, is_running=is_instance_lock_held(settings))


def _require_library(settings: Settings) -> None:
    from riffbot.library.connection import database_url, file_of
    from riffbot.library.migrate import revisions

    path = file_of(database_url(settings.database))
    if path is not None and not path.exists():
        raise BadRequest(f"There is no library in “{settings.data_dir}” yet.")
    has, newest = revisions(settings.database)
    if has != newest:
        raise BadRequest(
            f"The library has the tables of another version ({has}): start RiffBot once, or say "
            "riffbot db upgrade; riffbot backup works before, too."
        )


def _inspect(settings: Settings, *, is_running: bool) -> Inspection:
    from riffbot.jam.snapshot import JamSnapshot
    from riffbot.library.inspection.inspect import inspect_library

    status = StatusLine()
    found = inspect_library(
        settings,
        JamSnapshot.from_json,
        is_running=is_running,
        on_file=lambda done: status.show(f"file {done}"),
    )
    status.clear()
    return found


def repair(settings: Settings) -> tuple[Inspection, list[Problem], dict[str, str]]:
    """Check the library and mend what can be mended, while no RiffBot can start on it.

    Returns:
        What was found, the problems that are mended, and why others are not, by their subjects.

    Raises:
        BadRequest: there is no library, or its tables are not up to date.
        StorageError: a RiffBot runs on the library, or it cannot be read or written.
    """
    _require_library(settings)
    return asyncio.run(_repair(settings))


async def _repair(settings: Settings) -> tuple[Inspection, list[Problem], dict[str, str]]:
    from riffbot.library.connection import database_url
    from riffbot.library.database import Database
    from riffbot.library.files import Files
    from riffbot.library.inspection.mend import mend
    from riffbot.library.instance_lock import hold_instance_lock

    async with hold_instance_lock(settings):
        # Found under the lock: a file may have got its row from a RiffBot that ran until now.
        found = await asyncio.to_thread(_inspect, settings, is_running=False)
        database = Database(database_url(settings.database), Files(settings.files_dir))
        try:
            mended = await mend(database, settings.files_dir, found)
        finally:
            await database.close()
    lost = list(found.of(Kind.LOST_FILE, Kind.LOST_SOURCE))
    if not lost:
        return found, mended, {}
    remade, why = await _remake(settings, lost)
    return found, mended + remade, why


async def _remake(settings: Settings, lost: list[Problem]) -> tuple[list[Problem], dict[str, str]]:
    """Make lost files again; needs the model where a picture is lost."""
    from riffbot.clips.mending import Remaker
    from riffbot.services import open_services

    mended: list[Problem] = []
    why: dict[str, str] = {}
    status = StatusLine()
    async with open_services(settings) as services:
        remaker = Remaker(
            services.library,
            services.clip_service.replayer,
            services.images,
            settings.loudness_lufs,
        )
        # A remix is made again once what it starts from is there.
        while lost:
            status.show(f"{len(lost)} files to make again")
            done = await _remake_once(remaker, lost, why)
            if not done:
                break
            mended += done
            lost = [problem for problem in lost if problem not in set(done)]
    status.clear()
    return mended, why


async def _remake_once(remaker: Remaker, lost: list[Problem], why: dict[str, str]) -> list[Problem]:
    """Try to make each lost file again; returns those that are there, and adds to `why`."""
    done: list[Problem] = []
    columns: defaultdict[str, list[Problem]] = defaultdict(list)
    for problem in lost:
        if problem.kind is Kind.LOST_FILE:
            columns[problem.subject].append(problem)
        elif reason := await remaker.restore_sources(problem.needed_by):
            why[problem.subject] = reason
        else:
            done.append(problem)
    for riff_id, problems in columns.items():
        remade = await remaker.remake(riff_id, {problem.column for problem in problems})
        done += [problem for problem in problems if problem.column in remade.columns]
        if remade.why_not:
            why[riff_id] = remade.why_not
    return done


def summarise(
    found: Inspection, mended: Iterable[Problem], why: dict[str, str]
) -> Iterator[CheckResult]:
    """Yield one line for what is well, and one for each kind of problem."""
    done = list(mended)
    left = [problem for problem in found.problems if problem not in set(done)]
    kinds = {problem.kind for problem in left}
    if not kinds & {kind for kind, (state, *_) in _LINES.items() if state == BAD}:
        yield CheckResult(
            "library", GOOD, f"{found.riffs} riffs and {found.files} files are as they should be"
        )
    if done:
        yield CheckResult("mended", GOOD, f"{len(done)} problems: {_name(done)}")
    for kind, (state, words, remedy) in _LINES.items():
        problems = [problem for problem in left if problem.kind is kind]
        if problems:
            reasons = "; ".join(sorted({why[p.subject] for p in problems if p.subject in why}))
            yield CheckResult(
                kind.value,
                state,
                words.format(_name(problems), n=len(problems)),
                f"{remedy} ({reasons})" if reasons else remedy,
            )


def _name(problems: list[Problem]) -> str:
    """Name the first few problems."""
    names = [
        " ".join(filter(None, (problem.subject, problem.column, problem.details)))
        for problem in problems[:_SHOWN]
    ]
    more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return f"{', '.join(names)}{more}"
