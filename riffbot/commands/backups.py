"""`riffbot backup` and `riffbot restore`."""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from riffbot.commands.files import (
    atomic_file,
    is_folder,
    require_file,
    require_new_file,
    write_file,
)
from riffbot.commands.options import BackupOptions, RestoreOptions
from riffbot.commands.progress import StatusLine
from riffbot.errors import BadRequest
from riffbot.locations import settings_file, settings_files

if TYPE_CHECKING:
    from riffbot.library.backup.archive import Backup
    from riffbot.library.backup.restore import RestoreSummary
    from riffbot.library.backup.write import BackupSummary
    from riffbot.settings import Settings

_MIB = 1 << 20


def backup(options: BackupOptions) -> int:
    """Write the whole library to one file, while others use it, and verify it."""
    from riffbot.library.backup.write import write_backup
    from riffbot.settings import load_settings

    target = options.out
    if is_folder(target):
        target = target / f"riffbot-{datetime.now():%Y-%m-%d-%H%M%S}.zip"
    if target.suffix.lower() != ".zip":
        raise BadRequest(f"“{target.name}”: name OUT as .zip, or a folder that is there.")
    require_new_file(target, overwrite=options.overwrite)
    status = StatusLine()
    with atomic_file(target) as half:
        summary = write_backup(
            load_settings(),
            half,
            env_file=next((file for file in settings_files() if file.is_file()), None),
            with_secrets=options.with_secrets,
            on_file=lambda done, of: status.show(f"file {done} of {of}"),
        )
    status.clear()
    if options.json:
        print(json.dumps(_summary_json(target, summary), ensure_ascii=False))
    else:
        print("\n".join(_describe_backup(target, summary)))
    return 0


def _summary_json(target: Path, summary: BackupSummary) -> dict[str, object]:
    return {
        "file": str(target),
        "bytes": target.stat().st_size,
        "riffs": summary.riffs,
        "files": summary.files,
        "missing": list(summary.missing),
    }


def _describe_backup(target: Path, summary: BackupSummary) -> list[str]:
    lines = [
        f"{target}  {target.stat().st_size / _MIB:.1f} MB: {summary.riffs} riffs and "
        f"{summary.files} files, read again and whole."
    ]
    if summary.missing:
        lines.append(
            f"{len(summary.missing)} files were lost or damaged in the library already; "
            "riffbot doctor --deep names them."
        )
    return lines


def restore(options: RestoreOptions) -> int:
    """Restore a backup into the data folder and the database of the settings.

    Raises:
        BadRequest: a library is there already, or the file is no backup.
        StorageError: the backup is damaged, or a RiffBot runs on the data folder.
    """
    from riffbot.library.backup.archive import Backup
    from riffbot.settings import load_settings

    settings = load_settings()
    status = StatusLine()
    with Backup.open(require_file(options.backup)) as opened:
        opened.verify(lambda done, of: status.show(f"checking file {done} of {of}"))
        status.clear()
        if options.check:
            return _print_check(options, opened)
        if options.with_secrets:
            _require_settings(opened, overwrite=options.overwrite)
        summary = asyncio.run(_restore(settings, opened, options.overwrite, status))
        if options.with_secrets:
            _write_settings(opened)
    status.clear()
    if options.json:
        print(json.dumps(_restored_json(settings, summary), ensure_ascii=False))
    else:
        print("\n".join(_describe_restore(settings, summary)))
    return 0


async def _restore(
    settings: Settings, backup: Backup, overwrite: bool, status: StatusLine
) -> RestoreSummary:
    from riffbot.library.backup.restore import restore_backup
    from riffbot.library.instance_lock import hold_instance_lock

    async with hold_instance_lock(settings):
        return await asyncio.to_thread(
            restore_backup,
            settings,
            backup,
            overwrite=overwrite,
            on_file=lambda done, of: status.show(f"restoring file {done} of {of}"),
        )


def _print_check(options: RestoreOptions, backup: Backup) -> int:
    manifest = backup.manifest
    riffs = manifest.tables["riffs"].rows if "riffs" in manifest.tables else 0
    if options.json:
        print(
            json.dumps(
                {
                    "whole": True,
                    "created_at": manifest.created_at.isoformat(),
                    "riffbot": manifest.riffbot,
                    "riffs": riffs,
                    "files": manifest.files,
                    "missing": list(manifest.missing),
                    "has_secrets": manifest.has_secrets,
                }
            )
        )
    else:
        when = manifest.created_at.astimezone()
        print(
            f"The backup is whole: {riffs} riffs and {manifest.files} files, of "
            f"{when:%Y-%m-%d %H:%M}, by RiffBot {manifest.riffbot}."
        )
    return 0


def _restored_json(settings: Settings, summary: RestoreSummary) -> dict[str, object]:
    return {
        "data_dir": str(settings.data_dir),
        "rows": summary.rows,
        "files": summary.files,
        "missing": list(summary.missing),
        "replaced": None if summary.replaced is None else str(summary.replaced),
    }


def _describe_restore(settings: Settings, summary: RestoreSummary) -> list[str]:
    lines = [
        f"{summary.rows.get('riffs', 0)} riffs and {summary.files} files are restored in "
        f"{settings.data_dir}. riffbot doctor --deep looks at all of it."
    ]
    if summary.missing:
        lines.append(f"{len(summary.missing)} files were not in the backup either.")
    if summary.replaced is not None:
        lines.append(
            f"What was there before is kept in {summary.replaced}, and its files with it: delete "
            "that file when you need it no more."
        )
    return lines


def _require_settings(backup: Backup, *, overwrite: bool) -> None:
    if not backup.manifest.has_secrets or backup.read_settings() is None:
        raise BadRequest("There are no settings in this backup: leave --with-secrets out.")
    require_new_file(Path(settings_file()), overwrite=overwrite)


def _write_settings(backup: Backup) -> None:
    from riffbot.library.file_modes import FILE_MODE

    content = backup.read_settings()
    assert content is not None
    write_file(Path(settings_file()), content, mode=FILE_MODE)
