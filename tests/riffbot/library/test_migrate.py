"""Up, down, and exactly what the models say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from riffbot.errors import StorageError
from riffbot.library import migrate
from riffbot.library.tables import Base


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "riffbot.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def tables(path: Path) -> set[str]:
    engine = create_engine(f"sqlite:///{path}")
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_up_twice_and_down_again(url: str, path: Path) -> None:
    migrate.upgrade(url)
    migrate.upgrade(url)
    everything = {*Base.metadata.tables, "alembic_version"}
    assert {"riffs", "riff_words", "favourites", "jobs", "jams", "members"} < everything
    assert tables(path) == everything
    current, newest = migrate.revisions(url)
    assert current == newest
    migrate.downgrade(url, "base")
    assert tables(path) == {"alembic_version"}
    migrate.upgrade(url)
    assert "riffs" in tables(path)


def test_the_migrations_make_exactly_the_models_tables(url: str, path: Path) -> None:
    migrate.upgrade(url)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_a_library_of_a_newer_riffbot_is_left_alone(url: str, path: Path) -> None:
    migrate.upgrade(url)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StorageError, match="newer RiffBot"):
        migrate.upgrade(url)


def test_processes_that_start_together_upgrade_once(url: str, path: Path) -> None:
    code = f"from riffbot.library.migrate import upgrade; upgrade({url!r})"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)
    ]
    errors = [process.communicate(timeout=100)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert "riffs" in tables(path)


def test_a_failed_upgrade_leaves_nothing_half_done(
    url: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_at_jobs(name: str, table: str, columns: list[str]) -> None:
        if table == "jobs":
            raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_index", break_at_jobs)
        with pytest.raises(RuntimeError, match="power cut"):
            migrate.upgrade(url)
    assert tables(path) == set()
    migrate.upgrade(url)
    assert "jobs" in tables(path)


def test_an_older_library_keeps_its_riffs_up_and_down(url: str, path: Path) -> None:
    migrate.upgrade(url, "0001")
    engine = create_engine(f"sqlite:///{path}")
    columns = (
        "id, request, prompt, prompt_key, seed, seed_image, denoising, model_name, model_hash, "
        "batch, author_id, guild_id, created_at, parent_id, duration_s, alt, png, mp3, picture, "
        "remix_allowed"
    )
    with engine.begin() as connection:
        for riff, image, parent in (("a", None, None), ("b", "sha256:x", "a")):
            values = {"id": riff, "image": image, "parent": parent}
            connection.execute(
                text(
                    f"INSERT INTO riffs ({columns}) VALUES (:id, '{{}}', 'dub', 'dub', 1, :image, "
                    "0.75, 'm', 'h', 1, 7, 9, '2026-01-01', :parent, 1.0, '', 'p', 's', 'q', 1)"
                ),
                values,
            )
        connection.execute(text("INSERT INTO riff_words VALUES ('b', 'dub', '2026-01-01')"))
        connection.execute(text("UPDATE riffs SET channel_id = 5 WHERE id = 'b'"))
    migrate.upgrade(url)
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT id, kind, parent_id, gone FROM riffs")).all()
        assert sorted(map(tuple, rows)) == [("a", "riff", None, None), ("b", "remix", "a", None)]
        words = text("SELECT word, author_id, guild_id, audience_id, created_at FROM riff_words")
        (word,) = connection.execute(words).all()
        assert tuple(word) == ("dub", 7, 9, 5, "2026-01-01"), "who sees its channel sees the riff"
        connection.execute(text("UPDATE riffs SET gone = 'erased' WHERE id = 'a'"))
        song = '{"prompt": "dub", "seed": 1, "piece": {"kind": "extend"}, "alpha": 0.5}'
        for riff, request in (("c", '{"prompt": "dub", "piece": null}'), ("d", song)):
            connection.execute(
                text(
                    f"INSERT INTO riffs ({columns}) VALUES (:id, :request, 'dub', 'dub', 1, NULL, "
                    "0.75, 'm', 'h', 1, 7, 9, '2026-01-01', NULL, 1.0, '', 'p', 's', 'q', 1)"
                ),
                {"id": riff, "request": request},
            )
    migrate.downgrade(url, "0001")
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT id, parent_id FROM riffs ORDER BY id")).all()
        left = [("b", None), ("c", None), ("d", None)]
        assert [tuple(row) for row in rows] == left, "an empty place is no riff there"
        words = connection.execute(text("SELECT * FROM riff_words")).all()
        assert [tuple(row) for row in words] == [("b", "dub", "2026-01-01")]
        requests = dict(connection.execute(text("SELECT id, request FROM riffs")).all())
        assert json.loads(requests["c"]) == {"prompt": "dub"}, "older ones know no pieces"
        assert json.loads(requests["d"]) == {
            "prompt": "dub",
            "seed": 1,
            "seed_image": "sha256:p",
            "denoising": 0.0,
        }
    engine.dispose()
