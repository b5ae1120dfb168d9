"""JSON as RFC 8259 has it: what is read, what is refused, and in how many words."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riffbot.errors import BadRequest
from riffbot.request import RiffRequest
from riffbot.web.strict_json import MAX_DEPTH, MAX_NAMES, MAX_VALUES, parse_json, parse_json_object

texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.integers(-(10**19), 10**19) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(values)
def test_what_json_can_say_is_read_as_it_stands(value: object) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value
    assert parse_json(json.dumps(value).encode()) == value


@settings(deadline=None)
@given(st.binary(max_size=60) | texts.map(str.encode))
def test_any_bytes_are_read_or_refused_in_a_short_sentence(data: bytes) -> None:
    refusal = ""
    try:
        found = parse_json(data)
    except BadRequest as error:
        refusal = str(error)
    else:
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    assert len(refusal) < 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("9" * 400, "400 digits"),
        ("-" + "9" * 21, "22 digits"),
        ("9" * 5000, "5000 digits"),
        ("0." + "1" * 100, "102 characters"),
        ("1e999", "larger than any"),
        ("NaN", "NaN is no number"),
        ("-Infinity", "-Infinity is no number"),
        (r'"\ud800"', "half of a character"),
        (r'{"\udfff": 1}', "half of a character"),
        (r'[[["a", "\ude00\ud83d"]]]', "half of a character"),
        ('{"a": {"b": 1, "b": 1}}', "“b” stands twice"),
        ('{"' + "x" * 5000 + '": 1, "' + "x" * 5000 + '": 1}', "xxx…” stands twice"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "levels deep"),
        ("[" * 100_000, "no JSON"),
        (json.dumps(dict.fromkeys(map(str, range(MAX_NAMES + 1)))), f"more than {MAX_NAMES} names"),
        (json.dumps([1] * (MAX_VALUES + 1)), "holds more than 10,000 values"),
        (json.dumps([0.5] * (MAX_VALUES + 1)), "holds more than 10,000 values"),
        (json.dumps([""] * (MAX_VALUES + 1)), "holds more than 10,000 values"),
        (json.dumps([{}] * (MAX_VALUES + 1)), "holds more than 10,000 values"),
        (json.dumps([[None]] * (MAX_VALUES // 2)), "holds more than 10,000 values"),
        ("{} {}", "no JSON"),
        ("", "no JSON"),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_no_json_or_too_much_of_it_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words.replace("-", r"\-")) as caught:
        parse_json(text.encode())
    assert len(str(caught.value)) < 120


def test_a_whole_number_is_an_integer_however_it_is_written() -> None:
    read = parse_json_object(b'{"a": 42.0, "b": 4e1, "c": 0.5, "d": -0.0, "e": 1e17}')
    assert read == {"a": 42, "b": 40, "c": 0.5, "d": 0, "e": 1e17}
    assert [type(value) for value in read.values()] == [int, int, float, int, float]
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None
    assert parse_json(rb'"\ud83c\udfb7"') == "🎷"
    assert parse_json(b"\xef\xbb\xbf{}") == {}


def many(what: str, size: int) -> bytes:
    """JSON of about `size` bytes that is made to be slow to read."""
    match what:
        case "names, the last one twice":
            names = [f'"{number:07d}":1' for number in range(size // 12)]
            return ("{" + ",".join([*names, names[-1]]) + "}").encode()
        case "one name":
            return ("{" + ",".join(['"a":1'] * (size // 6)) + "}").encode()
        case "objects":
            return ("[" + ",".join(['{"a":1}'] * (size // 8)) + "]").encode()
        case "numbers":
            return ("[" + ",".join(["1.5"] * (size // 4)) + "]").encode()
        case "texts":
            return ("[" + ",".join(['""'] * (size // 3)) + "]").encode()
        case "brackets":
            return b"[" * size
        case _:
            return ('{"a":"' + "\\n" * (size // 2)).encode()


def spent(data: bytes) -> float:
    """Processor seconds that reading takes, the least of three tries."""
    times = []
    for _ in range(3):
        began = time.process_time()
        with pytest.raises(BadRequest):
            parse_json(data)
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize(
    "what",
    [
        "names, the last one twice",
        "one name",
        "objects",
        "numbers",
        "texts",
        "brackets",
        "an open text",
    ],
)
def test_reading_takes_time_in_proportion_to_the_length(what: str) -> None:
    small, large = many(what, 64 * 1024), many(what, 2 * 1024 * 1024)
    # 32 times as long; what grew with the square would take a thousand times as long.
    assert spent(large) < 200 * max(spent(small), 0.0005)


def test_an_object_of_as_many_names_as_are_allowed_is_read() -> None:
    names = dict.fromkeys(map(str, range(MAX_NAMES)), 1)
    assert parse_json(json.dumps(names).encode()) == names
    assert len(parse_json(json.dumps([1] * (MAX_VALUES - 1)).encode())) == MAX_VALUES - 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"seed": 10**400}, "Seed must be 4294967295 or less, not a number of more than 20 digits"),
        ({"seed": 10**5000}, "not a number of more than 20 digits"),
        ({"guidance": 10**5000}, "The guidance must be a number"),
        ({"seed_image": "x" * 5000}, "xxx…” is no seed image that I know"),
        ({"x" * 5000: 1}, "no setting called “xxx"),
        ({"piece": {"kind": "9" * 5000}}, "piece"),
        ({"seed": True}, "The seed must be a whole number, not True."),
        ({"steps": 2.5}, "The steps must be a whole number, not 2.5."),
        ({"scheduler": "x" * 65}, "The scheduler is too long"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else "",
)
def test_a_refusal_repeats_a_few_characters_at_most(fields: dict[str, object], words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        RiffRequest.build_strict({"prompt": "x", **fields})
    assert words in str(caught.value)
    assert len(str(caught.value)) < 250
    assert "\n" not in str(caught.value)
