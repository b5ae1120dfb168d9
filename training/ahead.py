"""Conditioning computed ahead, for a GPU that would otherwise wait for words, grids and chords.

A caption's token states and prompt embedding never change while the denoiser learns, a beat grid is
that of all clips of its beats and width, and a chord looks alike wherever it is played. So each is
computed once and kept in the device's memory; a batch then gathers rows. A caption is 25 kB in half
precision: 30,000 clips with ten captions each are 7.5 GB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from audio.mel import N_MELS
from riffbot.inference.models.beats import STRIDE
from riffbot.inference.models.harmony_planes import CHANNELS, ShownChord, harmony_planes
from training.conditioning import Shown, grids, shown_chords, shown_key
from training.dataset import Json

AT_ONCE = 512
"""Captions encoded in one batch."""

ROWS = N_MELS // STRIDE
"""Latent rows of a picture."""

Encode = Callable[[list[str]], tuple[Tensor, Tensor]]


class _Rows:
    """A tensor that grows by doubling: (capacity, …), of which `count` rows are in use."""

    def __init__(self) -> None:
        self.held: Tensor | None = None
        self.count = 0

    def append(self, rows: Tensor) -> None:
        need = self.count + len(rows)
        if self.held is None or need > len(self.held):
            grown = rows.new_empty(max(need, 2 * self.count), *rows.shape[1:])
            if self.held is not None:
                grown[: self.count] = self.held[: self.count]
            self.held = grown
        self.held[self.count : need] = rows
        self.count = need

    def take(self, places: Tensor) -> Tensor:
        assert self.held is not None
        return self.held[places.to(self.held.device)]


class CaptionsAhead:
    """A conditioner (`training.conditioning.Conditioner`) that answers from what it has learnt.

    Args:
        encode: the conditioner that is asked once a caption.
        device: where the rows are kept.
    """

    def __init__(self, encode: Encode, device: torch.device) -> None:
        self._encode, self._device = encode, device
        self._place = dict[str, int]()
        self._states, self._pooled = _Rows(), _Rows()

    def __len__(self) -> int:
        return len(self._place)

    def learn(self, texts: Iterable[str]) -> None:
        """Encode those that are new."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._place]
        for first in range(0, len(fresh), AT_ONCE):
            some = fresh[first : first + AT_ONCE]
            states, pooled = self._encode(some)
            self._states.append(states.to(self._device, torch.float16))
            self._pooled.append(pooled.to(self._device, torch.float32))
            self._place |= {text: len(self._place) + i for i, text in enumerate(some)}

    def __call__(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Token states float32 (B, 32, 384) and prompt embeddings (B, 384), on the device."""
        self.learn(texts)
        places = torch.tensor([self._place[text] for text in texts])
        return self._states.take(places).float(), self._pooled.take(places)


class GridsAhead:
    """Beat grids by what decides them: beats and meter, the size, the share of the clip."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._rows = dict[tuple[int, ...], _Rows]()
        self._place = dict[tuple[int, ...], dict[tuple[int, int], int]]()

    def __call__(self, labels: list[Json], cells: int, rows: int, share: int = 1) -> Tensor:
        """`training.conditioning.grids` on the device."""
        size = (cells, rows, share)
        held, place = self._rows.setdefault(size, _Rows()), self._place.setdefault(size, {})
        keys = [(said["beats"], said["meter"]) for said in labels]
        fresh = {key: said for key, said in zip(keys, labels, strict=True) if key not in place}
        if fresh:
            held.append(grids(list(fresh.values()), *size).to(self._device, torch.float16))
            place |= {key: len(place) + i for i, key in enumerate(fresh)}
        return held.take(torch.tensor([place[key] for key in keys])).float()


class HarmoniesAhead:
    """Planes of key and chords, put together on the device from what each chord looks like.

    In every beat a chord, its bass and the key are each one column of cells (`_drawings`), spread
    over the beat's cells (`_shares`). So a batch is one product of the two.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._drawings, self._place = _Rows(), dict[tuple[str, object], int]()
        self._shares = dict[tuple[int, int], Tensor]()

    def __call__(
        self,
        labels: list[Json],
        cells: int,
        rows: int,
        shown: Sequence[Shown],
        *,
        half: int | None = None,
    ) -> Tensor:
        """`training.conditioning.harmonies` on the device."""
        numbers = [
            self._numbers(said, how, half, rows) for said, how in zip(labels, shown, strict=True)
        ]
        beats = max(max((len(chords) for chords, _, _ in numbers), default=1), 1)
        places = torch.zeros(3, len(labels), beats, dtype=torch.long)
        shares = torch.zeros(len(labels), beats, cells, device=self._device)
        counts = dict[int, list[int]]()
        for row, (chords, basses, key) in enumerate(numbers):
            places[0, row, : len(chords)] = torch.tensor(chords, dtype=torch.long)
            places[1, row, : len(basses)] = torch.tensor(basses, dtype=torch.long)
            places[2, row, 0] = key
            counts.setdefault(len(chords), []).append(row)
        for count, of in counts.items():
            if count:
                shares[torch.tensor(of, device=self._device), :count] = self._share(cells, count)
        chord, bass = (self._drawings.take(part) for part in places[:2])
        parts = [torch.einsum("bnpr,bnc->bprc", drawn, shares) for drawn in (chord, bass)]
        key_drawn = self._drawings.take(places[2, :, 0])
        parts.append(key_drawn[..., None].expand(*key_drawn.shape, cells))
        return torch.cat(parts, dim=1)

    def _numbers(
        self, said: Json, how: Shown, half: int | None, rows: int
    ) -> tuple[list[int], list[int], int]:
        """Which drawings a clip has: of each beat's chord and bass, and of its key."""
        kept = said.setdefault("ahead", {})
        if (how, half) not in kept:
            chords = shown_chords(said, how, half)
            kept[how, half] = (
                [self._drawn("chord", chord and chord.pitch_classes, rows) for chord in chords],
                [self._drawn("bass", chord and chord.bass, rows) for chord in chords],
                self._drawn("key", shown_key(said, how), rows),
            )
        found: tuple[list[int], list[int], int] = kept[how, half]
        return found

    def _drawn(self, kind: str, what: Any, rows: int) -> int:
        """The place of a drawing float32 (planes, rows); that of nothing is 0."""
        if not self._place:
            self._place["nothing", None] = 0
            self._drawings.append(torch.zeros(1, CHANNELS // 3, rows, device=self._device))
        if what is None:
            return 0
        if (kind, what) not in self._place:
            if kind == "key":
                planes = harmony_planes(1, rows, key=what)
            else:
                pitch_classes, bass = (what, None) if kind == "chord" else ((), what)
                planes = harmony_planes(1, rows, [ShownChord(pitch_classes, bass)])
            drawn = planes.chunk(3)[("chord", "bass", "key").index(kind)][..., 0]
            self._place[kind, what] = len(self._place)
            self._drawings.append(drawn[None].to(self._device))
        return self._place[kind, what]

    def _share(self, cells: int, count: int) -> Tensor:
        """How much of each cell each of `count` beats takes, float32 (count, cells)."""
        if (cells, count) not in self._shares:
            # The last plane of a chord says how much of a cell is known.
            known = [
                harmony_planes(
                    cells, ROWS, [ShownChord(()) if at == beat else None for at in range(count)]
                )[CHANNELS // 3 - 1, 0]
                for beat in range(count)
            ]
            self._shares[cells, count] = torch.stack(known).to(self._device)
        return self._shares[cells, count]
