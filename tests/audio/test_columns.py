"""Columns as time: seconds, beats and tempo."""

from __future__ import annotations

import subprocess
import sys

import pytest

from audio.columns import beats_of, bpm_of, columns_of, columns_of_beats, seconds_of


def test_a_column_lasts_ten_milliseconds() -> None:
    assert seconds_of(512) == 5.12


def test_seconds_are_the_nearest_number_of_columns() -> None:
    assert [columns_of(seconds) for seconds in (0, 0.014, 0.016, 5.12)] == [0, 1, 2, 512]
    assert all(columns_of(seconds_of(columns)) == columns for columns in range(360_001))


def test_beats_columns_and_tempo_belong_together() -> None:
    assert bpm_of(8, 512) == 93.75
    assert columns_of_beats(8, 93.75) == 512
    assert beats_of(512, 93.75) == 8
    assert columns_of_beats(3, 90) == pytest.approx(200)


def test_it_imports_nothing_heavy() -> None:
    code = "import audio.columns, sys; print(*{'numpy', 'scipy', 'PIL'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
