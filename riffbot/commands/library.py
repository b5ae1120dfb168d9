"""`riffbot library …`: the bot's library from the command line."""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from riffbot.commands.files import require_new_file, write_file
from riffbot.commands.options import (
    LibraryExportOptions,
    LibraryLineageOptions,
    LibraryListOptions,
    LibraryRiffOptions,
    LibrarySearchOptions,
)
from riffbot.errors import BadRequest

if TYPE_CHECKING:
    from riffbot.library.store import Library
    from riffbot.library.tables import StoredRiff
    from riffbot.settings import Settings


def list_riffs(options: LibraryListOptions) -> int:
    """List the newest riffs."""
    return _print_riffs(options)


def search_riffs(options: LibrarySearchOptions) -> int:
    """List the riffs whose prompts have all the words."""
    return _print_riffs(options, " ".join(options.words))


def _print_riffs(options: LibraryListOptions, words: str = "") -> int:
    if not 1 <= options.limit <= 1000:
        raise BadRequest(f"--limit must be 1 … 1000, not {options.limit}.")

    async def action(library: Library) -> int:
        page = await library.riffs.page(text=words, limit=options.limit)
        for riff in page.riffs:
            print(
                json.dumps(_riff_json(riff), ensure_ascii=False)
                if options.json
                else _format_line(riff)
            )
        if not page.riffs and not options.json:
            print("Nothing was found." if words else "The library is empty.")
        return 0

    return run_with_library(action)


def show(options: LibraryRiffOptions) -> int:
    """Print everything about one riff."""

    async def action(library: Library) -> int:
        riff = await library.riffs.get(options.riff_id)
        result = _riff_json(riff) | {
            "request": riff.request.model_dump(mode="json", exclude_none=True),
            "credits": [
                {"riff": credit.riff_id, "author": credit.author.name}
                for credit in await library.riffs.credits(riff)
            ],
            "likes": (await library.riffs.count_likes([riff.id])).get(riff.id, 0),
            "files": {
                name: str(library.files.path(getattr(riff, name)))
                for name in ("mp3", "png", "picture")
            },
            "description": riff.alt,
        }
        print(json.dumps(result, indent=None if options.json else 2, ensure_ascii=False))
        return 0

    return run_with_library(action)


def lineage(options: LibraryLineageOptions) -> int:
    """Print the family tree of a riff, and draw it where --out names a file."""
    if options.out is not None:
        require_new_file(options.out, overwrite=options.overwrite)

    async def action(library: Library) -> int:
        from riffbot.clips.lineage import draw_family_tree, format_family_tree

        family = await library.riffs.family(options.riff_id)
        if options.json:
            result = [_riff_json(member) for member in family.members]
            print(json.dumps({"family": result, "left_out": family.left_out}, ensure_ascii=False))
        else:
            print(format_family_tree(family))
        if options.out is not None:
            write_file(options.out, draw_family_tree(family, _thumbnails(library, family.members)))
        return 0

    return run_with_library(action)


def export(options: LibraryExportOptions) -> int:
    """Write a riff as MP4, MP3, WAV, FLAC, OGG, PNG, JSON or ZIP."""
    from riffbot.clips.export import FORMATS

    target = options.out
    kind = target.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise BadRequest(f"“{target.name}”: name OUT as .{', .'.join(FORMATS)}.")
    require_new_file(target, overwrite=options.overwrite)

    async def action(library: Library) -> int:
        from riffbot.clips.clip import load_clip
        from riffbot.clips.export import export
        from riffbot.settings import load_settings

        settings = load_settings()
        clip = await load_clip(library, options.riff_id)
        _, data = await asyncio.to_thread(export, clip, kind, settings.loudness_lufs)
        write_file(target, data)
        if options.json:
            print(json.dumps({"file": str(target), "bytes": len(data)}, ensure_ascii=False))
        else:
            print(f"{target}  {len(data) / 1024:.0f} kB")
        return 0

    return run_with_library(action)


def delete(options: LibraryRiffOptions) -> int:
    """Delete a riff; riffs made from it stay."""

    async def action(library: Library) -> int:
        deletion = await library.riffs.delete(options.riff_id)
        await library.audit.add("deleted", actor_id=0, subject=options.riff_id)
        left = len(deletion.children)
        if options.json:
            print(json.dumps({"deleted": options.riff_id, "children_kept": left}))
        else:
            stay = f"; {left} made from it stay" if left else ""
            print(f"{options.riff_id} is deleted{stay}.")
        return 0

    return run_with_library(action)


def run_with_library(action: Callable[[Library], Awaitable[int]]) -> int:
    """Run an action on the library of the settings. Raises BadRequest if there is none."""
    from riffbot.settings import load_settings

    settings = load_settings()
    _require_library(settings)

    async def run() -> int:
        from riffbot.library.store import Library

        library = await Library.open(settings)
        try:
            return await action(library)
        finally:
            await library.close()

    return asyncio.run(run())


def _require_library(settings: Settings) -> None:
    """Raise BadRequest if there is no library: reading must not create an empty one."""
    from riffbot.commands.files import is_folder

    if settings.database_url is None and not is_folder(settings.data_dir):
        raise BadRequest(f"There is no library in “{settings.data_dir}” yet.")


def _riff_json(riff: StoredRiff) -> dict[str, Any]:
    return {
        "id": riff.id,
        "kind": riff.kind,
        "prompt": riff.prompt,
        "author": riff.author.name,
        "created_at": riff.created_at.isoformat(),
        "duration_s": riff.duration_s,
        "parents": [p for p in (riff.parent_id, riff.second_parent_id) if p],
        "remix_allowed": riff.remix_allowed,
    }


def _format_line(riff: StoredRiff) -> str:
    from riffbot.clips.lineage import describe_edit
    from riffbot.rendering import heading

    when = riff.created_at.strftime("%Y-%m-%d %H:%M")
    words = " ".join(heading(riff.request).split())
    return (
        f"{riff.id}  {when}  {riff.duration_s:6.2f} s  {describe_edit(riff):<13} "
        f"{riff.author.name[:16]:<16}  {words[:60]}"
    )


def _thumbnails(library: Library, riffs: tuple[StoredRiff, ...]) -> dict[str, Any]:
    from audio.image import decode_image
    from riffbot.errors import NotFound

    found = {}
    for riff in riffs:
        if riff.gone is None:
            try:
                png = library.files.read(riff.png)
            except NotFound:
                continue
            found[riff.id] = decode_image(png, max_pixels=10**9).pixels[::4, :512:4]
    return found
