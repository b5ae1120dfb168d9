"""Secrets of the owner's settings reach no sentence, no log and no other process."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from pydantic import SecretStr

from riffbot.errors import RiffBotError, describe_for_owner
from riffbot.library.store import Library
from riffbot.settings import Settings, load_settings

SECRET = "correct-horse-battery"

DATABASES = {
    "no server": f"postgresql+asyncpg://riffbot:{SECRET}@127.0.0.1:1/riffbot",
    "no such port": f"postgresql+asyncpg://riffbot:{SECRET}@127.0.0.1:port/riffbot",
    "an at sign in the password": f"postgresql+asyncpg://riffbot:{SECRET}@x@127.0.0.1:1/riffbot",
    "another database": f"mysql://riffbot:{SECRET}@127.0.0.1/riffbot",
    "no URL": f"riffbot:{SECRET}@127.0.0.1",
}


@pytest.mark.parametrize("url", DATABASES.values(), ids=DATABASES)
async def test_a_databases_password_is_in_no_sentence_and_no_log(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = Settings(_env_file=None, data_dir=tmp_path, database_url=url)
    with pytest.raises(RiffBotError) as raised:
        await Library.open(settings)
    assert SECRET not in str(raised.value)
    assert SECRET not in describe_for_owner(raised.value)
    assert SECRET not in caplog.text


def test_settings_that_are_printed_hide_what_is_secret() -> None:
    settings = Settings(
        _env_file=None,
        discord_token=SecretStr(SECRET),
        activity_client_secret=SecretStr(SECRET),
    )
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump()}"


def test_a_setting_that_is_refused_repeats_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(
        f"DISCORD_TOKEN={SECRET}\nRIFFBOT_ACTIVITY_CLIENT_ID={SECRET}\nRIFFBOT_WEB_PORT=x\n"
    )
    with pytest.raises(RiffBotError) as raised:
        load_settings()
    assert SECRET not in str(raised.value)
