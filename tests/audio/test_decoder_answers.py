"""What the decoder's process answers is checked as if a stranger had written it."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import decoder_answers, image, regrid
from audio.errors import AudioError
from audio.params import SpectrogramParams

any_value = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 10**400, float("nan"), float("inf")])
    | st.floats()
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["shape", "rate", "notes", "more", "image"]), inner, max_size=8
        )
    ),
    max_leaves=20,
)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[dict[str, Any], bool]:
    """A picture's answer, and whether an honest decoder could have given it."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    stereo = draw(st.booleans())
    rate = draw(st.integers(1000, 768000))
    samples = st.integers(round(rate / 1000), rate * 10)
    lowest = draw(st.integers(0, rate - 1))
    params: dict[str, Any] = {
        "sample_rate": rate,
        **{name: draw(samples) for name in ("hop_length", "win_length", "n_fft")},
        "n_mels": draw(st.integers(1, 8192)),
        "min_frequency": lowest,
        "max_frequency": draw(st.integers(lowest + 1, rate)),
        "power": draw(st.floats(0.01, 10)),
        "stereo": stereo,
    }
    fields: dict[str, Any] = {
        "params": params,
        "recipe": draw(st.none() | st.text(max_size=9)),
        "grey": draw(st.booleans()),
        "note": draw(st.sampled_from(["", "The file ends too early."])),
        "retired_tag": draw(st.booleans()),
    }
    honest = draw(st.booleans())
    if not honest:
        where = draw(st.sampled_from([params, fields]))
        where[draw(st.sampled_from(sorted(where)))] = draw(any_value)
    shape = [height, width, 2] if stereo else [height, width]
    return {"shape": shape, "image": fields}, honest


def blank(array: np.ndarray) -> None:
    assert array.nbytes <= 1_000_000
    array[:] = 128


@settings(max_examples=150, deadline=None)
@given(pictures())
def test_a_picture_of_a_process_in_a_strangers_hands_can_be_used_or_is_refused(
    answer: tuple[dict[str, Any], bool],
) -> None:
    done, honest = answer
    try:
        found = decoder_answers.parse_image(done, blank, 500_000)
    except (ValueError, KeyError, TypeError):
        assert not honest
        return
    assert found.recipe is None or isinstance(found.recipe, str)
    assert isinstance(found.note, str)
    image.encode_png(found.pixels, params=found.params)
    with contextlib.suppress(AudioError):
        # As it was made, that is, not scaled; a column of it, which is quick.
        regrid.to_standard(replace(found, pixels=np.zeros((found.params.n_mels, 1), np.uint8)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("sample_rate", value) for value in (0, -1, True, 44100.0, 10**400)),
        *(("power", value) for value in (0, 0.0, -1.0, float("nan"), 10**400, "1")),
        *(("max_frequency", value) for value in (0, 10**400, 44101)),
        *(("hop_length", value) for value in (0, 1, 441001)),
        *(("n_mels", value) for value in (0, 8193)),
        *(("stereo", value) for value in (1, True, None)),
        *(("recipe", value) for value in (5, [], True)),
        *(("note", value) for value in (7, None)),
        *(("grey", value) for value in (1, None)),
    ],
)
def test_a_picture_that_says_of_itself_what_none_can_is_refused(name: str, value: object) -> None:
    fields: dict[str, Any] = {
        "params": asdict(SpectrogramParams()),
        "recipe": None,
        "grey": True,
        "note": "",
        "retired_tag": False,
    }
    answer = {"shape": [4, 4], "image": fields}
    assert decoder_answers.parse_image(answer, blank, 100).params == SpectrogramParams()
    (fields["params"] if name in fields["params"] else fields)[name] = value
    with pytest.raises((ValueError, TypeError)):
        decoder_answers.parse_image(answer, blank, 100)


@settings(max_examples=300, deadline=None)
@given(any_value)
def test_an_answer_of_a_process_in_a_strangers_hands_is_no_worse_than_refused(
    done: object,
) -> None:
    def fill(array: object) -> None:
        assert getattr(array, "nbytes", 0) <= 1_000_000

    for check in (
        lambda: decoder_answers.parse_sound(done, fill, 1_000_000),  # type: ignore[arg-type]
        lambda: decoder_answers.parse_tags(done, fill),  # type: ignore[arg-type]
        lambda: decoder_answers.parse_image(done, fill, 500_000),  # type: ignore[arg-type]
    ):
        try:
            check()
        except (ValueError, KeyError, TypeError):
            continue


def test_samples_that_are_no_sound_are_refused() -> None:
    def fill(array: np.ndarray) -> None:
        array[:] = np.nan

    done = {"shape": [100], "rate": 44100, "notes": [], "more": False}
    with pytest.raises(ValueError, match="samples"):
        decoder_answers.parse_sound(done, fill, 1000)
