"""Words of a list, as members disguise them, and words that only look like them."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riffbot.rules.words import find_word, fold

LISTED = ("bad", "ass", "kill", "Scunthorpe United", "idiot*")


@pytest.mark.parametrize(
    "text",
    [
        "bad", "BAD piano", "a (bad:1.3) riff", "bаd", "ｂａｄ", "𝐛𝐚𝐝", "b\u200bad", "bád", "b4d",
        "baaaad", "b.a.d", "b a d", "bad!", "[bad]", "_bad_", "BÄD", "Ьad and bad",
        "b4d!", "b4d!!", "|b4d|", "+b4d+", "b4d!, ok", "(b4d!:1.2)",
        "b\u3164ad", "b\u115fad", "b\u2800ad", "ΒΑd", "ВАD",
    ],
)  # fmt: skip
def test_a_disguised_word_is_found(text: str) -> None:
    assert find_word(text, LISTED) == "bad"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a$$", "ass"), ("a55 kicking", "ass"), ("k1ll", "kill"), ("ki11", "kill"),
        ("KI||", "kill"),
        ("k!ll", "kill"), ("scunthorpe  united fans", "Scunthorpe United"),
        ("idiots", "idiot*"), ("a$$!", "ass"), ("!k1ll", "kill"), ("ΚΙLL", "kill"),
        ("ΚILL+", "kill"), ("k!ll!", "kill"), ("1d1otic", "idiot*"),
    ],
)  # fmt: skip
def test_digits_and_signs_are_letters_in_words(text: str, word: str | None) -> None:
    assert find_word(text, LISTED) == word


@pytest.mark.parametrize(
    "text",
    [
        "badger", "a class of bass", "brass assembly", "skill", "killer", "455 bpm", "4/4 at 120",
        "Scunthorpe", "embassy", "grass", "sinbad", "", "😀", "as soon", "lb ad", "bd",
    ],
)  # fmt: skip
def test_words_that_contain_one_are_not_it(text: str) -> None:
    assert find_word(text, LISTED) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("ΗELL", "hell"),
        ("Νazi", "nazi"),
        ("ΖOO", "zoo"),
        ("h1tler!", "hitler"),
        ("$hit!", "shit"),
        ("НELL", "hell"),
    ],
)
def test_capitals_of_other_alphabets_look_like_others_than_their_small_letters(
    text: str, word: str
) -> None:
    assert find_word(text, (word,)) == word
    assert find_word(text, (text,)) == text


def test_languages_without_spaces_have_no_boundaries() -> None:
    assert find_word("とても悪い音", ("悪い",)) == "悪い"


def test_i_and_l_are_two_letters() -> None:
    assert find_word("rain fall", ("fail",)) is None


@given(st.text(max_size=200))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(
    st.text(max_size=60), st.text(st.characters(categories=["Ll", "Lu"]), min_size=1, max_size=20)
)
def test_a_word_of_the_list_is_found_wherever_it_stands_alone(around: str, word: str) -> None:
    if not fold(word):
        return
    assert find_word(f"{around} {word} {around}", (word,)) == word
    assert find_word(
        f"{around} {unicodedata.normalize('NFD', word.upper())}", (word,)
    ) is not None or (fold(word.upper()) != fold(word))


@given(st.text(max_size=300), st.lists(st.text(min_size=1, max_size=40), max_size=5))
def test_no_text_breaks_it(text: str, words: list[str]) -> None:
    assert find_word(text, [word for word in words if fold(word).strip(" *")]) in {None, *words}


def test_no_text_takes_long() -> None:
    words = ("il" * 20, "a" * 40, "ab" * 20)
    began = time.perf_counter()
    for text in ("1" * 1000 + "x", "a" * 1000 + "!", "a." * 500, "|1" * 500 + "l"):
        find_word(text, words)
    print(f"{time.perf_counter() - began:.3f} s")
