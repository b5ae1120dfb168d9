"""Whatever integers there are come back, and ordinary ones take as few bits as they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from training.kit import rans

TABLES = rans.build_tables()

shapes = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 9))
planes = st.one_of(
    arrays.arrays(np.int16, shapes),
    arrays.arrays(np.int16, shapes, elements=st.integers(-3, 3)),
    arrays.arrays(np.int16, shapes, elements=st.integers(-140, 140)),
)


@settings(deadline=None)
@given(planes)
def test_what_is_encoded_comes_back(held: rans.Planes) -> None:
    models = rans.choose_models([held], TABLES)
    words = rans.encode(held, models, TABLES)
    shape = (held.shape[0], held.shape[1], held.shape[2])
    assert np.array_equal(rans.decode(words, shape, models, TABLES), held)


@settings(deadline=None)
@given(planes, planes)
def test_the_models_need_not_be_the_planes_own(held: rans.Planes, other: rans.Planes) -> None:
    """A shard has one choice of models for all of its clips."""
    models = np.resize(rans.choose_models([other], TABLES), (held.shape[0], rans.CONTEXTS))
    words = rans.encode(held, models, TABLES)
    shape = (held.shape[0], held.shape[1], held.shape[2])
    assert np.array_equal(rans.decode(words, shape, models, TABLES), held)


@settings(deadline=None)
@given(planes, st.data())
def test_cut_words_are_refused_or_other_planes_never_a_crash(
    held: rans.Planes, data: st.DataObject
) -> None:
    models = rans.choose_models([held], TABLES)
    words = rans.encode(held, models, TABLES)
    keep = data.draw(st.integers(0, len(words) - 1))
    shape = (held.shape[0], held.shape[1], held.shape[2])
    try:
        found = rans.decode(words[:keep], shape, models, TABLES)
    except ValueError:
        return
    assert found.shape == held.shape


def test_the_bits_are_those_of_the_entropy() -> None:
    held = np.round(np.random.default_rng(0).laplace(0, 2, (8, 32, 32))).astype(np.int16)
    _, counts = np.unique(held, return_counts=True)
    share = counts / held.size
    entropy = -(share * np.log2(share)).sum() * held.size
    words = rans.encode(held, rans.choose_models([held], TABLES), TABLES)
    assert len(words) * 16 == pytest.approx(entropy, rel=0.03)


def test_what_the_neighbours_tell_is_not_sent() -> None:
    """Loud and silent regions cost less than the same numbers strewn about."""
    rng = np.random.default_rng(1)
    loud = np.repeat((rng.random((4, 4, 1)) < 0.5), 32, axis=2)[:, np.arange(32) // 8]
    held = np.where(loud, np.round(rng.laplace(0, 8, (4, 32, 32))), 0).astype(np.int16)
    strewn = rng.permutation(held.ravel()).reshape(held.shape)

    def size(planes: rans.Planes) -> int:
        return len(rans.encode(planes, rans.choose_models([planes], TABLES), TABLES))

    assert size(held) < 0.8 * size(strewn)
