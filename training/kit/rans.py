"""Entropy coding of small integers that lie around zero: rANS under Laplacian models.

A quantised latent is a stack of planes (C, H, W), one a principal component. Its numbers are near
zero where their neighbours are, so each is coded under a discretised Laplacian whose width follows
from the neighbours that the decoder knows already (left, above, and the same place of the plane
before). Coder: range asymmetric numeral systems with 32 bits of state and 16-bit words (Duda 2013;
Giesen 2014). Numbers beyond ±127 are sent as they are, behind an escape symbol.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio.jit import compiled

MODELS = 64
"""Laplacians to choose from, each 1.15 times as wide as the one before."""

CONTEXTS = 14
"""Degrees of activity in the neighbourhood."""

LARGEST = 127
ESCAPE = 2 * LARGEST + 1
SYMBOLS = ESCAPE + 1
_BITS = 16
_TOTAL = 1 << _BITS
_LOW = 1 << 16
"""The coder's state lies between this and 2^32."""

Planes = NDArray[np.int16]
Words = NDArray[np.uint16]


def build_tables() -> NDArray[np.uint32]:
    """Cumulative frequencies of all models, uint32 (MODELS, SYMBOLS + 1), of 2^16 in all.

    They are sent along with what was coded: another machine's exponential may differ in its last
    bit, and a decoder must have exactly the encoder's tables.
    """
    magnitude = np.abs(np.arange(SYMBOLS - 1) - LARGEST)
    tables = np.zeros((MODELS, SYMBOLS + 1), np.uint32)
    for model in range(MODELS):
        decay = 2.0 ** (5 - model / 5)
        odds = np.where(
            magnitude == 0,
            -np.expm1(-decay / 2),
            np.exp(-decay * np.minimum(magnitude, 700 / decay)) * np.sinh(min(decay, 60.0) / 2),
        )
        odds = np.append(odds, np.exp(-decay * (LARGEST + 0.5)))
        counts = np.maximum(1, np.floor(odds / odds.sum() * (_TOTAL - SYMBOLS))).astype(np.int64)
        counts[np.argmax(counts)] += _TOTAL - counts.sum()
        tables[model, 1:] = np.cumsum(counts)
    return tables


