"""Requests: what may become one, and stored ones whose prompts nobody ever checked."""

from __future__ import annotations

import json

import pytest

from riffbot.clips import recipes
from riffbot.clips.edits import EditSource, extend, layer, morph, remix
from riffbot.errors import BadRequest
from riffbot.generation_options import NO_OPTIONS, GenerationOptions
from riffbot.prompt import PromptError
from riffbot.request import MAX_SEED, Extend, Morph, RiffRequest, Target, build_takes

UNREADABLE = ("(x:1e9)", "take (one:99)", "()", "[ ]")
"""Prompts that old libraries may hold: a file's name, or what an earlier grammar took for text."""


def stored(prompt: str, **fields: object) -> str:
    """A request as an old row or recipe has it."""
    return json.dumps({"prompt": prompt, "seed": 5, **fields})


def test_the_fields_and_their_order_are_those_of_every_recipe_ever_written() -> None:
    request = RiffRequest.build(
        prompt=" funky (sax:1.2)\0 ", seed=7, target={"prompt": "", "seed": 1}
    )
    assert request.model_dump_json() == (
        '{"prompt":"funky (sax:1.2)","negative":"","seed":7,"seed_image":null,"denoising":0.75,'
        '"mask":null,"guidance":null,"steps":null,"scheduler":null,"width":null,"bpm":null,'
        '"target":{"prompt":"","negative":"","seed":1,"denoising":0.75},"alpha":0.0,"piece":null}'
    )
    assert RiffRequest.from_json(request.model_dump_json()) == request


@pytest.mark.parametrize("prompt", UNREADABLE)
def test_a_stored_request_loads_whatever_its_prompts_are(prompt: str) -> None:
    text = stored(prompt, negative="(y:-1)", target={"prompt": prompt, "seed": 1}, alpha=0.5)
    request = RiffRequest.from_json(text)
    assert (request.prompt, request.negative) == (prompt, "(y:-1)")
    assert RiffRequest.from_json(request.model_dump_json()) == request
    for recipe in (text, json.dumps({"request": json.loads(text), "model": "mini"})):
        assert recipes.parse_recipe(recipe).request == request


@pytest.mark.parametrize("prompt", UNREADABLE)
def test_a_stored_request_can_be_copied_with_other_fields(prompt: str) -> None:
    request = RiffRequest.from_json(stored(prompt, seed_image="beat"))
    copy = request.with_changes(bpm=90.0, seed=6, piece=Extend(columns=800))
    assert (copy.prompt, copy.bpm, copy.seed, copy.piece) == (prompt, 90.0, 6, Extend(columns=800))
    assert copy.with_changes(piece=None, bpm=None, seed=5) == request
    with pytest.raises(BadRequest, match=r"Steps must be 1 or more, not 0\."):
        request.with_changes(steps=0)


@pytest.mark.parametrize("prompt", UNREADABLE)
def test_two_riffs_are_layered_whatever_their_titles_are(prompt: str) -> None:
    one, two = (EditSource(ref, 128, 100.0, prompt) for ref in ("one", "two"))
    assert layer(one, two).prompt == f"{prompt} + {prompt}"
    assert layer(one, EditSource("two", 128)).prompt == f"{prompt} +"


@pytest.mark.parametrize("prompt", ["(x:1e9)", "()"])
def test_what_the_model_would_read_of_an_old_title_is_refused(prompt: str) -> None:
    start = EditSource("beat", 128, 100.0, prompt)
    for edit in (
        lambda: remix(start, NO_OPTIONS),
        lambda: extend(start, seconds=10),
        lambda: morph(start, "bells"),
    ):
        with pytest.raises(PromptError):
            edit()
    assert extend(start, GenerationOptions(prompt="bells"), seconds=10).prompt == "bells"


def test_the_far_end_of_a_morph_may_be_without_words_but_not_empty() -> None:
    target = morph("bells", "()").target
    assert target is not None
    assert target.prompt == "()"
    with pytest.raises(PromptError, match="“1e9” is not a weight I can use"):
        morph("bells", "(x:1e9)")
    for first, second in (("", "bells"), ("bells", " "), ("bells", "\0")):
        with pytest.raises(BadRequest) as raised:
            morph(first, second)
        assert str(raised.value) == (
            "The prompt is empty: write what you want to hear, for example “funky sax”."
        )
    with pytest.raises(BadRequest, match=r"^The prompt is too long: please keep it under 1000"):
        morph("bells", "x" * 1001)


