"""An independent listener, asked through its command line.

A script of the shape of `judge.py score MANIFEST --json -`. Only the heads of
`riffbot.bench.model.HEADS` are ever asked, so that another head can judge in the end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from riffbot.bench import model

Row = dict[str, Any]


class Judge:
    """The judge's script, the interpreter that has its libraries, and where it keeps its work."""

    def __init__(self, script: Path, python: str | None, cache: Path) -> None:
        self._command = [python or sys.executable, str(script)]
        self._cache = ["--cache", str(cache), "--jobs", "1"]

    def ask(self, what: str, *arguments: str) -> Any:
        """The JSON that `judge.py WHAT ARGUMENTS --json -` prints.

        Raises:
            subprocess.CalledProcessError: the judge failed; its words are on stderr.
        """
        heads = ["--models", model.HEADS]
        command = [*self._command, what, *arguments, *heads, *self._cache, "--json", "-"]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(answer.stdout)

    def likings(self, manifest: Path, concept: str) -> dict[str, float]:
        """How strongly each file of a manifest sounds of a concept: mean logit of its heads."""
        rows = self.ask("tags", "--top", "50", *files_of(manifest))
        return {Path(row["file"]).name: _logit(row, concept) for row in rows}


def files_of(manifest: Path) -> list[str]:
    """The files that a manifest names."""
    rows = json.loads(manifest.read_text("utf-8"))
    return [str(manifest.parent / row["file"]) for row in rows]


def _logit(row: Row, concept: str) -> float:
    """The mean over heads of the logit of a concept's own tag."""
    found = [
        # The judge prints three decimals.
        float(np.log(np.clip(p, 5e-4, 1 - 5e-4) / (1 - np.clip(p, 5e-4, 1 - 5e-4))))
        for head in row["heads"].values()
        for tag, p in head
        if tag == concept
    ]
    return float(np.mean(found)) if found else float("nan")
