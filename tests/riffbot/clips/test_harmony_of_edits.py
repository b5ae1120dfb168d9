"""Which key and chords an edit has: its source's, unless something else is said."""

from __future__ import annotations

import pytest

from riffbot.clips.edits import (
    EditSource,
    crop_harmony,
    describe_clash,
    extend,
    inpaint,
    layer,
    morph,
    remix,
)
from riffbot.clips.harmony_notes import describe_ignored_harmony
from riffbot.generation_options import NO_OPTIONS, GenerationOptions
from riffbot.harmony import NO_HARMONY, HarmonyError, HarmonyText
from riffbot.request import RiffRequest

IN_A_MINOR = EditSource("steady", 400, 120.0, "dub", harmony=HarmonyText("A minor", "i VI"))
IN_EB = EditSource("swing", 400, 120.0, "bop", harmony=HarmonyText("Eb major", None))


def test_a_remix_stays_in_its_key() -> None:
    assert remix(IN_A_MINOR, GenerationOptions.build(prompt="bells")).harmony == (
        "A minor",
        "i VI",
    )
    assert inpaint(IN_A_MINOR, NO_OPTIONS, where="bar 1").key == "A minor"
    assert extend(IN_A_MINOR, bars=1).chords == "i VI"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"prompt": "bells", "key": "D minor"}, ("D minor", "i VI")),
        ({"prompt": "bells", "key": "any"}, (None, None)),
        ({"prompt": "bells", "chords": "C F"}, ("A minor", "C F")),
    ],
)
def test_what_is_said_counts(options: dict[str, str], expected: tuple[str, str]) -> None:
    assert remix(IN_A_MINOR, GenerationOptions.build(**options)).harmony == expected


def test_a_new_prompt_may_say_another_key() -> None:
    request = remix(IN_A_MINOR, GenerationOptions.build(prompt="bells in D dorian"))
    assert request.find_harmony_text() == ("D dorian", "i VI")
    plain = EditSource("steady", 400, 120.0, "dub")
    words = remix(plain, GenerationOptions.build(prompt="bells in D dorian"))
    assert words.harmony == NO_HARMONY, "its words stay plain words of the prompt"


def test_the_sources_own_prompt_says_nothing_new() -> None:
    moved = EditSource("steady", 400, prompt="dub in C", harmony=HarmonyText("A minor"))
    assert extend(moved, GenerationOptions.build(prompt="dub in C"), bars=1).key == "A minor"


def test_the_part_of_a_clip_begins_with_its_own_chord() -> None:
    request = RiffRequest.build(prompt="x", key="C", chords="I V vi IV", bpm=120)
    assert crop_harmony(request, 0) == ("C major", "I V vi IV")
    assert crop_harmony(request, 400) == ("C major", "vi IV I V")
    assert crop_harmony(request.with_changes(bpm=None), 400) == ("C major", None)


def test_a_layer_has_the_first_ones_key_and_says_where_they_clash() -> None:
    assert layer(IN_A_MINOR, IN_EB).harmony == ("A minor", "i VI")
    sentence = describe_clash(IN_A_MINOR, IN_EB)
    assert sentence is not None
    assert sentence.startswith("The first is in A minor and the second in Eb major")
    relative = EditSource("swing", 400, harmony=HarmonyText("C major"))
    assert describe_clash(IN_A_MINOR, relative) is None
    assert describe_clash(IN_A_MINOR, EditSource("swing", 400)) is None


def test_a_morph_keeps_what_its_ends_have() -> None:
    request = morph(IN_A_MINOR, IN_EB)
    assert request.harmony == ("A minor", "i VI")
    assert request.piece is not None
    assert request.piece.model_dump(include={"key"}) == {"key": "Eb major"}
    assert morph("funk in C", "funk in D").harmony == NO_HARMONY, "their words say it"


def test_only_what_somebody_asked_for_is_said_to_be_ignored() -> None:
    asked = RiffRequest.build(prompt="x", seed=1, key="Am", chords="Am F")
    made = asked.with_changes(key=None, chords=None)
    assert describe_ignored_harmony(asked, made, "SD") == (
        "SD does not know keys and chords, so this was made without “key: A minor · Am F”."
    )
    assert describe_ignored_harmony(asked, made, "SD", held=asked.harmony) is None
    assert describe_ignored_harmony(asked, asked, "SD") is None
    assert describe_ignored_harmony(made, made, "SD") is None


def _is_said(asked: RiffRequest, source: EditSource) -> bool:
    made = asked.with_changes(key=None, chords=None)
    return describe_ignored_harmony(asked, made, "SD", source.harmony) is not None


def test_what_source_and_prompt_bring_is_not_said_to_be_ignored() -> None:
    by_name = EditSource("steady", 400, 120.0, "dub", harmony=HarmonyText("a minor", "am7 NC"))
    for source in (IN_A_MINOR, by_name):
        assert not _is_said(morph(source, IN_EB), source)
        assert not _is_said(remix(source, GenerationOptions.build(key="any")), source)
        assert not _is_said(remix(source, NO_OPTIONS), source)
        words = GenerationOptions.build(prompt="bells in D minor")
        assert not _is_said(remix(source, words), source)
        assert _is_said(remix(source, GenerationOptions.build(key="D minor")), source)
        assert _is_said(morph(source, IN_EB, GenerationOptions.build(chords="C F")), source)


@pytest.mark.parametrize(
    ("prompt", "chords"),
    [
        ("pop in A minor, Am7 D7 Gmaj7", "Am7 D7 Gmaj7"),
        ("pop in C, I-V-vi-IV", None),
        ("pop, I-V-vi-IV, bright", None),
        ("pop in C", None),
    ],
)
def test_any_key_goes_with_every_prompt(prompt: str, chords: str | None) -> None:
    options = GenerationOptions.build(key="any", prompt=prompt)
    assert options.choose_harmony(NO_HARMONY) == (None, chords)
    assert options.choose_harmony(HarmonyText("E minor", None)) == (None, chords)
    plain = EditSource("steady", 400, 120.0, "dub")
    for source in (plain, IN_EB):
        assert remix(source, options).key is None


@pytest.mark.parametrize("key", [None, "C"])
def test_numerals_of_a_morphs_end_need_a_key(key: str | None) -> None:
    fields = {"prompt": "x", "target": {"prompt": "y", "seed": 1}}
    piece = {"kind": "morph", "clips": 2, "key": key, "chords": "ii V I"}
    if key is not None:
        assert RiffRequest.build(**fields, piece=piece).piece is not None
        return
    with pytest.raises(HarmonyError, match="which key"):
        RiffRequest.build(**fields, piece=piece)
    with pytest.raises(HarmonyError, match="which key"):
        RiffRequest.build(**fields).with_changes(piece=piece)
