"""What is said where a model was not told the key and the chords that somebody asked for."""

from __future__ import annotations

from riffbot.errors import shorten
from riffbot.harmony import NO_HARMONY, HarmonyText
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
    if asked.harmony in {NO_HARMONY, held} or made.harmony != NO_HARMONY:
        return None
    return (
        f"{model} does not know keys and chords, so this was made without "
        f"“{shorten(asked.harmony.describe())}”."
    )
