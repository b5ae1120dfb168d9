"""`riffbot privacy …`: what `/privacy` does, for whoever keeps the library."""
# ruff: noqa: PLC0415

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from riffbot.commands.files import new_file, write
from riffbot.commands.library import with_library
from riffbot.commands.options import Options
from riffbot.errors import BadRequest

if TYPE_CHECKING:
    from riffbot.library.store import Library

_LARGEST = 4 * 1024**3 - 1
"""Bytes: what every program that opens ZIPs can read."""


def export(options: Options) -> int:
    """Write everything about a member as a ZIP."""
    target: Path = options.out
    if target.suffix.lower() != ".zip":
        raise BadRequest(f"“{target.name}”: name OUT as .zip.")
    new_file(target, overwrite=options.overwrite)

    async def look(library: Library) -> int:
        archive = await library.privacy.export_member(options.member, limit=_LARGEST)
        write(target, archive)
        if options.json:
            told = {"member": options.member, "file": str(target), "bytes": len(archive)}
            print(json.dumps(told, ensure_ascii=False))
        else:
            print(f"{target}  {len(archive) / 1024:.0f} kB")
        return 0

    return with_library(look)


def delete(options: Options) -> int:
    """Forget everything about a member; what others made from their riffs stays.

    Raises:
        BadRequest: it was not confirmed, or a RiffBot is running on the library, which would go on
            with what it remembers of the member, in clips on their way and in jams.
    """
    from riffbot.jam.snapshot import scrub_jam
    from riffbot.library.instance_lock import is_owned
    from riffbot.settings import load_settings

    if not options.yes:
        raise BadRequest(
            "This deletes every riff, upload and favourite of that member for good; export them "
            "first (riffbot privacy export), then say --yes."
        )

    settings = load_settings()
    if is_owned(settings):
        raise BadRequest(
            f"RiffBot is running on “{settings.data_dir}” and would not forget what it knows by "
            "heart: stop it first, or let the member say /privacy delete."
        )

    async def look(library: Library) -> int:
        farewell = await library.privacy.erase_member(options.member, scrub_jam)
        open_again = await library.privacy.remixes_allowed(options.member)
        if options.json:
            told = {
                "member": options.member,
                "riffs": farewell.riffs,
                "children_kept": len(farewell.children),
                "messages_left": [list(message) for message in farewell.messages],
                "remixes_forbidden": not open_again,
            }
            print(json.dumps(told))
            return 0
        print(f"{farewell.riffs} riffs are deleted; {len(farewell.children)} made from them stay.")
        if farewell.messages:
            print(
                f"{len(farewell.messages)} messages on Discord still show them: remove them there."
            )
        if not open_again:
            print("Kept: that nobody may remix what this member makes.")
        return 0

    return with_library(look)
