"""Settings as people write them: odd folders, odd encodings, `~`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from riffbot import locations
from riffbot.errors import BadRequest
from riffbot.library import migrate
from riffbot.library.connection import database_url, file_of
from riffbot.library.store import Library
from riffbot.request import RiffRequest
from riffbot.settings import Settings, load_settings
from tests.riffbot.library.conftest import ANN, files, made


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("RIFFBOT_"):
            monkeypatch.delenv(name)


ODD = [
    "what?now",
    "100%",
    "a%41b",
    "C#",
    "with space",
    "müsik ♫",
    "it's",
    'a "quote"',
    "back\\slash",
]


@pytest.mark.parametrize("name", ODD)
async def test_a_library_lies_in_its_data_folder_whatever_that_is_called(
    tmp_path: Path, name: str
) -> None:
    data = tmp_path / name / "data"
    settings = Settings(_env_file=None, data_dir=data)
    assert file_of(database_url(settings.database)) == data / "riffbot.db"
    library = await Library.open(settings)
    try:
        request = RiffRequest(prompt="funk", seed=1)
        job = await library.jobs.create(request, author=ANN)
        await library.jobs.finish(job.id, made(request), files("funk"))
        assert [riff.prompt for riff in (await library.riffs.page()).riffs] == ["funk"]
    finally:
        await library.close()
    assert (data / "riffbot.db").is_file()
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208


@pytest.mark.parametrize("name", ODD)
def test_the_migrations_are_found_whatever_the_checkout_is_called(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(locations.ROOT / "migrations", tmp_path / name / "migrations")
    monkeypatch.setattr(locations, "ROOT", tmp_path / name)
    settings = Settings(_env_file=None, data_dir=tmp_path)
    migrate.upgrade(settings.database)
    current, newest = migrate.revisions(settings.database)
    assert current == newest


@pytest.mark.parametrize(
    ("name", "older"), [("what?now", "what"), ("a%41b", "aAb/data/riffbot.db")]
)
def test_a_library_that_an_older_riffbot_put_elsewhere_is_still_found(
    tmp_path: Path, name: str, older: str
) -> None:
    data = tmp_path / name / "data"
    data.mkdir(parents=True)
    (tmp_path / older).parent.mkdir(parents=True, exist_ok=True)
    # As it was pasted once.
    migrate.upgrade(f"sqlite+aiosqlite:///{data / 'riffbot.db'}")
    assert (tmp_path / older).is_file()
    assert Settings(_env_file=None, data_dir=data).database_file == tmp_path / older
    (data / "riffbot.db").touch()
    assert Settings(_env_file=None, data_dir=data).database_file == data / "riffbot.db"


def test_a_tilde_is_the_home_folder_in_every_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RIFFBOT_DATA_DIR", "~/riffs")
    monkeypatch.setenv("RIFFBOT_MODEL", "~/model")
    monkeypatch.setenv("RIFFBOT_SEED_IMAGES", "~/seeds")
    monkeypatch.setenv("RIFFBOT_LORAS", '["~/banjo"]')
    monkeypatch.setenv("RIFFBOT_DATABASE_URL", "sqlite:///~/riffs.db")
    settings, home = load_settings(), tmp_path / "home"
    assert settings.data_dir == home / "riffs"
    assert settings.model == str(home / "model")
    assert settings.seed_images == home / "seeds"
    assert settings.loras == [home / "banjo"]
    assert file_of(database_url(settings.database)) == home / "riffs.db"


def test_a_folder_called_tilde_that_is_there_already_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "~" / "riffs").mkdir(parents=True)
    assert Settings(_env_file=None, data_dir=Path("~/riffs")).data_dir == Path("~/riffs")


def test_a_tilde_without_a_home_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIFFBOT_DATA_DIR", "~nobody-of-that-name/riffs")
    with pytest.raises(BadRequest, match=r"RIFFBOT_DATA_DIR is wrong \(there is no home folder"):
        load_settings()


TEXT = "# Café\nRIFFBOT_MAX_BATCH=7\n"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (TEXT.encode("utf-16"), "UTF-16: please save the file as UTF-8"),
        (TEXT.encode("utf-16-be"), "null character|UTF-8"),
        (TEXT.encode("latin-1"), r"not UTF-8 \(line 1\)"),
        (b"RIFFBOT_MAX_BATCH=7\nx=\xe9\n", r"not UTF-8 \(line 2\)"),
        (b"RIFFBOT_MAX_BATCH=7\0\n", r"line 1 has a null character"),
    ],
)
def test_settings_that_are_no_text_are_one_sentence_with_the_files_name(
    tmp_path: Path, data: bytes, sentence: str
) -> None:
    (tmp_path / ".env").write_bytes(data)
    with pytest.raises(BadRequest, match=sentence) as raised:
        load_settings()
    assert str(tmp_path / ".env") in str(raised.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("text", [TEXT, "RIFFBOT_MAX_BATCH=7\n"])
def test_settings_in_utf8_are_read_with_or_without_its_mark(
    tmp_path: Path, text: str, encoding: str
) -> None:
    (tmp_path / ".env").write_bytes(text.encode(encoding))
    assert load_settings().max_batch == 7


def test_a_folder_or_a_pipe_called_dot_env_is_no_settings(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    assert load_settings().max_batch == Settings(_env_file=None).max_batch


def test_seeds_and_cards_in_another_encoding_are_one_sentence(tmp_path: Path) -> None:
    from riffbot.errors import ModelError, StorageError
    from riffbot.images import Images
    from riffbot.inference.models.loading import read_card

    (tmp_path / "seeds.toml").write_bytes('[b]\ntitle = "Café"\n'.encode("latin-1"))
    with pytest.raises(StorageError, match=r"seeds\.toml.* is no UTF-8: please save it"):
        Images(tmp_path)
    (tmp_path / "riffbot.json").write_bytes('{"name": "é"}'.encode("utf-16"))
    with pytest.raises(ModelError, match=r"riffbot\.json is no UTF-8"):
        read_card(tmp_path)
