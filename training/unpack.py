"""Go on from what is shipped: `python -m training.unpack --model models/riffbot-mini --out DIR`.

Writes the shipped autoencoder, gist and denoiser as the checkpoints that the trainers start from,
so that a training can go on with nothing but this repository: `training.autoencoder` from the
first and `training.denoiser --start` from the last, which is taught by the gist as it is
(`training.references` needs the readers of one newly trained). The optimizers' states are not
shipped; they come back within some hundred steps. A checkpoint that is there already is
left alone: it may be hours of somebody's training.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from riffbot.inference.models import network_files
from training.dataset import write_checkpoint


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """A part's weights in float32, from eight bits or from safetensors."""
    file, _ = network_files.find_weights(folder)
    return network_files.read_state(file)


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/riffbot-mini"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    channels = network_files.read_config(options.model / "vae")["latent_channels"]
    made = {
        "autoencoder.pt": {"network": weights(options.model / "vae"), "latent_channels": channels},
        "start.pt": {"average": weights(options.model / "unet"), "latent_channels": channels},
    }
    if (options.model / "gist").is_dir():
        made["gist.pt"] = {"gist": weights(options.model / "gist")}
    if there := [str(options.out / name) for name in made if (options.out / name).exists()]:
        print(f"unpack: {', '.join(there)} exists; name another --out", file=sys.stderr)
        return 1
    for name, held in made.items():
        write_checkpoint(options.out / name, held)
        print(options.out / name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
