"""Installations that cannot be written to: a riff is made all the same, and is the same riff."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from riffbot import caches
from riffbot.locations import ROOT

PACKAGES = ("audio", "riffbot")
NOWHERE = "/dev/null/home"
"""A home that nobody can make, root included."""


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RiffBot's packages, beside which no compiled code can be kept, whoever tries."""
    root = tmp_path_factory.mktemp("sealed")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for folder in [root / name, *filter(Path.is_dir, (root / name).rglob("*"))]:
            (folder / "__pycache__").write_text("a file in the way")
    return root


def run(code: str, sealed: Path, folder: Path, **environment: str) -> str:
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "SYSTEMROOT")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=110,
        env={
            **kept,
            "PYTHONPATH": str(sealed),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": NOWHERE,
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


KERNEL = """
import numpy as np
from audio.kernels import cut_frames
out = np.zeros((2, 4), np.float32)
cut_frames(np.arange(8, dtype=np.float32), 0, 2, np.ones(4, np.float32), out)
print(out.sum(), bool(cut_frames.stats.cache_path))
"""
PREPARED = "from pathlib import Path; from riffbot import caches; caches.prepare(lambda: {});"


def test_without_any_cache_the_kernels_compile_all_the_same(sealed: Path, tmp_path: Path) -> None:
    assert run(KERNEL, sealed, tmp_path).split()[0] == "20.0"


def test_compiled_code_is_kept_in_the_data_folder(sealed: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    code = PREPARED.format(f"Path({str(data)!r})") + KERNEL
    assert run(code, sealed, tmp_path).split() == ["20.0", "True"]
    assert list((data / caches.FOLDER).rglob("*.nbi"))


def test_without_one_in_a_private_folder_for_temporaries(sealed: Path, tmp_path: Path) -> None:
    code = PREPARED.format("None") + KERNEL
    assert run(code, sealed, tmp_path, TMPDIR=str(tmp_path)).split() == ["20.0", "True"]
    (folder,) = tmp_path.glob(f"{caches.FOLDER}-*")
    assert folder.stat().st_mode & 0o077 == 0
    assert list(folder.rglob("*.nbi"))


def test_a_folder_that_somebody_else_prepared_is_not_trusted(sealed: Path, tmp_path: Path) -> None:
    user = os.getuid()
    (tmp_path / f"{caches.FOLDER}-{user}").mkdir(mode=0o777)
    (tmp_path / f"{caches.FOLDER}-{user}").chmod(0o777)
    code = PREPARED.format("None") + "import os; print(os.environ.get('NUMBA_CACHE_DIR'))"
    assert run(code, sealed, tmp_path, TMPDIR=str(tmp_path)).strip() == "None"


def test_what_the_owner_set_is_left_alone(sealed: Path, tmp_path: Path) -> None:
    own = str(tmp_path / "own")
    code = PREPARED.format("None") + "import os; print(os.environ['NUMBA_CACHE_DIR'])"
    assert run(code, sealed, tmp_path, NUMBA_CACHE_DIR=own).strip() == own


def test_a_home_that_works_is_used_and_models_are_found_there(sealed: Path, tmp_path: Path) -> None:
    (tmp_path / ".cache").mkdir()
    code = PREPARED.format("None") + (
        "import os; print(os.environ['NUMBA_CACHE_DIR'], os.environ.get('XDG_CACHE_HOME'))"
    )
    output = run(code, sealed, tmp_path, HOME=str(tmp_path)).split()
    assert output == [str(tmp_path / ".cache" / "riffbot" / "numba"), "None"]


def test_no_folder_for_temporaries(sealed: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    code = (
        "import tempfile\n"
        "def none(): raise FileNotFoundError('No usable temporary directory found')\n"
        "tempfile._get_default_tempdir, found = none, tempfile._get_default_tempdir\n"
        + PREPARED.format(f"Path({str(data)!r})")
        + "\ntempfile._get_default_tempdir = found\nprint(tempfile.gettempdir())"
    )
    assert run(code, sealed, tmp_path).strip() == str(data / caches.FOLDER / "tmp")
