"""Refuses to build a wheel without the built pages: whoever installs it may have no Node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PagesHook(BuildHookInterface):
    """Checks that `python web/build.py` has run."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raise if the pages are missing; an editable installation builds them itself (`make`)."""
        built = Path(self.root) / "riffbot" / "web" / "built" / "index.html"
        if version != "editable" and not built.is_file():
            raise FileNotFoundError("the pages are not built: run `make web`, then build again")
