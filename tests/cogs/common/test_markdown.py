"""Members' words in Discord's markdown: shown to the letter, with nothing live in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogs.common.markdown import escape_line, escape_markdown, sentence_to_markdown, truncate
from cogs.common.mentions import command_pattern, mention_commands
from riffbot.clips.uploads import open_upload
from riffbot.errors import RiffBotError, use_plain_quotes
from riffbot.images import Images
from riffbot.prompt import parse
from riffbot.regions import Region
from riffbot.request import RiffRequest
from riffbot.text_files import decode_text
from tests.support.discord_markdown import Shown, shown

LIVE = {
    "[a](https://x.org) and [b](https://y.org)": ["link", "link"],
    "[sax] *loud* [drums](soft)": ["italic", "link"],
    "https://x.org/(a)": ["link"],
    "<https://x.org>": ["link"],
    "<bob@x.org>": ["link"],
    "[a]( <https://x.org> 'hover')": ["link"],
    "<@1> <@&2> <#3> @everyone @here": ["mention"] * 5,
    "</jam stop:123> <id:customize>": ["mention"] * 2,
    "<t:0:R>": ["time"],
    "<:sax:1> <a:sax:12> :fire: :+1:": ["emoji"] * 4,
    "# loud": ["heading"],
    "-# small": ["subtext"],
    "- a\n* b\n1. c\n+ d": ["list"] * 4,
    "> a\n>>> b": ["quote"] * 2,
    "**a** __b__ _c_ *d* ~~e~~ ||f||": [
        "bold",
        "underline",
        "italic",
        "italic",
        "strike",
        "spoiler",
    ],
    "`a` ``b`c`` ```d```": ["code", "code", "codeblock"],
    "***a***": ["bold"],
}

PIECES = st.sampled_from(
    [
        *LIVE,
        *"\\*_~`|[](){}<>@#:-+.!/ \n1a\u00e4\U0001f3b7“”„",
        "”<@&123>",
        "”`",
        "”</privacy delete:1>“",
        "**",
        "__",
        "://",
        "https://",
        "<@",
        "](",
        "\\\\",
    ]
)
WORDS = st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join)


def just(text: str) -> list[Shown]:
    return [Shown("text", text)] if text else []


@pytest.mark.parametrize("text", LIVE)
def test_every_construct_is_live_unless_escaped(text: str) -> None:
    kinds = [run.kind for run in shown(text) if run.kind != "text"]
    assert kinds == LIVE[text]
    assert shown(escape_markdown(text)) == just(text)


@given(WORDS)
def test_escaped_text_shows_exactly_what_was_written(text: str) -> None:
    assert shown(escape_markdown(text)) == just(text)


@given(WORDS)
def test_escaped_text_stays_inside_our_bold(text: str) -> None:
    line = escape_line(text, 300)
    if line:
        (run,) = shown(f"**{line}**")
        assert run == Shown("bold", f"**{line}**")


@given(WORDS, st.integers(2, 60))
def test_a_cut_never_falls_into_an_escape(text: str, limit: int) -> None:
    line = escape_line(text, limit)
    assert len(line) <= limit
    seen = "".join(run.text for run in shown(line))
    assert {run.kind for run in shown(line)} <= {"text"}
    whole = " ".join(text.split())
    assert seen == whole or whole.startswith(seen.removesuffix("…"))


@given(WORDS, st.integers(2, 60))
def test_clipped_sentences_end_with_whole_escapes(text: str, limit: int) -> None:
    cut = truncate(escape_markdown(text), limit)
    assert len(cut) <= limit
    assert {run.kind for run in shown(cut)} <= {"text"}


def test_clipped_sentences_end_with_whole_mentions() -> None:
    sentence = "Say </jam resume:123456>, then."
    for limit in range(8, len(sentence)):
        cut = truncate(sentence, limit)
        assert len(cut) <= limit
        assert ("<" in cut) == ("</jam resume:123456>" in cut)


@given(WORDS)
def test_quoted_words_in_sentences_are_escaped(text: str) -> None:
    words = use_plain_quotes(text)
    sentence = sentence_to_markdown(f"I know no “{words}”: /jam start, please.", command_pattern())
    runs = shown(sentence)
    assert runs == [
        Shown("text", f"I know no “{words}”: "),
        Shown("code", "`/jam start`"),
        Shown("text", ", please."),
    ]


@given(WORDS)
def test_members_words_never_leave_their_quotes_in_errors(text: str) -> None:
    asks: list[Callable[[], object]] = [
        lambda: RiffRequest.build(prompt="x", steps=text),
        lambda: RiffRequest.build(prompt="x", seed_image=text),
        lambda: RiffRequest.build_strict({"prompt": "x", text: 1}),
        lambda: RiffRequest.build_strict({"prompt": "x", "steps": text}),
        lambda: parse(f"({text}:99)"),
        lambda: parse(f"(a:{text})"),
        lambda: Region.from_words(text, 512, None),
        lambda: Images(Path("none")).load(text),
        lambda: open_upload(b"", text),
        lambda: decode_text(text.encode() + b"\xff", text),
    ]
    for ask in asks:
        try:
            ask()
        except RiffBotError as error:
            said = sentence_to_markdown(str(error), command_pattern())
            assert {run.kind for run in shown(said)} <= {"text"}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Try /jam start.", "Try </jam start:7>."),
        ("Try `/jam start`.", "Try </jam start:7>."),
        ("Try `/jam start` or /riff", "Try </jam start:7> or </riff:8>"),
        ("See /library mine.", "See `/library mine`."),
        ("All of `/jam`.", "All of `/jam`."),
        ("“/jam start” is no seed image.", "“/jam start” is no seed image."),
        ("/data/riff and a/riff.png", "/data/riff and a/riff.png"),
        ("`riffbot doctor` says more", "`riffbot doctor` says more"),
        ("“`/riff`” is yours", r"“\`/riff\`” is yours"),
    ],
)
def test_commands_become_mentions_where_their_ids_are_known(sentence: str, expected: str) -> None:
    assert (
        mention_commands(sentence_to_markdown(sentence, command_pattern()), {"jam": 7, "riff": 8})
        == expected
    )
