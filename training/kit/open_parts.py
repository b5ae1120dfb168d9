"""Open the parts of a kit, whichever of them are there: `python3 open_parts.py INTO PART...`.

It runs first on a machine that has nothing of the project yet, so it needs Python's own library
only. Every file is compared with its checksum before it is put into place; archives
(`….tar.xz`) become folders of their name. What is there already, of the same checksum, is left.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
import time
from pathlib import Path, PurePosixPath

MANIFEST = "MANIFEST.json"
ARCHIVE = ".tar.xz"


class Damaged(Exception):
    """A part is not what was packed."""


def _target(into: Path, name: str) -> Path:
    path = (into / name).resolve()
    if into.resolve() not in path.parents:
        raise Damaged(f"{name} does not belong into the kit")
    return path


def open_part(part: Path, into: Path) -> int:
    """Put a part's files into place; how many bytes they are.

    Raises:
        Damaged: the part is cut short, or a file's checksum differs.
    """
    total = 0
    try:
        with tarfile.open(part) as tar:
            first = tar.extractfile(MANIFEST)
            assert first is not None
            rows = json.load(first)
            for name, row in rows.items():
                member = tar.extractfile(name)
                assert member is not None
                content = member.read()
                if hashlib.sha256(content).hexdigest() != row["sha256"]:
                    raise Damaged(f"{part.name}: the checksum of {name} differs")
                _place(_target(into, name), content, row["sha256"])
                total += len(content)
    except (tarfile.TarError, KeyError, AssertionError, EOFError, ValueError, OSError) as error:
        raise Damaged(f"{part.name} cannot be read: {error}") from error
    return total


def _place(target: Path, content: bytes, checksum: str) -> None:
    mark = target.with_name(f".{target.name}.sha256")
    if mark.is_file() and mark.read_text("ascii") == checksum:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.name.endswith(ARCHIVE):
        folder = target.with_name(target.name[: -len(ARCHIVE)])
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:xz") as inner:
            _extract(inner, folder)
    else:
        draft = target.with_name(f".{target.name}.draft")
        draft.write_bytes(content)
        draft.replace(target)
    mark.write_text(checksum, "ascii")


def _extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Write an archive's files below a folder. Python 3.11.2, Debian 12's, has no filters yet.

    Raises:
        tarfile.TarError: an entry is neither a file nor a folder, or lies elsewhere.
    """
    for entry in archive:
        name = PurePosixPath(entry.name)
        if name.is_absolute() or ".." in name.parts or not (entry.isfile() or entry.isdir()):
            raise tarfile.TarError(f"{entry.name} is no file below the folder")
        target = folder / name
        if entry.isdir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        source = archive.extractfile(entry)
        assert source is not None
        target.write_bytes(source.read())
        target.chmod(entry.mode & 0o755)


def main(argv: list[str]) -> int:
    """The command."""
    into, began = Path(argv[0]), time.monotonic()
    into.mkdir(parents=True, exist_ok=True)
    opened, failed, total = list[str](), list[str](), 0
    for part in map(Path, argv[1:]):
        try:
            total += open_part(part, into)
            opened.append(part.name)
        except Damaged as error:
            failed.append(str(error))
    seconds = round(time.monotonic() - began, 1)
    row = {"stage": "unpack", "seconds": seconds, "bytes": total, "parts": opened}
    print(json.dumps({**row, **({"failed": failed} if failed else {})}), flush=True)
    return 0 if opened and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
