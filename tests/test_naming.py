"""Names of files out of prompts."""

from __future__ import annotations

import pytest

from riffbot.naming import slug
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
