"""Places in a riff, as people name them."""

from __future__ import annotations

import pytest

from riffbot.errors import BadRequest
from riffbot.regions import Region, bars


@pytest.mark.parametrize(
    ("where", "begin", "end"),
    [
        ("bar 1", 0, 200),
        ("Replace bar 2", 200, 400),
        ("bars 1-2", 0, 400),
        ("beat 3", 100, 150),
        ("beats 5 – 8", 200, 400),
        ("2-3.5", 200, 350),
        ("2 s to 3,5 s", 200, 350),
        ("first half", 0, 200),
        ("second half", 200, 400),
        ("all", 0, 400),
    ],
)
def test_places_at_120_bpm(where: str, begin: int, end: int) -> None:
    region = Region.from_words(where, 400, 120)
    assert (region.begin, region.end) == (begin, end)
    assert Region.from_name(region.name) == region
    mask = region.mask(400)
    assert mask[:, begin:end].all()
    assert not mask[:, :begin].any()
    assert not mask[:, end:].any()


@pytest.mark.parametrize(
    "where", ["bar 0", "bar 3", "bars 2-1", "left", "", "5-4", "3-9", "bar -1"]
)
def test_places_that_are_none(where: str) -> None:
    with pytest.raises(BadRequest) as raised:
        Region.from_words(where, 400, 120)
    assert str(raised.value).endswith(".")


def test_bars_need_a_tempo() -> None:
    with pytest.raises(BadRequest, match="tempo"):
        Region.from_words("bar 1", 400, None)
    assert Region.from_words("1-2", 400, None).begin == 100
    assert bars(4.0, 120) == 2
    assert bars(4.0, None) == 0


def test_a_band_leaves_the_rest() -> None:
    mask = Region.from_words("all", 400, None, low=0, high=200).mask(400)
    assert mask[-1].all(), "low notes lie in the last row"
    assert not mask[:400].any()
    with pytest.raises(BadRequest, match="band"):
        Region.from_words("all", 400, None, low=300, high=200)


def test_other_names_are_no_regions() -> None:
    for name in ("mask_top_third", "sha256:" + "0" * 64, "region_", "region_c1-2_h3"):
        assert Region.from_name(name) is None
