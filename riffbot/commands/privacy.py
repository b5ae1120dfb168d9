"""`riffbot privacy …`: what `/privacy` does, for the owner."""
# ruff: noqa: PLC0415

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from riffbot.commands.files import require_new_file, write_file
from riffbot.commands.library import run_with_library
from riffbot.commands.options import PrivacyDeleteOptions, PrivacyExportOptions
from riffbot.errors import BadRequest

if TYPE_CHECKING:
    from riffbot.library.deletion import DeletionResult
    from riffbot.library.store import Library

_MAX_BYTES = 4 * 1024**3 - 1
"""The limit of ZIP archives without the 64-bit extension, which some programs cannot read."""


def export(options: PrivacyExportOptions) -> int:
    """Write everything about a member as a ZIP."""
    target = options.out
    if target.suffix.lower() != ".zip":
        raise BadRequest(f"“{target.name}”: name OUT as .zip.")
    require_new_file(target, overwrite=options.overwrite)

    async def action(library: Library) -> int:
        archive = await library.privacy.export_member(options.member_id, limit=_MAX_BYTES)
        write_file(target, archive)
        if options.json:
            result = {"member": options.member_id, "file": str(target), "bytes": len(archive)}
            print(json.dumps(result, ensure_ascii=False))
        else:
            print(f"{target}  {len(archive) / 1024:.0f} kB")
        return 0

    return run_with_library(action)


def delete(options: PrivacyDeleteOptions) -> int:
    """Delete everything about a member; what others made from their riffs stays.

    Raises:
        BadRequest: it was not confirmed, or a RiffBot is running on the library: clips in progress
            and jams would still hold data of the member.
    """
    from riffbot.jam.snapshot import scrub_jam
    from riffbot.library.instance_lock import is_instance_lock_held
    from riffbot.settings import load_settings

    if not options.yes:
        raise BadRequest(
            "This deletes every riff, upload and favourite of that member for good; export them "
            "first (riffbot privacy export), then say --yes."
        )

    settings = load_settings()
    if is_instance_lock_held(settings):
        raise BadRequest(
            f"RiffBot is running on “{settings.data_dir}” and would not forget what it knows by "
            "heart: stop it first, or let the member say /privacy delete."
        )

    async def action(library: Library) -> int:
        deletion = await library.privacy.erase_member(options.member_id, scrub_jam)
        is_open = await library.privacy.is_remix_allowed(options.member_id)
        if options.json:
            print(json.dumps(_deletion_json(options.member_id, deletion, is_open)))
        else:
            print("\n".join(_describe_deletion(deletion, is_open)))
        return 0

    return run_with_library(action)


def _deletion_json(member_id: int, deletion: DeletionResult, is_open: bool) -> dict[str, object]:
    return {
        "member": member_id,
        "riffs": deletion.riffs,
        "children_kept": len(deletion.children),
        "messages_left": [list(message) for message in deletion.messages],
        "remixes_forbidden": not is_open,
    }


def _describe_deletion(deletion: DeletionResult, is_open: bool) -> list[str]:
    """Say what was deleted and what stays, a sentence a line."""
    lines = [f"{deletion.riffs} riffs are deleted; {len(deletion.children)} made from them stay."]
    if deletion.messages:
        lines.append(
            f"{len(deletion.messages)} messages on Discord still show them: remove them there."
        )
    if not is_open:
        lines.append("Kept: that nobody may remix what this member makes.")
    return lines
