"""Weights in prompts: the grammar, its forgiveness, and what it refuses."""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riffbot.locations import ROOT
from riffbot.prompt import EMPHASIS, MAX_WEIGHT, Fragment, PromptError, parse, require_words
from riffbot.request import MAX_PROMPT
from tests.riffbot.prompt_before import parse_before
from tests.support import needs

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "prompts.json").read_text("utf-8")
)
WEB = ROOT / "web"


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


# -- the same prompts, read by Python, by the page, and as they were read before -----------------
# web/tests/shared/prompt_parser.test.ts holds the page to the same CASES.


def read(text: str) -> list[list[Any]] | None:
    """Fragments and rounded weights; None where the prompt is refused."""
    try:
        return [[fragment.text, round(fragment.weight, 9)] for fragment in parse(text)]
    except PromptError:
        return None


def expected(case: dict[str, Any]) -> list[list[Any]] | None:
    fragments = case.get("fragments")
    return fragments and [[text, round(weight, 9)] for text, weight in fragments]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["prompt"])
def test_labels_and_times_are_text_and_mistaken_weights_are_refused(case: dict[str, Any]) -> None:
    assert read(case["prompt"]) == expected(case)


_PAGE = """
import { readFile } from "node:fs/promises";
import { transform } from "esbuild";
const source = await readFile("src/shared/prompt_parser.ts", "utf8");
const { code } = await transform(source, { loader: "ts" });
const { parsePrompt } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
let text = "";
for await (const part of process.stdin) text += part;
const plain = (piece) => piece.replace(/\\\\([()[\\]\\\\]?)/g, "$1");
console.log(JSON.stringify(JSON.parse(text).map((prompt) => {
  const found = [];
  for (const { piece, weight, syntax } of parsePrompt(prompt)) {
    if (!(weight >= 0 && weight <= 10)) return null;
    const words = syntax ? "" : plain(piece);
    if (words && found.length && found.at(-1)[1] === weight) found.at(-1)[0] += words;
    else if (words) found.push([words, weight]);
  }
  return found.length ? found : [["", 1]];
})));
"""


def by_the_page(texts: list[str]) -> list[list[list[Any]] | None]:
    """What the page's prompt_parser.ts makes of prompts. Needs Node.js and web/node_modules."""
    done = subprocess.run(
        [needs.node() or "node", "--input-type=module", "--eval", _PAGE],
        cwd=WEB,
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = json.loads(done.stdout)
    return [f and [[text, round(weight, 9)] for text, weight in f] for f in found]


numbers = st.one_of(
    st.from_regex(r"[+-]?[0-9]{0,4}\.?[0-9]{0,3}(e[+-]?[0-9]{1,2})?", fullmatch=True),
    st.sampled_from(["nan", "inf", "-infinity", "1_0", "808s", "0x10", "１２", "٣", "1.2.3", ""]),
)
labelled = st.builds(
    "{}({}:{}{}{}){}".format,
    plain,
    st.one_of(plain, st.sampled_from(["bpm", "12", "live 12", "x2", "1.5", "(a:2)", "[b]"])),
    st.sampled_from(["", "", " ", "\t", "\u3000", "\x1c", "\ufeff"]),
    numbers,
    st.sampled_from(["", " "]),
    plain,
)


@pytest.mark.needs("node", "page")
@settings(deadline=None, max_examples=10)
@given(st.lists(labelled | prompts, min_size=100, max_size=100))
def test_the_page_reads_any_prompt_as_python_does(texts: list[str]) -> None:
    assert dict(zip(texts, by_the_page(texts), strict=True)) == {t: read(t) for t in texts}


@pytest.mark.parametrize("bracket", ["[a", "(a", "[a]", "((a:0)b", "(a:x)", "(a:1)[", ":", "(:8s)"])
def test_many_brackets_make_no_more_pieces_than_the_prompt_has_characters(
    bracket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0

    class Counted(Fragment):
        def __init__(self, text: str, weight: float = 1.0) -> None:
            nonlocal made
            made += 1
            super().__init__(text, weight)

    monkeypatch.setattr("riffbot.prompt.Fragment", Counted)
    text = bracket * (MAX_PROMPT // len(bracket))
    with suppress(PromptError):  # too loud
        parse(text)
    assert 0 < made <= 2 * len(text)


@settings(deadline=None, max_examples=500)
@given(labelled | prompts)
def test_what_was_read_before_is_read_alike(text: str) -> None:
    before = parse_before(text)
    if before is None or "_" in text:  # underscores within numbers were the one mistake
        return
    assert [(fragment.text, fragment.weight) for fragment in parse(text)] == before


@pytest.mark.parametrize("text", ["()", "( )", "[]", "(:1.2)", "((\t))"])
def test_nothing_between_brackets_is_refused_before_anything_is_made(text: str) -> None:
    with pytest.raises(PromptError, match="empty between its brackets"):
        require_words(text)


def test_a_refusal_repeats_a_few_characters_of_a_long_number() -> None:
    with pytest.raises(PromptError) as caught:
        parse(f"(x:{'9' * 900})")
    assert len(str(caught.value)) < 220
