"""Which jam is meant, as a value and as the number in the database."""

from __future__ import annotations

import pytest

from riffbot.library.jam_record import GuildJam, JamKey, PageJam, key_from_number, key_to_number


@pytest.mark.parametrize(
    ("key", "number"),
    [
        (GuildJam(7), 7),
        (GuildJam(1 << 60), 1 << 60),
        (PageJam(1), -1),
        (PageJam(12), -12),
        (PageJam(), None),
    ],
)
def test_a_key_and_its_number_are_converted_both_ways(key: JamKey, number: int | None) -> None:
    assert key_to_number(key) == number
    assert key_from_number(number) == key
