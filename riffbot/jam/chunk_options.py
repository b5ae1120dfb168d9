"""What a person may set about a jam's chunks, when it starts and when they steer it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AllowInfNan
from pydantic_core import PydanticKnownError

from riffbot.generation_options import GenerationOptions
from riffbot.prompt import has_words
from riffbot.request import PromptText


def _require_words(text: str) -> str:
    if not has_words(text):
        raise PydanticKnownError("string_too_short", {"min_length": 1})
    return text


ChunkPrompt = Annotated[PromptText, AfterValidator(_require_words)]
"""A prompt with words; one that has none between its brackets counts as empty."""


class ChunkOptions(GenerationOptions):
    """Generation options of a jam. Its seed image decides the width of all chunks.

    Attributes:
        bpm: the tempo by which a bundled seed image is chosen, where none is named; its range is
            checked then (`choose_seed_image`).
    """

    prompt: ChunkPrompt | None = None
    bpm: Annotated[float, AllowInfNan(True)] | None = None


def validate_prompt(prompt: str) -> str:
    """Validate a prompt for a jam; returns it without surrounding blanks.

    Raises:
        PromptError: its weights are invalid.
        BadRequest: it has no words, is too long, or contains half of a surrogate pair.
    """
    return ChunkOptions.build(prompt=prompt).prompt or ""
