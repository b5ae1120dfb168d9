"""Names of files out of prompts."""

from __future__ import annotations

import pytest

from riffbot.naming import ascii_slug, slug
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
    assert slug(RiffRequest(prompt=prompt).prompt) == name


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
    assert ascii_slug(RiffRequest(prompt=prompt).prompt) == name
