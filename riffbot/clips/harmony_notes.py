"""What is said where a model was not told the key and the chords that somebody asked for."""

from __future__ import annotations

from contextlib import suppress

from riffbot.errors import shorten
from riffbot.harmony import NO_HARMONY, HarmonyError, HarmonyText, find_harmony
from riffbot.request import RiffRequest


def describe_ignored_harmony(
    asked: RiffRequest, made: RiffRequest, model: str, held: HarmonyText = NO_HARMONY
) -> str | None:
    """The sentence for a clip whose model does not know keys and chords.

    Args:
        asked: the request as it was submitted.
        made: the resolved request of the clip.
        model: the model's name.
        held: key and chords of its source, which nobody asked for anew.

    Returns:
        None where nobody asked for any, or where the model was told them.
    """
    if made.harmony != NO_HARMONY or not _was_asked_for(asked, held.normalise()):
        return None
    return (
        f"{model} does not know keys and chords, so this was made without "
        f"“{shorten(asked.harmony.describe())}”."
    )


def _was_asked_for(asked: RiffRequest, held: HarmonyText) -> bool:
    """Whether the request has a key or chords that neither its source nor its prompt brought.

    Chords that were held may have moved into the key that the prompt names.
    """
    words = find_harmony(asked.prompt, has_key=held.key is not None)
    brought = [held, words]
    with suppress(HarmonyError):  # text of another version
        brought.append(words.keep(held))
    return any(
        text is not None and text not in known
        for text, known in zip(asked.harmony, zip(*brought, strict=True), strict=True)
    )
