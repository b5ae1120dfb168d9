"""Text files, whatever editor saved them."""

from __future__ import annotations

import codecs
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riffbot.errors import BadRequest
from riffbot.text_files import decode_text, split_lines


@pytest.mark.parametrize(
    "data",
    [
        "é\n".encode(),
        "é\n".encode("utf-8-sig"),
        codecs.BOM_UTF16_LE + "é\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "é\n".encode("utf-16-be"),
        codecs.BOM_UTF32_LE + "é\n".encode("utf-32-le"),
    ],
)
def test_every_mark_is_read_and_gone(data: bytes) -> None:
    assert decode_text(data, "x") == "é\n"


@pytest.mark.parametrize(
    "data", [b"caf\xe9", b"\x89PNG\r\n\x1a\n", b"\xff\xfe\0", b"\0\0\xfe\xff1"]
)
def test_other_encodings_are_one_sentence(data: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^“x.jsonl” is no text file in UTF-8: .*\.$"):
        decode_text(data, "x.jsonl")


@given(
    prompts=st.lists(st.text(max_size=30), max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    escaped=st.booleans(),
    mark=st.booleans(),
)
def test_a_line_of_json_is_a_line_whatever_its_strings_hold(
    prompts: list[str], end: str, escaped: bool, mark: bool
) -> None:
    prompts = [prompt.encode("utf-8", "ignore").decode() for prompt in prompts]
    text = "".join(json.dumps(prompt, ensure_ascii=escaped) + end for prompt in prompts)
    read = split_lines(decode_text((b"\xef\xbb\xbf" if mark else b"") + text.encode(), "x"))
    if not mark and text.startswith("\ufeff"):
        return
    assert [json.loads(line) for line in read if line] == prompts
    assert len(read) == len(prompts) + 1
