"""A jam's options: its prompts, and the tempo by which a seed image is chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from riffbot.errors import BadRequest
from riffbot.images import Images
from riffbot.jam.chunk_options import ChunkOptions, validate_prompt
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.starting import build_path
from riffbot.prompt import PromptError

EMPTY = "The prompt is empty: write what you want to hear, for example “funky sax”."


@pytest.mark.parametrize("prompt", ["", " \0", "()", "[ ]", "(:1.2)"])
def test_a_prompt_without_words_is_empty(prompt: str) -> None:
    for build in (validate_prompt, lambda text: ChunkOptions.build(prompt=text)):
        with pytest.raises(BadRequest) as refused:
            build(prompt)
        assert str(refused.value) == EMPTY
        assert not isinstance(refused.value, PromptError)


def test_a_prompt_is_validated_and_stripped() -> None:
    assert validate_prompt(" sax\0 (drums:1.2) ") == "sax (drums:1.2)"
    with pytest.raises(PromptError, match="“1e9” is not a weight I can use"):
        validate_prompt("(x:1e9)")
    with pytest.raises(BadRequest, match="half of a character"):
        validate_prompt("\udfff")
    with pytest.raises(BadRequest, match="under 1000 characters"):
        validate_prompt("x" * 1001)


@pytest.mark.parametrize("bpm", [39, 999, float("inf"), float("nan")])
def test_a_tempo_is_checked_where_it_chooses_the_seed_image(seeds: Path, bpm: float) -> None:
    images = Images(seeds)
    with pytest.raises(BadRequest) as refused:
        build_path(images, ChunkOptions.build(bpm=bpm))
    assert str(refused.value) == f"Bpm must be 40 … 240, not {bpm:g}."
    assert build_path(images, ChunkOptions.build(bpm=bpm, seed_image="beat")).seed_image == "beat"


def test_what_is_left_out_has_a_default(seeds: Path) -> None:
    path = build_path(Images(seeds), ChunkOptions())
    assert (path.prompt, path.start.seed, path.start.denoising) == ("funky sax", 0, 0.75)
    assert (path.negative, path.guidance, path.steps) == ("", None, None)


def test_a_stored_path_loads_whatever_its_prompts_are() -> None:
    path = PromptPath.begin(ChunkOptions(prompt="sax", negative="vocals"), seed_image="beat")
    text = path.model_dump_json().replace("sax", "(x:1e9)")
    loaded = PromptPath.model_validate_json(text)
    assert loaded.prompt == "(x:1e9)"
    assert loaded.model_dump_json() == text
    with pytest.raises(PromptError):
        loaded.build_request()
