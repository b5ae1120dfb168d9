"""What the words of a prompt say about key and chords, and what is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riffbot.harmony import Harmony, HarmonyText, find_harmony
from riffbot.request import RiffRequest


@pytest.mark.parametrize(
    ("prompt", "key"),
    [
        ("lo-fi piano in A minor", "A minor"),
        ("lo-fi piano in the key of a minor", "A minor"),
        ("lo-fi piano in a flat minor", "Ab minor"),
        ("soul in E flat, warm", "Eb major"),
        ("slow D minor grooves", "D minor"),
        ("slow jazz, A minor, brushes", "A minor"),
        ("A minor, sad piano", "A minor"),
        ("A minor blues, slow guitar", "A minor"),
        ("slow solo, A minor pentatonic", "A minor"),
        ("C minor techno", "C minor"),
        ("c# minor ambient", "C# minor"),
        ("F sharp minor, dark", "F# minor"),
        ("B-flat major waltz", "Bb major"),
        ("house in F# minor, 124 bpm", "F# minor"),
        ("house in F♯ minor", "F# minor"),
        ("(folk in E minor:1.2)", "E minor"),
        ("key of F#", "F# major"),
        ("in the key of Em, folk", "E minor"),
        ("key: Am", "A minor"),
        ("slow blues in A", "A major"),
        ("blues in A with harmonica", "A major"),
        ("in Ab, gospel", "Ab major"),
        ("modal jazz in D dorian", "D dorian"),
        ("rhythm changes in Bb", "Bb major"),
    ],
)
def test_keys_in_words(prompt: str, key: str) -> None:
    assert find_harmony(prompt) == HarmonyText(key, None)


@pytest.mark.parametrize(
    "prompt",
    [
        "Am",
        "I Am the walrus",
        "in a minor mood",
        "sit in a minor",
        "A minor setback",
        "live in a flat by the sea",
        "live in a flat",
        "written in C++",
        "in D.C. with drums",
        "Generation D minor league",
        "Vitamin C major sale",
        "in a minor key, slow",
        "a major lift, drums",
        "A major lift, drums",
        "A minor key ballad",
        "a minor change of plan",
        "A major scale runs",
        "C major 7 chord",
        "minor third",
        "major league baseball organ",
        "dorian mode",
        "recorded in A club",
        "D and B",
        "Plan A B C D",
        "E G B string tuning",
        "acid TR-808 and TB-303",
        "I-V-vi-IV pop anthem",
        "World War II",
        "funky sax",
        "",
    ],
)
def test_prose_is_left_alone(prompt: str) -> None:
    assert find_harmony(prompt) == HarmonyText(None, None)


@pytest.mark.parametrize(
    ("prompt", "key", "chords"),
    [
        ("lo-fi piano Am7 D7 Gmaj7", None, "Am7 D7 Gmaj7"),
        ("lo-fi piano, chords: C G Am F", None, "C G Am F"),
        ("Am F C G, strummed guitar", None, "Am F C G"),
        ("Am7 -> Dm7 -> G7", None, "Am7 Dm7 G7"),
        ("chords: Am7 . D7 . | Gmaj7", None, "Am7 . D7 . | Gmaj7"),
        ("ii-V-I in Bb", "Bb major", "ii V I"),
        ("bebop ii–V–I in B♭ major", "Bb major", "ii V I"),
        ("pop, I V vi IV in D major", "D major", "I V vi IV"),
    ],
)
def test_chords_in_words(prompt: str, key: str | None, chords: str) -> None:
    assert find_harmony(prompt) == HarmonyText(key, chords)


def test_numerals_count_where_the_key_comes_from_elsewhere() -> None:
    assert find_harmony("I-V-vi-IV pop", has_key=True).chords == "I V vi IV"


@pytest.mark.parametrize("part", ["C1", "A minor ", "ii-", "Cm", "C7(", "in ", "C\t", "I"])
def test_a_long_prompt_is_read_at_once(part: str) -> None:
    find_harmony(part * (1000 // len(part)) + "!", has_key=True)


@pytest.mark.parametrize(
    "prompt",
    [
        "piano in C m\u0131nor, slow",
        "in E \u017fharp minor",
        "\u212aey of C m\u0130nor",
        "in C## sharp minor",
        "in Bbb flat minor",
        "key of bb sharp",
        "Cb sharp minor",
    ],
)
def test_a_key_that_cannot_be_read_is_none(prompt: str) -> None:
    found = find_harmony(prompt)
    assert found.parse().key is None or found.key == "C minor"
    assert RiffRequest.build(prompt=prompt).prompt == prompt


_WORDS = [
    "in",
    "key of",
    "C",
    "Bb",
    "f##",
    "a",
    "flat",
    "sharp",
    "minor",
    "M\u0130NOR",
    "m\u0131nor",
]
_MORE_WORDS = [
    "ioni\u0131an",
    "\u017fharp",
    "dor\u0131an",
    "\u212aey",
    "Am7",
    "D7",
    "ii",
    "V",
    "|",
    ",",
]


@given(st.lists(st.sampled_from(_WORDS + _MORE_WORDS), max_size=9), st.sampled_from([" ", "-", ""]))
def test_no_prompt_is_refused_over_its_harmony(words: list[str], between: str) -> None:
    prompt = "x " + between.join(words)
    find_harmony(prompt).parse()
    RiffRequest.build(prompt=prompt)


@given(st.text(alphabet="ABCDEFGabiv m7#/-|.,I V", max_size=80), st.booleans())
def test_what_is_found_can_be_read(prompt: str, has_key: bool) -> None:
    found = find_harmony(prompt, has_key=has_key)
    harmony = Harmony.parse(found.key or ("C" if has_key else None), found.chords)
    assert harmony.is_open == (found == HarmonyText() and not has_key)
