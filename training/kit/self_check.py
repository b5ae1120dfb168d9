"""Does this machine have what a training needs? `python -m training.kit.self_check --kit DIR`.

In under a minute: what is imported, one training step on packed clips, one export that loads
again, how much memory there is. One line of JSON; the exit status is 1 where something failed,
and the line says what.
"""

# ruff: noqa: PLC0415 - that an import fails is what is to be found out
from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from training.kit.folders import Kit

LIBRARIES = ("torch", "numpy", "transformers", "tokenizers", "safetensors", "numba", "scipy")


def imports() -> dict[str, Any]:
    """Versions of what was there before, and that all of ours can be imported."""
    import training.denoiser
    import training.export
    import training.prepare
    import training.render  # noqa: F401

    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def machine() -> dict[str, Any]:
    """Cores, memory, the GPU's name and memory, room on the disk (GiB)."""
    import torch

    found: dict[str, Any] = {"cores": os.cpu_count(), "glibc": platform.libc_ver()[1]}
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    found["memory_gib"] = round(pages / (1 << 30), 1)
    found["disk_gib"] = round(shutil.disk_usage(tempfile.gettempdir()).free / (1 << 30), 1)
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        found["gpu"] = torch.cuda.get_device_name()
        found["gpu_gib"] = [round(free / (1 << 30), 1), round(total / (1 << 30), 1)]
        found["bf16"] = torch.cuda.is_bf16_supported()
    return found


def one_step(kit: Kit) -> dict[str, Any]:
    """Loss of a batch of held-out clips before and after one step of the optimiser."""
    import torch

    from training.conditioning import Conditioner, Shown, grids, harmonies
    from training.dataset import HELD_OUT
    from training.flow import Question, noise_levels, velocity_loss
    from training.networks import adopt, build_denoiser

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    ready = torch.load(kit.shards / f"ready-{HELD_OUT:05d}.pt", weights_only=True)
    rows = max(ready.values(), key=lambda rows: len(rows["told"]))
    latents, said = rows["latents"][:4].float().to(device), rows["told"][:4]
    channels = latents.shape[1]
    config = json.loads((kit.model / "unet" / "config.json").read_text("utf-8"))
    network = build_denoiser(channels, tuple(config["block_out_channels"]))
    start = torch.load(kit.run / "start.pt", weights_only=True)
    fresh = adopt(network, start["average"])
    network.to(device, memory_format=torch.channels_last)
    conditioning = Conditioner(kit.run / "gist.pt", device)([row["captions"][0] for row in said])
    rows_high, cells = latents.shape[2:]
    harmony = harmonies(said, cells, rows_high, [Shown()] * len(said))
    planes = torch.cat([grids(said, cells, rows_high), harmony], dim=1).to(device)
    generator = torch.Generator().manual_seed(1)
    s = noise_levels(len(said), generator).to(device)
    noise = torch.randn(latents.shape, generator=generator).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    losses = []
    for _ in range(2):
        loss = velocity_loss(network, Question(latents, planes, conditioning, s, noise)).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(round(loss.item(), 4))
    if not all(0 < loss < 10 for loss in losses):
        raise RuntimeError(f"the loss is {losses}")
    _export(kit, network, channels, tuple(config["block_out_channels"]))
    return {"losses": losses, "new_layers": fresh, "unknown_words": _unknown_words(kit)}


def _export(kit: Kit, network: Any, latent_channels: int, channels: tuple[int, ...]) -> None:
    """Write the network in eight bits and read it again."""
    import torch

    from training.kit.results import read_pieces, write_pieces

    with tempfile.TemporaryDirectory() as folder:
        held = {name: tensor.cpu() for name, tensor in network.state_dict().items()}
        out = Path(folder)
        write_pieces(held, {"channels": channels, "latent_channels": latent_channels}, out)
        again, _ = read_pieces(out)
    for name, tensor in held.items():
        if not torch.allclose(tensor, again[name], atol=float(tensor.abs().max()) / 100 + 1e-3):
            raise RuntimeError(f"{name} comes back otherwise than it was exported")


def _unknown_words(kit: Kit) -> float:
    """Share of new captions with a word that the packed text encoder does not know."""
    from training.kit.text_encoder import composed_captions, known_rows
    from training.text import tokenizer

    known, texts = known_rows(kit.root / "encoder"), composed_captions(100, seed=5)
    missing = sum(not set(ids) <= known for ids in tokenizer()(texts).input_ids)
    return round(missing / len(texts), 3)


@contextlib.contextmanager
def _noted(name: str, found: dict[str, Any]) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        found.setdefault("failed", []).append(f"{name}: {type(error).__name__}: {error}")
    found.setdefault("seconds_of", {})[name] = round(time.monotonic() - began, 1)


def check(kit: Kit) -> dict[str, Any]:
    """Everything that was found; `failed` lists what went wrong."""
    found: dict[str, Any] = {"stage": "self-check"}
    began = time.monotonic()
    parts: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
        ("imports", imports),
        ("machine", machine),
        ("step", lambda: one_step(kit)),
    )
    for name, part in parts:
        with _noted(name, found):
            found[name] = part()
        if "failed" in found:
            break
    found["seconds"] = round(time.monotonic() - began, 1)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.kit.self_check", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--kit", type=Path, required=True)
    found = check(Kit(parser.parse_args().kit))
    print(json.dumps(found), flush=True)
    return 1 if "failed" in found else 0


if __name__ == "__main__":
    sys.exit(main())
