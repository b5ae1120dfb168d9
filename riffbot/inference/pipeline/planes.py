"""Tempo, key and chords of requests → what the denoiser is shown beside the latents.

The beat grid and, for models that read them, the planes of the harmony. Guidance multiplies the
difference between an answer with and one without the prompt; the half without it sees both faintly,
so that guidance leads towards beat and harmony as it leads towards the words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from audio.columns import beats_of
from riffbot.harmony import Chord, Harmony, Key
from riffbot.images import Images
from riffbot.inference.models.beats import beat_grid, meter_of, scale_beats, whole_beats
from riffbot.inference.models.harmony_planes import ShownChord, ShownKey, harmony_planes
from riffbot.inference.models.model import Model
from riffbot.inference.pipeline.pixels import HEIGHT
from riffbot.regions import BEATS
from riffbot.request import RiffRequest
from riffbot.tempo import is_waltz

UNPROMPTED_BEAT = 0.5
"""Amplitude of the beat grid in the unconditional half of the guidance.

At 1 guidance does nothing for the beat, at 0 it makes gentle music pound: tempo is as right at 0.5
as at 0, and clips lie closer to real ones (training/LOG.md, version 3).
"""

UNPROMPTED_HARMONY = 0.5
"""The same of the harmony."""


class Planes(NamedTuple):
    """Channels beside the latents in either half of the guidance, float32[N, C, h, w]."""

    prompted: torch.Tensor
    unprompted: torch.Tensor


class PlaneDrawer:
    """Draws the planes of resolved requests for one model."""

    def __init__(self, model: Model, images: Images) -> None:
        self._model = model
        self._images = images

    def draw(self, requests: Sequence[RiffRequest]) -> Planes | None:
        """The planes of a batch on the model's device; None for models that read none."""
        if not self._model.card.beat_grid:
            return None
        cells = self._model.padded_width(requests[0]) // self._model.stride
        beats = torch.stack([self._beat_grid(request, cells) for request in requests])
        prompted, unprompted = [beats], [scale_beats(beats, UNPROMPTED_BEAT)]
        if self._model.card.harmony_grid:
            harmony = torch.stack([self._harmony(request, cells) for request in requests])
            prompted.append(harmony)
            unprompted.append(UNPROMPTED_HARMONY * harmony)
        device = self._model.device
        return Planes(torch.cat(prompted, 1).to(device), torch.cat(unprompted, 1).to(device))

    def _beat_grid(self, request: RiffRequest, cells: int) -> torch.Tensor:
        assert request.width is not None
        beats = whole_beats(request.width, request.bpm)
        meter = 4 if beats is None else meter_of(beats, waltz=self._is_waltz(request))
        return beat_grid(cells, self._rows, beats, meter)

    def _harmony(self, request: RiffRequest, cells: int) -> torch.Tensor:
        assert request.width is not None
        harmony = request.find_harmony()
        beats: float | None = whole_beats(request.width, request.bpm)
        if beats is None and request.bpm is not None:
            beats = beats_of(request.width, request.bpm)
        chords = chords_of_beats(harmony, beats, 3 if self._is_waltz(request) else BEATS)
        key = None if harmony.key is None else _shown_key(harmony.key)
        return harmony_planes(cells, self._rows, chords, key, beats=beats)

    def _is_waltz(self, request: RiffRequest) -> bool:
        known = None
        if request.seed_image is not None:
            known = self._images.waltz(request.seed_image)
        return is_waltz(request.prompt) if known is None else known

    @property
    def _rows(self) -> int:
        return HEIGHT // self._model.stride


def chords_of_beats(harmony: Harmony, beats: float | None, meter: int) -> list[ShownChord | None]:
    """The chord of each beat; where the tempo is unknown only a chord that never changes."""
    if not harmony.measures:
        return []
    if beats is None:
        chords = {chord for measure in harmony.measures for chord in measure}
        return [_shown_chord(chords.pop(), begins=True)] if len(chords) == 1 else []
    row = harmony.chords_of_beats(math.ceil(beats), meter)
    return [
        _shown_chord(chord, begins=number % meter == 0 or chord != row[number - 1])
        for number, chord in enumerate(row)
    ]


def _shown_chord(chord: Chord | None, *, begins: bool) -> ShownChord | None:
    """A chord as it is shown in a beat; None where no chord sounds.

    A bass that is written holds as long as its chord; otherwise the root is the bass where the
    chord begins, and then the bass is free to walk.
    """
    if chord is None:
        return None
    is_bass_shown = begins or chord.bass != chord.root
    return ShownChord(chord.pitch_classes, chord.bass if is_bass_shown else None)


def _shown_key(key: Key) -> ShownKey:
    return ShownKey(key.tonic, key.pitch_classes)
