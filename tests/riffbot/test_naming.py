"""Names of files out of prompts, and prompts out of names of files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riffbot.naming import find_free_name, prompt_from_filename, slugify, slugify_ascii
from riffbot.prompt import Fragment, parse
from riffbot.request import RiffRequest


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Funky (saxophone:1.3) riff!", "funky-saxophone-riff"),
        ("../../etc/passwd", "etc-passwd"),
        ("[[quiet]] 120 bpm", "quiet-120-bpm"),
        ("🎷", "riff"),
        ("Ärger & Öl", "ärger-öl"),
        ("x" * 300, "x" * 40),
    ],
)
def test_names_of_files(prompt: str, name: str) -> None:
    assert slugify(RiffRequest(prompt=prompt).prompt) == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Song (Live 12:30)", "Song Live 12:30"),
        ("[Intro] take_2 (808:1e9)", "Intro take_2 808:1e9"),
        ("   ", "untitled"),
        ("", "untitled"),
        ("()[]", "untitled"),
        ("caf\udce9", "café"),
        ("日本\n語", "日本 語"),
    ],
)
def test_a_files_name_is_words_and_no_weights(name: str, words: str) -> None:
    assert prompt_from_filename(name) == words


@given(st.text(st.characters(), max_size=300))
def test_any_files_name_is_a_prompt_in_which_nothing_is_a_weight(name: str) -> None:
    words = prompt_from_filename(name)
    RiffRequest.build(prompt=words)
    assert parse(words) == [Fragment(words, 1.0)]
    assert slugify(words)


@given(st.text(max_size=300))
def test_a_slug_is_a_file_name_everywhere(prompt: str) -> None:
    found = slugify(prompt)
    assert 0 < len(found) <= 40
    assert found == found.strip("-")
    assert not set(found) & set('/\\:*?"<>|. \n\0')


@given(name=st.text("ab", min_size=1, max_size=3), taken=st.sets(st.integers(2, 9)))
def test_a_free_name_is_the_wanted_one_or_the_next_number(name: str, taken: set[int]) -> None:
    assert find_free_name(name, lambda _: False) == name
    there = {name, *(f"{name}-{number}" for number in taken)}
    found = find_free_name(name, there.__contains__)
    assert found not in there
    assert all(f"{name}-{n}" in there for n in range(2, int(found.rsplit("-", 1)[1])))


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Ünïcode / sax", "unicode-sax"),
        ("Cafe\u0301 olé", "cafe-ole"),
        ("Straße, Łódź, Ærø, ﬁne", "strasse-lodz-aero-fine"),
        ("(crème:1.3) brûlée", "creme-brulee"),
        ("日本 jazz", "jazz"),
        ("🎷", "riff"),
        ("Ü" * 300, "u" * 40),
    ],
)
def test_plain_names_keep_the_letters_of_accents(prompt: str, name: str) -> None:
    assert slugify_ascii(RiffRequest(prompt=prompt).prompt) == name
