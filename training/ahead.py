"""Conditioning computed ahead, for a GPU that would otherwise wait for words and grids.

A caption's token states and prompt embedding never change while the denoiser learns, and a clip's
grid is that of all clips of its beats and width. So each is computed once, when its shard is read,
and kept in the device's memory; a batch then gathers rows. 25 kB a caption in half precision:
30,000 clips with ten captions each are 7.5 GB.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from training.dataset import Json

AT_ONCE = 512
"""Captions encoded in one batch."""

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
    """Grids by what decides them: a label without its captions, the size, the share of the clip.

    Args:
        draw: makes the grids of labels (`training.conditioning.grids`).
        device: where the rows are kept.
    """

    def __init__(self, draw: Callable[..., Tensor], device: torch.device) -> None:
        self._draw, self._device = draw, device
        self._rows = dict[tuple[int, ...], _Rows]()
        self._place = dict[tuple[int, ...], dict[str, int]]()

    def __call__(self, labels: list[Json], cells: int, rows: int, *part: int) -> Tensor:
        """The grids (B, CHANNELS, rows, cells) of some labels, on the device."""
        size = (cells, rows, *part)
        held, place = self._rows.setdefault(size, _Rows()), self._place.setdefault(size, {})
        keys = [_key(said) for said in labels]
        fresh = {key: said for key, said in zip(keys, labels, strict=True) if key not in place}
        if fresh:
            held.append(self._draw(list(fresh.values()), *size).to(self._device, torch.float16))
            place |= {key: len(place) + i for i, key in enumerate(fresh)}
        return held.take(torch.tensor([place[key] for key in keys])).float()


def _key(said: Json) -> str:
    held = said.get("key")
    if held is None:  # kept with the label: it is asked for in every batch
        told = {name: value for name, value in said.items() if name != "captions"}
        held = said["key"] = json.dumps(told, sort_keys=True)
    return str(held)
