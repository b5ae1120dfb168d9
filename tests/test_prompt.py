"""Weights in prompts: the grammar, its forgiveness, and what it refuses."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riffbot.prompt import EMPHASIS, MAX_WEIGHT, Fragment, PromptError, parse


def weights(text: str) -> dict[str, float]:
    return {fragment.text.strip(): round(fragment.weight, 6) for fragment in parse(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("funky riff", {"funky riff": 1}),
        ("funky (saxophone:1.3) riff", {"funky": 1, "saxophone": 1.3, "riff": 1}),
        ("(vocals)", {"vocals": 1.1}),
        ("[vocals]", {"vocals": round(1 / 1.1, 6)}),
        ("((vocals))", {"vocals": 1.21}),
        ("[[vocals]]", {"vocals": round(1 / 1.21, 6)}),
        ("([vocals])", {"vocals": 1}),
        ("(loud (sax:1.5) solo:2)", {"loud": 2, "sax": 3, "solo": 2}),
        ("(sax: 0.5 )", {"sax": 0.5}),
        ("(silence:0)", {"silence": 0}),
        ("(sax:+2)", {"sax": 2}),
        ("(sax:.5)", {"sax": 0.5}),
        ("(jazz:funk:1.2)", {"jazz:funk": 1.2}),
    ],
)
def test_weights(text: str, expected: dict[str, float]) -> None:
    assert weights(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\(live\)", [Fragment("(live)")]),
        (r"\[live\]", [Fragment("[live]")]),
        (r"a \\ b", [Fragment("a \\ b")]),
        (r"(\(sax\):1.5)", [Fragment("(sax)", 1.5)]),
        (r"back\slash", [Fragment("backslash")]),
    ],
)
def test_escapes_are_literal(text: str, expected: list[Fragment]) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(open end", {"open end": 1.1}),
        ("[open end", {"open end": round(1 / 1.1, 6)}),
        ("stray) end]", {"stray) end]": 1}),
        ("(a [b) c]", {"a": 1.1, "b": 1, "c": round(1 / 1.1, 6)}),
        ("at 12:30) sharp", {"at 12:30) sharp": 1}),
        ("(drums:808s) heavy", {"drums:808s": 1.1, "heavy": 1}),
        ("(sax:1.2", {"sax:1.2": 1.1}),
        ("[sax:1.2]", {"sax:1.2": round(1 / 1.1, 6)}),
        ("(sax:)", {"sax:": 1.1}),
        ("", {"": 1}),
        ("()", {"": 1}),
        ("((((((", {"": 1}),
    ],
)
def test_forgiveness(text: str, expected: dict[str, float]) -> None:
    assert weights(text) == expected


@pytest.mark.parametrize("number", ["1e9", "nan", "NaN", "inf", "-1", "10.1", "1.2.3", "1e400"])
def test_nonsense_weights_are_refused_with_the_limits(number: str) -> None:
    with pytest.raises(PromptError, match=r"between 0 and 10") as caught:
        parse(f"(x:{number})")
    assert number in str(caught.value)


def test_brackets_multiplied_have_the_same_limit() -> None:
    with pytest.raises(PromptError, match=r"“x” would weigh 100.*between 0 and 10"):
        parse("((x:10):10)")
    with pytest.raises(PromptError, match="between 0 and 10"):
        parse("(" * 30 + "x")


prompts = st.text(st.sampled_from(list("ab :().[]\\019-")) | st.characters(codec="utf-8"))
plain = st.text(st.characters(codec="utf-8", exclude_characters="()[]\\:"), min_size=1)


@settings(deadline=None)
@given(prompts)
def test_every_text_is_read_or_refused(text: str) -> None:
    try:
        fragments = parse(text)
    except PromptError:
        return
    assert fragments
    assert all(0 <= fragment.weight <= MAX_WEIGHT for fragment in fragments)
    assert all(a.weight != b.weight for a, b in pairwise(fragments))
    assert len("".join(fragment.text for fragment in fragments)) <= len(text)


@settings(deadline=None)
@given(plain)
def test_plain_text_passes_through(text: str) -> None:
    assert parse(text) == [Fragment(text)]


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_what_is_escaped_is_literal(text: str) -> None:
    escaped = "".join(f"\\{letter}" if letter in "()[]\\" else letter for letter in text)
    assert parse(escaped) == [Fragment(text)]


@settings(deadline=None)
@given(plain, st.floats(0, MAX_WEIGHT).map(lambda weight: round(weight, 3)))
def test_a_weight_is_what_was_written(text: str, weight: float) -> None:
    assert parse(f"({text}:{weight})") == [Fragment(text, weight)]


@settings(deadline=None)
@given(plain, st.integers(0, 12), st.integers(0, 12))
def test_nesting_multiplies(text: str, rounds: int, squares: int) -> None:
    nested = "(" * rounds + "[" * squares + text + "]" * squares + ")" * rounds
    (fragment,) = parse(nested)
    assert fragment.text == text
    assert fragment.weight == pytest.approx(EMPHASIS ** (rounds - squares))


@settings(deadline=None)
@given(plain, plain)
def test_an_unclosed_group_reaches_to_the_end(before: str, after: str) -> None:
    assert parse(f"{before}({after}") == parse(f"{before}({after})")
