"""The model, its device and its seed images, one small riff, and the speed."""
# ruff: noqa: PLC0415 - each check imports what it checks, and a broken import is a result

from __future__ import annotations

import os
import time

import numpy as np

from audio.columns import seconds_of
from riffbot.commands.checks.result import BAD, GOOD, NOTE, CheckResult
from riffbot.settings import Settings


def check_model(settings: Settings) -> CheckResult:
    """Load the model of the settings."""
    from riffbot.inference.pipeline.factory import open_model

    model = open_model(settings.model_copy(update={"device": "cpu", "dtype": "float32"}))
    size = sum(p.numel() for part in (model.unet, model.vae) for p in part.parameters())
    return CheckResult(
        "model", GOOD, f"{model.name}, {size / 1e6:.1f} million parameters, hash {model.hash[:16]}"
    )


def check_device(settings: Settings) -> CheckResult:
    """The device that computes."""
    import torch

    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    asked = settings.device.partition(":")[0]
    if asked != "auto" and not has.get(asked, False):
        there = ", ".join(name for name, present in has.items() if present)
        return CheckResult(
            "device",
            BAD,
            f"RIFFBOT_DEVICE is {settings.device}, and this machine has {there}",
            "set RIFFBOT_DEVICE=auto, or install the PyTorch build for that device",
        )
    used = next(name for name, present in has.items() if present) if asked == "auto" else asked
    if used == "cuda":
        return CheckResult("device", GOOD, f"cuda: {torch.cuda.get_device_name()}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if used == "cpu":
        return CheckResult("device", GOOD, f"cpu, {cores} cores (the embedded model needs no more)")
    return CheckResult("device", GOOD, used)


def check_seed_images(settings: Settings) -> CheckResult:
    """Load every bundled seed image."""
    from riffbot.images import Images

    images = Images(settings.seed_images)
    for name in images.names():
        images.load(name)
    if not images.names():
        return CheckResult(
            "seed images",
            NOTE,
            f"none in {settings.seed_images}: riffs come from the prompt alone",
            "set RIFFBOT_SEED_IMAGES to the folder that came with RiffBot",
        )
    return CheckResult("seed images", GOOD, ", ".join(images.names()))


def try_riff(settings: Settings) -> CheckResult:
    """Make one small riff and store it in a scratch library."""
    from riffbot.commands.checks import trial

    outcome = trial.run_trial(settings)
    if outcome.failed:
        return CheckResult(
            "a riff", BAD, f"{outcome.failed} fails: {outcome.reason}", outcome.remedy
        )
    return CheckResult("a riff", GOOD, f"made, kept and heard, all in {outcome.seconds:.1f} s")


def time_riff(settings: Settings) -> CheckResult:
    """Time one clip from prompt to sound."""
    from riffbot.images import Images
    from riffbot.inference.pipeline.factory import open_pipeline
    from riffbot.inference.pipeline.resolve import resolve
    from riffbot.rendering import sound
    from riffbot.request import RiffRequest

    images = Images(settings.seed_images)
    pipeline = open_pipeline(settings, images)
    request = resolve(RiffRequest(prompt="funky sax", seed=1), pipeline.model.card, images)
    pipeline.run(
        [request.with_changes(steps=2)], on_step=None
    )  # first use pays for kernels and caches
    sound(np.full((512, 64), 200, np.uint8))
    began = time.perf_counter()
    (picture,) = pipeline.run([request], on_step=None)
    sound(picture)
    spent = time.perf_counter() - began
    seconds = seconds_of(picture.shape[1])
    found = f"{spent:.2f} s for a clip of {seconds:.2f} s: {seconds / spent:.1f} × real time"
    if spent > seconds:
        return CheckResult("speed", NOTE, found, "fewer steps, a quieter machine or a GPU")
    return CheckResult("speed", GOOD, found)