def choose_models(planes: list[Planes], tables: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The model of each component in each context, uint8 (C, CONTEXTS): the one of fewest bits."""
    counts = np.zeros((planes[0].shape[0], CONTEXTS, SYMBOLS), np.int64)
    for plane in planes:
        _count(plane, counts)
    frequencies = np.diff(tables.astype(np.int64), axis=1)
    bits = _BITS - np.log2(frequencies)
    return np.asarray(np.argmin(counts @ bits.T, axis=2), np.uint8)


def encode(planes: Planes, models: NDArray[np.uint8], tables: NDArray[np.uint32]) -> Words:
    """int16 (C, H, W) as uint16 words, the last two of which are the coder's final state."""
    out = np.empty(2 * planes.size + 64, np.uint16)
    used = _encode(np.ascontiguousarray(planes), models, tables, out)
    return out[:used].copy()


def decode(
    words: Words,
    shape: tuple[int, int, int],
    models: NDArray[np.uint8],
    tables: NDArray[np.uint32],
) -> Planes:
    """What `encode` was given. Raises ValueError where the words are not of such planes."""
    planes = np.zeros(shape, np.int16)
    left = _decode(np.ascontiguousarray(words), planes, models, tables)
    if left != 0:
        raise ValueError("these words are not of such planes")
    return planes


@compiled
def _context(planes: Planes, component: int, row: int, cell: int) -> int:
    """How active the neighbourhood is that the decoder knows, 0 … CONTEXTS − 1."""
    activity = np.int64(0)
    cells = planes.shape[2]
    if cell > 0:
        activity += 2 * abs(np.int64(planes[component, row, cell - 1]))
    if row > 0:
        activity += 2 * abs(np.int64(planes[component, row - 1, cell]))
        if cell + 1 < cells:
            activity += abs(np.int64(planes[component, row - 1, cell + 1]))
        if cell > 0:
            activity += abs(np.int64(planes[component, row - 1, cell - 1]))
    if component > 0:
        activity += 2 * abs(np.int64(planes[component - 1, row, cell]))
    if component > 1:
        activity += abs(np.int64(planes[component - 2, row, cell]))
    if activity < 6:
        return int(activity)
    context = 6
    limit = 9
    while context < CONTEXTS - 1 and activity >= limit:
        context += 1
        limit += limit // 2
    return context


@compiled
def _count(planes: Planes, counts: NDArray[np.int64]) -> None:
    components, rows, cells = planes.shape
    for component in range(components):
        for row in range(rows):
            for cell in range(cells):
                value = np.int64(planes[component, row, cell])
                symbol = value + LARGEST if abs(value) <= LARGEST else ESCAPE
                counts[component, _context(planes, component, row, cell), symbol] += 1


@compiled
def _encode(
    planes: Planes, models: NDArray[np.uint8], tables: NDArray[np.uint32], out: Words
) -> int:
    """Write the words; the number of them. The decoder reads them from the last to the first."""
    components, rows, cells = planes.shape
    state, used = np.uint64(_LOW), 0
    for component in range(components - 1, -1, -1):
        for row in range(rows - 1, -1, -1):
            for cell in range(cells - 1, -1, -1):
                value = np.int64(planes[component, row, cell])
                symbol = value + LARGEST if abs(value) <= LARGEST else ESCAPE
                if symbol == ESCAPE:  # the number itself, under a flat model of 16 bits
                    out[used] = np.uint16(state & np.uint64(0xFFFF))
                    used += 1
                    state = ((state >> np.uint64(16)) << np.uint64(16)) | np.uint64(value & 0xFFFF)
                table = tables[models[component, _context(planes, component, row, cell)]]
                low = np.uint64(table[symbol])
                frequency = np.uint64(table[symbol + 1]) - low
                if state >= frequency << np.uint64(16):
                    out[used] = np.uint16(state & np.uint64(0xFFFF))
                    used += 1
                    state >>= np.uint64(16)
                state = ((state // frequency) << np.uint64(_BITS)) + state % frequency + low
    out[used] = np.uint16(state & np.uint64(0xFFFF))
    out[used + 1] = np.uint16(state >> np.uint64(16))
    return used + 2


@compiled
def _decode(
    words: Words, planes: Planes, models: NDArray[np.uint8], tables: NDArray[np.uint32]
) -> int:
    """Fill the planes; the words left over, 0 where all is well, or −1 where they do not fit."""
    components, rows, cells = planes.shape
    place = len(words) - 2
    if place < 0:
        return -1
    state = (np.uint64(words[place + 1]) << np.uint64(16)) | np.uint64(words[place])
    for component in range(components):
        for row in range(rows):
            for cell in range(cells):
                table = tables[models[component, _context(planes, component, row, cell)]]
                at = state & np.uint64(_TOTAL - 1)
                first, last = 0, SYMBOLS
                while last - first > 1:
                    middle = (first + last) >> 1
                    if np.uint64(table[middle]) <= at:
                        first = middle
                    else:
                        last = middle
                low = np.uint64(table[first])
                state = (np.uint64(table[first + 1]) - low) * (state >> np.uint64(_BITS)) + at - low
                if state < np.uint64(_LOW):
                    place -= 1
                    if place < 0:
                        return -1
                    state = (state << np.uint64(16)) | np.uint64(words[place])
                if first == ESCAPE:
                    planes[component, row, cell] = np.int16(state & np.uint64(0xFFFF))
                    place -= 1
                    if place < 0:
                        return -1
                    state = ((state >> np.uint64(16)) << np.uint64(16)) | np.uint64(words[place])
                else:
                    planes[component, row, cell] = first - LARGEST
    return place if state == np.uint64(_LOW) else -1
