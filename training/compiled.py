"""A network that is compiled while it already learns.

torch.compile takes a minute or two for a network of this kind, and training has ten. So another
process compiles it first, with the same shapes left open, into the compiler's cache on disk, and
compares: only if the compiled network answers alike and faster does the trainer change to it, which
then takes seconds. Whatever goes wrong there, the trainer goes on as it was.

    python -m training.compiled CONFIG     is that process
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import torch

from training.flow import Question, velocity_loss
from training.networks import build_denoiser

LARGEST_ERROR = 0.02
"""Of the loss, relative: more than bfloat16 explains is another network."""

LEAST_GAIN = 1.05

SIZES = ((64, 32), (128, 16), (64, 26), (128, 15))
"""Clips and cells of the batches that are tried: odd and even, whole clips and halves."""


class Compiled:
    """Calls a network, compiled as soon as that is known to pay.

    Args:
        network: the network, which is trained in place.
        backend: of torch.compile; None leaves it as it is.
        config: how the network is built (`latent_channels`, `channels`, `in_channels`,
            `guidance`); given, the compiling is tried in another process first, else it happens at
            the first call.
    """

    def __init__(self, network: Any, backend: str | None, config: dict[str, Any] | None) -> None:
        self._network, self._backend = network, backend
        self._forward = network
        self._trying: subprocess.Popen[bytes] | None = None
        self.is_compiled = False
        self.config = getattr(network, "config", None)
        if backend is not None and config is None:
            self._compile()
        elif backend is not None:
            command = [sys.executable, "-m", "training.compiled", json.dumps(config)]
            self._trying = subprocess.Popen(command, env={**os.environ, "BACKEND": backend})

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        return self._forward(*inputs, **named)

    def refresh(self) -> bool:
        """Change to the compiled network once it is ready; whether this call did."""
        if self._trying is None or (code := self._trying.poll()) is None:
            return False
        self._trying = None
        if code == 0:
            self._compile()
        return code == 0

    def close(self) -> None:
        """Give up an attempt that is not through."""
        if self._trying is not None:
            self._trying.kill()
            self._trying.wait()

    def _compile(self) -> None:
        assert self._backend is not None
        self._forward = torch.compile(self._network, backend=self._backend, dynamic=True)
        self.is_compiled = True


def _inputs(config: dict[str, Any], batch: int, cells: int, device: torch.device) -> Question:
    latents = torch.randn(batch, config["latent_channels"], 32, cells, device=device)
    planes = config["in_channels"] - config["latent_channels"]
    grid = torch.randn(batch, planes, 32, cells, device=device)
    said = torch.randn(batch, 32, 384, device=device), torch.randn(batch, 384, device=device)
    s = (torch.arange(batch, device=device) + 0.5) / batch
    return Question(latents, grid, said, s, torch.randn_like(latents))


def _step(network: Any, inputs: Question) -> tuple[float, float]:
    """Loss and seconds of a step forwards and back."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    began = time.monotonic()
    loss = velocity_loss(network, inputs).mean()
    loss.backward()
    found = loss.item()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return found, time.monotonic() - began


def compare(
    config: dict[str, Any], backend: str, sizes: tuple[tuple[int, int], ...] = SIZES
) -> dict[str, Any]:
    """Compile, and compare with the network as it is: relative error of the loss, times faster."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    plain = build_denoiser(
        config["latent_channels"], tuple(config["channels"]), guidance=config["guidance"]
    )
    plain.to(device, memory_format=torch.channels_last)
    fast = torch.compile(plain, backend=backend, dynamic=True)
    began, error = time.monotonic(), 0.0
    for batch, cells in sizes:
        inputs = _inputs(config, batch, cells, device)
        alike = _step(plain, inputs)[0]
        error = max(error, abs(_step(fast, inputs)[0] / alike - 1))
    compiling = time.monotonic() - began
    inputs = _inputs(config, *sizes[0], device)
    times = [(_step(plain, inputs)[1], _step(fast, inputs)[1]) for _ in range(6)][1:]
    gain = sorted(before for before, _ in times)[2] / sorted(after for _, after in times)[2]
    return {
        "stage": "compile",
        "seconds": round(compiling, 1),
        "error": round(error, 5),
        "times_faster": round(gain, 2),
        "used": error < LARGEST_ERROR and gain > LEAST_GAIN,
    }


def main(argv: list[str]) -> int:
    """Warm the compiler's cache; 0 where the compiled network is worth changing to."""
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    found = compare(json.loads(argv[0]), os.environ.get("BACKEND", "inductor"))
    print(json.dumps(found), flush=True)
    return 0 if found["used"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
