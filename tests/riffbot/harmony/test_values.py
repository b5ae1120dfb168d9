"""Keys, chords and progressions: what people write, and which chord sounds at which beat."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riffbot.generation_options import GenerationOptions
from riffbot.harmony import MODES, Chord, Harmony, HarmonyError, Key, Progression
from riffbot.harmony.chords import qualities, suggest_chord
from riffbot.harmony.notes import FLAT_NAMES, SHARP_NAMES, pitch_class_of
from riffbot.harmony.progressions import LONGEST_TEXT
from riffbot.request import RiffRequest

ROOTS = sorted({*SHARP_NAMES, *FLAT_NAMES})


@pytest.mark.parametrize(
    ("written", "name", "notes"),
    [
        ("Am7", "Am7", (9, 0, 4, 7)),
        ("Bb", "Bb", (10, 2, 5)),
        ("F#m7b5", "F#m7b5", (6, 9, 0, 4)),
        ("G/B", "G/B", (7, 11, 2)),
        ("Cmaj9", "Cmaj9", (0, 4, 7, 11, 2)),
        ("Dsus4", "Dsus4", (2, 7, 9)),
        ("CΔ7", "Cmaj7", (0, 4, 7, 11)),
        ("CM7", "Cmaj7", (0, 4, 7, 11)),
        ("Cmin7", "Cm7", (0, 3, 7, 10)),
        ("C-7", "Cm7", (0, 3, 7, 10)),
        ("am7", "Am7", (9, 0, 4, 7)),
        ("bb", "Bb", (10, 2, 5)),
        ("B♭m", "Bbm", (10, 1, 5)),
        ("F♯ø", "F#m7b5", (6, 9, 0, 4)),
        ("C°7", "Cdim7", (0, 3, 6, 9)),
        ("C+", "Caug", (0, 4, 8)),
        ("C6/9", "C69", (0, 4, 7, 9, 2)),
        ("C6/9/E", "C69/E", (0, 4, 7, 9, 2)),
        ("Cm/maj7", "Cmmaj7", (0, 3, 7, 11)),
        ("Am7(b5)", "Am7b5", (9, 0, 3, 7)),
        ("G7alt", "G7#9#5", (7, 11, 3, 5, 10)),
    ],
)
def test_chords_as_people_write_them(written: str, name: str, notes: tuple[int, ...]) -> None:
    chord = Chord.parse(written)
    assert (chord.name, chord.pitch_classes) == (name, notes)
    assert chord.root == notes[0]


def test_the_note_behind_the_slash_is_the_bass() -> None:
    assert (Chord.parse("G/B").root, Chord.parse("G/B").bass) == (7, 11)
    assert Chord.parse("Am7").bass == 9


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Amm7", "Am7"),
        ("H7", "B7"),
        ("Gmj7", "Gmaj7"),
        ("F#m7b55", "F#m7b5"),
        ("C/X", "C"),
        ("Am7/", "Am7"),
    ],
)
def test_a_wrong_chord_is_told_the_nearest_right_one(written: str, meant: str) -> None:
    with pytest.raises(HarmonyError, match=rf"^There is no chord “{written}”\. Did you mean "):
        Chord.parse(written)
    with pytest.raises(HarmonyError, match=rf"Did you mean {meant}\?$"):
        Harmony.parse(None, f"C {written} F")


def test_what_resembles_no_chord_is_told_how_chords_look() -> None:
    with pytest.raises(HarmonyError, match="Write chords as Am7"):
        Chord.parse("qwertz")


@given(st.sampled_from(ROOTS), st.sampled_from(sorted(qualities())), st.sampled_from(ROOTS))
def test_every_chord_is_read_again_from_its_name(root: str, quality: str, bass: str) -> None:
    chord = Chord.parse(f"{root}{quality}/{bass}")
    assert Chord.parse(chord.name) == chord
    assert Chord.parse(chord.name).name == chord.name
    assert (chord.root, chord.bass) == (pitch_class_of(root), pitch_class_of(bass))
    assert chord.pitch_classes[0] == chord.root
    assert len(set(chord.pitch_classes)) == len(chord.pitch_classes)


@given(st.text(max_size=60))
def test_any_text_is_a_progression_or_one_sentence(text: str) -> None:
    try:
        progression = Progression.parse(text)
    except HarmonyError as error:
        sentence = str(error)
    else:
        assert Progression.parse(progression.text) == progression
        return
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("F# minor", "F# minor"),
        ("f sharp min", "F# minor"),
        ("am", "A minor"),
        ("A", "A major"),
        ("bb", "Bb major"),
        ("B-flat Major", "Bb major"),
        ("E♭", "Eb major"),
        ("D dorian", "D dorian"),
        ("A-minor", "A minor"),
        ("Gb", "Gb major"),
    ],
)
def test_keys_as_people_write_them(written: str, name: str) -> None:
    assert Key.parse(written).name == name


@pytest.mark.parametrize("written", ["H", "minor", "", "Am7", "A minor blues", "fish"])
def test_what_is_no_key_gets_a_sentence(written: str) -> None:
    with pytest.raises(HarmonyError, match="There is no key"):
        Key.parse(written)


@given(st.integers(0, 11), st.sampled_from(MODES))
def test_a_key_is_read_again_from_its_name(tonic: int, mode: str) -> None:
    key = Key(tonic, mode)  # type: ignore[arg-type]
    assert Key.parse(key.name) == key
    assert len(set(key.pitch_classes)) == 7


def test_keys_are_equal_whatever_their_spelling() -> None:
    assert Key.parse("Gb") == Key.parse("F#")


@pytest.mark.parametrize(
    ("key", "numerals", "chords"),
    [
        ("Bb", "ii-V-I", "Cm F Bb"),
        ("Bb", "ii7–V7–Imaj7", "Cm7 F7 Bbmaj7"),
        ("D major", "I V vi IV", "D A Bm G"),
        ("A minor", "i VI III VII", "Am F C G"),
        ("A minor", "i bVI bIII bVII", "Am F C G"),
        ("A minor", "iiø V7 i vii°7", "Bm7b5 E7 Am G#dim7"),
        ("C", "bVII IV I #iv°", "Bb F C F#dim"),
        ("C", "I V7/V V7 I", "C D7 G7 C"),
        ("F#", "I IV V", "F# B C#"),
        ("Gb", "I IV V", "Gb Cb Db"),
        ("D dorian", "i IV", "Dm G"),
    ],
)
def test_numerals_are_chords_of_the_key(key: str, numerals: str, chords: str) -> None:
    assert Harmony.parse(key, numerals).describe_chords() == chords
    assert Harmony.parse(key, numerals).measures == Harmony.parse(None, chords).measures


@pytest.mark.parametrize(
    ("old", "new", "written", "moved"),
    [
        ("C", "Bb", "C G/B Am7 | F#dim . .", "Bb F/A Gm7 | Edim"),
        ("A minor", "F# minor", "Am F C G", "F#m D A E"),
        ("C", "Gb", "C G7sus4 | N.C. I", "Gb Db7sus4 | N.C. I"),
    ],
)
def test_chords_move_to_another_key(old: str, new: str, written: str, moved: str) -> None:
    progression = Progression.parse(written).move(Key.parse(old), Key.parse(new))
    assert progression.text == moved


@given(st.integers(0, 11), st.integers(0, 11), st.sampled_from(MODES))
def test_moving_there_and_back_changes_no_note(one: int, other: int, mode: str) -> None:
    there, home = Key(other, mode), Key(one, mode)  # type: ignore[arg-type]
    chord = Chord.parse("F#m7b5/C")
    assert chord.move(there, other - one).move(home, one - other) == chord


def test_numerals_without_a_key_ask_for_one() -> None:
    with pytest.raises(HarmonyError, match="please say which key"):
        Harmony.parse(None, "ii V I")


@pytest.mark.parametrize(
    ("written", "text", "beats"),
    [
        ("Am7 D7", "Am7 D7", "Am7 Am7 Am7 Am7 D7 D7 D7 D7"),
        ("Am7 .", "Am7 .", "Am7 Am7 Am7 Am7 Am7 Am7 Am7 Am7"),
        ("| Am7 D7 |", "| Am7 D7 |", "Am7 Am7 D7 D7 Am7 Am7 D7 D7"),
        ("Am7 D7 | Gmaj7 . . C", "Am7 D7 | Gmaj7 . . C", "Am7 Am7 D7 D7 Gmaj7 Gmaj7 Gmaj7 C"),
        ("Am7->D7", "Am7 D7", "Am7 Am7 Am7 Am7 D7 D7 D7 D7"),
        ("C-G", "C G", "C C C C G G G G"),
        ("|: C | % :|", "C %", "C C C C C C C C"),
        ("C | . G", "C | . G", "C C C C C C G G"),
        ("C N.C.", "C N.C.", "C C C C None None None None"),
        ("C | | G", "C . G", "C C C C C C C C"),
    ],
)
def test_chords_share_their_measure(written: str, text: str, beats: str) -> None:
    assert Progression.parse(written).text == text
    assert " ".join(map(str, Harmony.parse(None, written).chords_of_beats(8))) == beats


def test_a_progression_goes_on_in_a_circle_from_any_measure() -> None:
    harmony = Harmony.parse(None, "Am F C")
    names = [str(chord) for chord in harmony.chords_of_beats(12, 3, first_measure=2)]
    assert names == ["C"] * 3 + ["Am"] * 3 + ["F"] * 3 + ["C"] * 3
    assert str(harmony.chord_at(-1)) == "C"


def test_a_key_alone_leaves_the_chords_open() -> None:
    harmony = Harmony.parse("F# minor")
    assert harmony.chords_of_beats(3) == (None, None, None)
    assert harmony.describe() == "F# minor"
    assert not harmony.is_open
    assert Harmony().is_open


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("", "There are no chords"),
        (". C", "no chord yet that could be held"),
        ("| C D E F G |", "room for 4"),
        ("C " * 65, "64 are the most"),
        ("C" + " " * LONGEST_TEXT, "under 10000 characters"),
        ("q-q " * 140, "140 measures"),
        ("C|" * 70, "70 measures"),
    ],
)
def test_what_cannot_be_played_gets_a_sentence(written: str, sentence: str) -> None:
    with pytest.raises(HarmonyError, match=sentence):
        Progression.parse(written)


def test_a_description_has_both() -> None:
    assert Harmony.parse("A minor", "i . | V7 i").describe() == "A minor · Am | E7 Am"


@pytest.mark.parametrize("text", ["C## sharp minor", "Bbb flat minor", "Cb sharp", "C m\u0131nor"])
def test_a_note_of_three_accidentals_is_no_key(text: str) -> None:
    with pytest.raises(HarmonyError, match=f"no key “{text}”"):
        Key.parse(text)


@pytest.mark.parametrize(
    "typed",
    ["C C C C|" * 64, "NC " * 64, "Cmaj9#11/Bb" + " %" * 63, "I((((((((" + " %" * 63],
)
def test_text_that_was_accepted_may_be_written_out(typed: str) -> None:
    progression = Progression.parse(typed)
    for text in (progression.text, progression.from_measure(3).text):
        assert Progression.parse(text).measures[0][0] == progression.measures[3][0]
    request = RiffRequest.build(prompt="x", key="C", chords=typed, bpm=120)
    assert RiffRequest.build(**request.model_dump()) == request
    assert request.with_changes(chords=progression.from_measure(1).text).chords
    options = GenerationOptions.build(prompt="x", chords=typed)
    assert options.with_defaults(key="C").chords == request.chords
    beats = progression.measures * 4
    assert Progression.parse(Progression.build([m * (4 // len(m)) for m in beats[:64]]).text)


def test_a_hostile_text_gets_one_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("riffbot.harmony.chords.suggest_chord", asked.append)
    for typed in ("q-q " * 60, "|".join(["q-q z-z"] * 60), "q-" * 4000, "C" + "q" * 4000):
        asked.clear()
        with pytest.raises(HarmonyError):
            Progression.parse(typed)
        assert len(asked) <= 1


def test_a_long_word_is_like_no_chord() -> None:
    assert suggest_chord("Am7" * 9) is None
    assert suggest_chord("Amm7") == "Am7"
