"""How large the default install is: what `pip install riffbot` brings, without any extra."""

from __future__ import annotations

from collections import deque
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LARGEST = 8
"""Distributions named one by one."""


def needed(root: str) -> dict[str, metadata.Distribution]:
    """A distribution and all that it needs here, extras asked for by others included."""
    found: dict[str, metadata.Distribution] = {}
    seen, todo = set[tuple[str, str]](), deque([(root, "")])
    while todo:
        name, extra = todo.popleft()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        found[name] = metadata.distribution(name)
        for text in found[name].requires or []:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                other = canonicalize_name(wanted.name)
                todo.extend((other, more) for more in ("", *wanted.extras))
    return found


def size(distribution: metadata.Distribution) -> int:
    """Bytes of a distribution's own files."""
    paths = [Path(str(file.locate())) for file in distribution.files or []]
    return sum(path.stat().st_size for path in paths if path.is_file())


def install(root: str = "riffbot") -> dict[str, Any]:
    """Megabytes in all, number of distributions, and the largest; `root` itself is not counted,
    for in a checkout its files are not in the environment.
    """
    sizes = {name: size(held) / 1e6 for name, held in needed(root).items() if name != root}
    order = sorted(sizes, key=lambda name: -sizes[name])
    return {
        "megabytes": round(sum(sizes.values())),
        "distributions": len(sizes),
        "largest": {name: round(sizes[name]) for name in order[:LARGEST]},
    }
