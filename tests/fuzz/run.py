"""Fuzz one target with atheris: `python -m tests.fuzz.run TARGET [--seconds N] [--minimise]`."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
FINDINGS = Path("data/fuzz")
COMPILED = ["audio.kernels", "audio.pghi"]
"""What numba compiles, which cannot be instrumented."""

MAX_LENGTH = {"open_upload": 32_768, "read_sound": 32_768, "decode_image": 16_384}
"""Bytes of an input; 4,096 where nothing else is given."""


def main() -> None:
    """Run libFuzzer in this process; it exits with 0, or 77 after a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--minimise", action="store_true", help="shrink the kept corpus")
    options = parser.parse_args()
    try:
        import atheris  # type: ignore[import-not-found]
    except ImportError:
        raise SystemExit("fuzz: `make fuzz` installs atheris, which this needs") from None
    with atheris.instrument_imports(
        include=["audio", "riffbot", "PIL", "soundfile"], exclude=COMPILED
    ):
        targets = importlib.import_module("tests.fuzz.targets").TARGETS
    if options.target not in targets:
        raise SystemExit(f"fuzz: there is no {options.target}; there are {', '.join(targets)}")
    kept = CORPUS / options.target
    found = FINDINGS / options.target
    grown = found / "corpus"
    grown.mkdir(parents=True, exist_ok=True)
    kept.mkdir(parents=True, exist_ok=True)
    flags = [
        f"-max_total_time={options.seconds}",
        f"-max_len={MAX_LENGTH.get(options.target, 4096)}",
        f"-artifact_prefix={found}/",
        "-timeout=300",  # compiling comes first
        "-rss_limit_mb=8192",  # Pillow's TIFF reader leaks some hundred bytes a broken file
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    folders = [str(grown), str(kept)]
    if options.minimise:
        smaller = Path(tempfile.mkdtemp(dir=found))
        flags += ["-merge=1"]
        folders = [str(smaller), str(kept), str(grown)]
        print(f"the merged corpus is written to {smaller}", file=sys.stderr)
    atheris.Setup([sys.argv[0], *flags, *folders], targets[options.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
