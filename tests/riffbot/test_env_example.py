"""`.env.example` documents every setting, with the value that holds when nothing is set."""

from __future__ import annotations

import re

import pytest
from pydantic import SecretStr

from riffbot.locations import ROOT
from riffbot.settings import Settings

LINE = re.compile(r"^# ((?:RIFFBOT|DISCORD)_[A-Z_]+)=(.*)$", re.MULTILINE)
TEXT = (ROOT / ".env.example").read_text()
DOCUMENTED = dict(LINE.findall(TEXT))


def name_of(field: str) -> str:
    alias = Settings.model_fields[field].validation_alias
    return str(alias) if alias else f"RIFFBOT_{field.upper()}"


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert set(DOCUMENTED) == {name_of(field) for field in Settings.model_fields}


def test_each_is_explained_in_words_above_it() -> None:
    for block in TEXT.split("\n\n"):
        if LINE.search(block):
            assert re.search(r"^# [A-Za-z0-9].{20,}$", LINE.sub("", block), re.MULTILINE), block


@pytest.mark.parametrize("field", list(Settings.model_fields))
def test_the_example_is_the_default(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # the example's relative paths are meant from the checkout
    for name in DOCUMENTED:
        monkeypatch.delenv(name, raising=False)
    example = DOCUMENTED[name_of(field)]
    default = getattr(Settings(_env_file=None), field)
    if example:
        monkeypatch.setenv(name_of(field), example)
    given = getattr(Settings(_env_file=None), field)
    if field in {"model", "seed_images"}:
        assert (ROOT / given).resolve() == (ROOT / default).resolve()
    else:
        assert given == default


def test_the_token_never_shows() -> None:
    assert isinstance(Settings(discord_token=SecretStr("abc")).discord_token, SecretStr)
    assert "abc" not in repr(Settings(discord_token=SecretStr("abc")))
