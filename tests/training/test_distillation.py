"""A denoiser learns another's guided answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from riffbot.inference.models.beats import CHANNELS as GRID_CHANNELS
from riffbot.inference.models.harmony_planes import CHANNELS as HARMONY_CHANNELS
from training.distillation import (
    MAX_GUIDANCE,
    UNGUIDED,
    GuidedTeacher,
    distillation_loss,
    guidance_scales,
    unprompted,
)
from training.flow import Question, predict_velocity
from training.networks import adopt, build_denoiser

LATENTS, CHANNELS = 8, (16, 16, 16)
DEVICE = torch.device("cpu")


def random_conditioning(count: int) -> tuple[Tensor, Tensor]:
    return torch.randn(count, 32, 384), torch.randn(count, 384)


def random_question(count: int = 2) -> Question:
    return Question(
        torch.randn(count, LATENTS, 32, 16),
        torch.rand(count, GRID_CHANNELS + HARMONY_CHANNELS, 32, 16),
        random_conditioning(count),
        torch.rand(count),
        torch.randn(count, LATENTS, 32, 16),
    )


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = build_denoiser(LATENTS, CHANNELS)
    held = {
        "average": network.state_dict(),
        "latent_channels": LATENTS,
        "channels": list(CHANNELS),
    }
    path: Path = tmp_path_factory.mktemp("teacher") / "teacher.pt"
    torch.save(held, path)
    return path


def student_of(checkpoint: Path) -> Any:
    network = build_denoiser(LATENTS, CHANNELS, guidance=True)
    adopt(network, torch.load(checkpoint, weights_only=True)["average"])
    return network


def test_the_teacher_guides_as_the_pipeline_does(checkpoint: Path) -> None:
    torch.manual_seed(1)
    empty, question = random_conditioning(1), random_question()
    teacher = GuidedTeacher(checkpoint, empty, DEVICE)
    network = build_denoiser(LATENTS, CHANNELS).eval()
    network.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    silent = tuple(part.expand(2, *part.shape[1:]) for part in empty)
    with torch.no_grad():
        prompted = predict_velocity(network, question)
        without = predict_velocity(
            network, question._replace(planes=unprompted(question.planes), conditioning=silent)
        )
    scales = torch.tensor([1.0, 5.0])
    expected = without + scales.view(-1, 1, 1, 1) * (prompted - without)
    difference = (teacher.predict(question, scales) - expected).abs().amax(dim=(1, 2, 3))
    assert bool((difference <= 0.02 * scales).all())  # bfloat16, multiplied by the scale


def test_beat_and_harmony_are_faint_without_the_prompt() -> None:
    planes = torch.ones(1, GRID_CHANNELS + HARMONY_CHANNELS, 32, 4)
    faint = unprompted(planes)
    assert faint.shape == planes.shape
    assert set(faint[:, GRID_CHANNELS:].flatten().tolist()) == {0.5}
    assert {0.5, 1.0} == set(faint[:, :GRID_CHANNELS].flatten().tolist())  # the height is whole


def test_scales_are_from_one_to_the_highest() -> None:
    scales = guidance_scales(4000, torch.Generator().manual_seed(0))
    assert scales.min() == 1.0
    assert scales.max() <= MAX_GUIDANCE
    assert (scales == 1.0).float().mean().item() == pytest.approx(UNGUIDED, abs=0.03)
    assert (scales < MAX_GUIDANCE**0.5).float().mean().item() == pytest.approx(0.575, abs=0.03)


def test_at_first_one_pass_is_the_teachers_unguided_answer(checkpoint: Path) -> None:
    torch.manual_seed(2)
    student, question = student_of(checkpoint), random_question()
    with torch.no_grad():
        answers = [
            predict_velocity(student, question, torch.full((2,), scale)) for scale in (1.0, 6.0)
        ]
    teacher = GuidedTeacher(checkpoint, random_conditioning(1), DEVICE)
    assert torch.equal(*answers)
    assert torch.allclose(teacher.predict(question, torch.ones(2)), answers[0], atol=2e-2)


def test_guided_answers_are_learnt(checkpoint: Path) -> None:
    torch.manual_seed(3)
    student = student_of(checkpoint)
    teacher, question = GuidedTeacher(checkpoint, random_conditioning(1), DEVICE), random_question()
    scales = torch.tensor([2.0, 6.0])
    optimizer = torch.optim.AdamW(student.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss = distillation_loss(student, teacher, question, scales).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
