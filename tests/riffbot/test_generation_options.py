"""What a person may set about a generation is validated once, with the request's sentences."""

from __future__ import annotations

from typing import get_type_hints

import pytest

from riffbot.errors import BadRequest
from riffbot.generation_options import NO_OPTIONS, GenerationOptions
from riffbot.harmony import ANY, HarmonyText
from riffbot.prompt import PromptError
from riffbot.request import RiffRequest

EMPTY = "The prompt is empty: write what you want to hear, for example “funky sax”."

REFUSED: list[tuple[dict[str, object], str]] = [
    ({"prompt": " \0"}, EMPTY),
    (
        {"prompt": "[ ]"},
        "The prompt is empty between its brackets: write what you want to hear, for example "
        "“funky (sax:1.2)”.",
    ),
    (
        {"prompt": "sax (loud:11)"},
        "“11” is not a weight I can use: please give a number between 0 and 10, for example "
        "(saxophone:1.3), or a blank behind the colon if it is none.",
    ),
    (
        {"prompt": "((sax:9):9)"},
        "“sax” would weigh 81: please keep weights, all brackets multiplied, between 0 and 10.",
    ),
    (
        {"prompt": "sax", "negative": "(drums:-1)"},
        "“-1” is not a weight I can use: please give a number between 0 and 10, for example "
        "(saxophone:1.3), or a blank behind the colon if it is none.",
    ),
    ({"prompt": "x" * 1001}, "The prompt is too long: please keep it under 1000 characters."),
    ({"prompt": "\ud800"}, "The prompt has half of a character in it: please type it anew."),
    ({"seed": -1}, "Seed must be 0 or more, not -1."),
    ({"denoising": 1.5}, "Denoising must be 1 or less, not 1.5."),
    ({"guidance": "loud"}, "The guidance must be a number, not “loud”."),
    ({"steps": 1.5}, "The steps must be a whole number, not 1.5."),
    ({"bpm": 10}, "Bpm must be 40 or more, not 10."),
    ({"width": 4096}, "Width must be 2048 or less, not 4096."),
    ({"seed_image": "No Beat"}, "“No Beat” is no seed image that I know."),
    ({"tempo": 90}, "There is no setting called “tempo”; please check its spelling."),
]


@pytest.mark.parametrize(("values", "sentence"), REFUSED)
def test_an_invalid_value_is_refused_as_a_request_refuses_it(
    values: dict[str, object], sentence: str
) -> None:
    for build in (GenerationOptions.build, RiffRequest.build):
        with pytest.raises(BadRequest) as refused:
            build(**{"prompt": "sax", **values})
        assert str(refused.value) == sentence


def test_its_options_are_fields_of_a_request_with_their_types() -> None:
    options, fields = (
        get_type_hints(model, include_extras=True) for model in (GenerationOptions, RiffRequest)
    )
    names = list(GenerationOptions.model_fields)
    assert names == [name for name in RiffRequest.model_fields if name in names]
    for name in {*names} - {"key", "chords"}:  # which may be left open here, whatever a source has
        assert options[name] in (fields[name], fields[name] | None), name


@pytest.mark.parametrize(
    ("options", "held", "expected"),
    [
        ({}, ("A minor", "i VI"), ("A minor", "i VI")),
        ({"key": "D minor"}, ("A minor", "i VI"), ("D minor", "i VI")),
        ({"key": "D minor"}, ("A minor", "Am F"), ("D minor", "Dm Bb")),
        ({"key": "D major"}, ("A minor", "Am F"), ("D major", None)),
        ({"key": "any"}, ("A minor", "Am F"), (None, "Am F")),
        ({"key": "none"}, ("A minor", "i VI"), (None, None)),
        ({"chords": "C G"}, ("A minor", "i VI"), ("A minor", "C G")),
        ({"chords": "Db Gb"}, ("A minor", None), (None, "Db Gb")),
        ({"chords": "free"}, ("A minor", "i VI"), ("A minor", None)),
        ({"chords": "ii V"}, ("Bb major", None), ("Bb major", "ii V")),
        ({"key": "Am"}, (None, "C G"), ("A minor", "C G")),
        ({"prompt": "modal jazz in D dorian"}, ("A minor", None), ("D dorian", None)),
        ({"prompt": "modal jazz"}, ("A minor", "i VI"), ("A minor", "i VI")),
        ({"prompt": "jazz in D minor", "key": "E"}, ("A minor", None), ("E major", None)),
        ({"prompt": "jazz in C, chords C F G", "key": "E"}, (None, None), ("E major", None)),
    ],
)
def test_a_held_harmony_stays_unless_something_else_is_said(
    options: dict[str, str],
    held: tuple[str | None, str | None],
    expected: tuple[str | None, str | None],
) -> None:
    chosen = GenerationOptions.build(**options).choose_harmony(HarmonyText(*held))
    assert chosen == HarmonyText(*expected)


def test_an_open_key_is_no_field_of_a_request() -> None:
    options = GenerationOptions.build(prompt="sax", seed=1, key="Any", chords="none")
    assert (options.key, options.chords, options.names_harmony) == (ANY, ANY, False)
    assert options.build_request() == RiffRequest.build(prompt="sax", seed=1)


def test_what_is_left_out_is_decided_by_others() -> None:
    assert NO_OPTIONS.as_fields() == {}
    options = GenerationOptions.build(prompt=" sax ", negative="", seed=None, denoising=0)
    assert options.as_fields() == {"prompt": "sax", "negative": "", "denoising": 0.0}
    filled = options.with_defaults(denoising=0.5, seed=7)
    assert filled.as_fields() == {"prompt": "sax", "negative": "", "seed": 7, "denoising": 0.0}
    assert filled.build_request() == RiffRequest.build(prompt="sax", seed=7, denoising=0.0)
    with pytest.raises(BadRequest) as refused:
        options.with_defaults(steps=0)
    assert str(refused.value) == "Steps must be 1 or more, not 0."
    with pytest.raises(BadRequest) as refused:
        NO_OPTIONS.build_request()
    assert str(refused.value) == "The request needs a prompt."


def test_a_default_prompt_is_validated_too() -> None:
    with pytest.raises(PromptError):
        NO_OPTIONS.with_defaults(prompt="(x:1e9)")
    with pytest.raises(BadRequest, match=EMPTY):
        NO_OPTIONS.with_defaults(prompt="")
    assert GenerationOptions(prompt="sax").with_defaults(prompt="(x:1e9)").prompt == "sax"
