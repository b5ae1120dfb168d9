"""`riffbot admin …`: what the owner decides while RiffBot runs, and the audit log.

The commands write to the library; the RiffBot that runs reads it at the next request.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from riffbot.commands.flags import CommonOptions
from riffbot.commands.library import run_with_library
from riffbot.commands.options import (
    AdminAnnounceOptions,
    AdminBlockOptions,
    AdminBlockReasonOptions,
    AdminDrainOptions,
    AdminLogOptions,
)
from riffbot.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from riffbot.library.store import Library

MAX_SENTENCE = 1000


def block(options: AdminBlockReasonOptions) -> int:
    """Block a member or a server."""

    async def action(library: Library) -> int:
        await library.operator.block(options.kind, options.target_id, options.reason)
        return _print(options, f"{options.kind} {options.target_id} is blocked.", blocked=True)

    return run_with_library(action)


def unblock(options: AdminBlockOptions) -> int:
    """Remove a block. Raises NotFound where there is none."""

    async def action(library: Library) -> int:
        if not await library.operator.unblock(options.kind, options.target_id):
            raise NotFound(f"The {options.kind} {options.target_id} is not blocked.")
        return _print(
            options, f"{options.kind} {options.target_id} is served again.", blocked=False
        )

    return run_with_library(action)


def status(options: CommonOptions) -> int:
    """Show blocks, draining, the announcement, and how many riffs are under way."""

    async def action(library: Library) -> int:
        now = await library.operator.get_status()
        blocks = await library.operator.get_blocks()
        unfinished = len(await library.jobs.unfinished())
        if options.json:
            shown = [
                {"kind": one.kind, "id": one.target_id, "reason": one.reason} for one in blocks
            ]
            result = {
                "draining": now.is_draining,
                "announcement": now.announcement,
                "unfinished": unfinished,
                "blocks": shown,
            }
            print(json.dumps(result, ensure_ascii=False))
            return 0
        print(f"new riffs and jams: {'refused (draining)' if now.is_draining else 'taken'}")
        print(f"riffs under way: {unfinished}")
        print(f"announcement: {now.announcement or 'none'}")
        for one in blocks:
            print(f"blocked: {one.kind} {one.target_id}  {one.reason}".rstrip())
        return 0

    return run_with_library(action)


def drain(options: AdminDrainOptions) -> int:
    """Take nothing new, or take it again; what is under way is finished."""

    async def action(library: Library) -> int:
        is_draining = options.state == "on"
        await library.operator.set_draining(is_draining)
        unfinished = len(await library.jobs.unfinished())
        sentence = "New riffs and jams are taken again."
        if is_draining:
            sentence = f"Nothing new is taken; riffs under way: {unfinished}."
        return _print(options, sentence, draining=is_draining, unfinished=unfinished)

    return run_with_library(action)


def announce(options: AdminAnnounceOptions) -> int:
    """Announce something where jams play and riffs are made.

    Raises:
        BadRequest: the sentence is too long.
    """
    sentence = " ".join(options.sentence.split())
    if len(sentence) > MAX_SENTENCE:
        raise BadRequest(f"An announcement has at most {MAX_SENTENCE} characters.")

    async def action(library: Library) -> int:
        await library.operator.announce(sentence)
        done = "Announced." if sentence else "The announcement is withdrawn."
        return _print(options, done, announcement=sentence)

    return run_with_library(action)


def log(options: AdminLogOptions) -> int:
    """Print the audit log, newest first."""

    async def action(library: Library) -> int:
        entries = await library.audit.recent(
            guild_id=options.server_id, actor_id=options.member_id, limit=options.limit
        )
        for one in entries:
            row = {
                "time": one.created_at.isoformat(timespec="seconds"),
                "server": one.guild_id,
                "actor": one.actor_id,
                "action": one.action,
                "subject": one.subject,
                "detail": one.detail,
            }
            print(json.dumps(row, ensure_ascii=False) if options.json else _describe(row))
        return 0

    return run_with_library(action)


def _describe(row: dict[str, Any]) -> str:
    who = {None: "a former member", 0: "this machine"}.get(row["actor"], f"member {row['actor']}")
    where = f"server {row['server']}" if row["server"] is not None else ""
    parts = (row["time"], who, row["action"], row["subject"], row["detail"], where)
    return "  ".join(filter(None, parts))


def _print(options: CommonOptions, sentence: str, **result: object) -> int:
    print(json.dumps(result, ensure_ascii=False) if options.json else sentence)
    return 0