@pytest.mark.parametrize("prompt", ["(x:1e9)", "take (one:99)"])
def test_no_new_request_has_a_prompt_that_cannot_be_parsed(prompt: str) -> None:
    request = RiffRequest(prompt="funk", seed=1)
    for build in (
        lambda: RiffRequest(prompt=prompt),
        lambda: RiffRequest(prompt="funk", negative=prompt),
        lambda: Target(prompt=prompt, seed=1),
        lambda: RiffRequest.build(prompt=prompt),
        lambda: RiffRequest.build(prompt="funk", target={"prompt": prompt, "seed": 1}),
        lambda: RiffRequest.build_strict({"prompt": prompt}),
        lambda: RiffRequest.model_validate_json(stored(prompt)),
        lambda: request.with_changes(prompt=prompt),
        lambda: request.with_changes(negative=prompt),
        lambda: request.with_changes(target={"prompt": prompt, "seed": 1}),
        lambda: RiffRequest.from_json(stored(prompt)).check_prompts(),
        lambda: RiffRequest.build_unparsed(prompt="funk", negative=prompt).check_prompts(),
    ):
        with pytest.raises(PromptError, match="is not a weight I can use"):
            build()
    with pytest.raises(PromptError, match="empty between its brackets"):
        RiffRequest(prompt="()")
    assert RiffRequest(prompt="funk", negative="()", target=Target(prompt="", seed=1)).alpha == 0


def test_takes_differ_in_their_seeds_only() -> None:
    request = RiffRequest.from_json(stored("(x:1e9)")).with_changes(seed=MAX_SEED)
    takes = build_takes(request, 3)
    assert takes[0] == request
    assert [take.seed for take in takes] == [MAX_SEED, 0, 1]
    assert {take.prompt for take in takes} == {"(x:1e9)"}


def test_a_request_without_harmony_is_written_as_it_always_was() -> None:
    written = RiffRequest.build(prompt="funk in A minor", seed=1).model_dump_json()
    assert "key" not in written
    assert "chords" not in written
    morph = Morph(clips=2).model_dump_json()
    assert morph == '{"kind":"morph","clips":2,"image":null,"whole":false,"bpm":null}'


def test_key_and_chords_travel_as_a_person_writes_them() -> None:
    request = RiffRequest.build(prompt="funk", seed=1, key="bb", chords="ii–V–I")
    assert (request.key, request.chords) == ("Bb major", "ii V I")
    assert RiffRequest.from_json(request.model_dump_json()) == request
    assert request.find_harmony().describe() == "Bb major · Cm F Bb"


def test_a_prompt_may_name_what_is_left_open() -> None:
    assert RiffRequest.build(prompt="bop in Bb", chords="ii V").find_harmony().measures
    walk = RiffRequest.build(
        prompt="bop in Bb", target=Target(prompt="bop in E minor", seed=1), alpha=0.25
    )
    assert walk.find_harmony_text().key == "Bb major"
    assert walk.with_changes(alpha=0.5).find_harmony_text().key == "E minor"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"chords": "Amm7 D7"}, "There is no chord “Amm7”. Did you mean Am7?"),
        ({"chords": "ii V I"}, "“ii” is a degree of a key: please say which key, for example"),
        ({"key": "H flat"}, "There is no key “H flat”. Write a note and its mode"),
    ],
)
def test_wrong_keys_and_chords_get_one_sentence(fields: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadRequest) as refused:
        RiffRequest.build(prompt="funk", **fields)
    assert str(refused.value).startswith(sentence)
    with pytest.raises(BadRequest):
        RiffRequest.build(prompt="funk", seed=1).with_changes(**fields)


def test_a_stored_request_is_read_whatever_its_key_is() -> None:
    stored = RiffRequest.build_unparsed(prompt="funk", key="of a later version")
    assert stored.key == "of a later version"
