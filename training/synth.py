"""From a piece to sound: stems by SoundFont or synthesis, effects, levels, one loop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training import effects
from training.drums import render_kit
from training.fluid import STEMS, Fluid
from training.music.instruments import INSTRUMENTS, KITS
from training.music.piece import BEND, Piece, Track
from training.patches import render_patch
from training.sounds import render_texture
from training.voices.bank import Bank
from training.voices.choir import SINGERS, Choir

RATE = 44_100
SAMPLES_PER_COLUMN = 441
PEAK = 10 ** (-3 / 20)
TAIL_SECONDS = 1.6

_DENSE = frozenset({"metal", "punk", "rock", "techno", "trance", "house", "dubstep", "dnb", "pop"})


class Synth:
    """Renders pieces; one per process, or forked after it has been made."""

    def __init__(self, soundfont_paths: Sequence[Path]) -> None:
        self._fluid = Fluid(soundfont_paths, RATE)
        self._choir: Choir | None = None

    def render(self, piece: Piece) -> np.ndarray:
        """The piece as float32 of `width * 441` samples, a seamless loop at -3 dBFS peak."""
        samples = piece.width * SAMPLES_PER_COLUMN
        rng = np.random.default_rng(piece.seed)
        beat = 60 / piece.bpm
        stems = self._stems(piece, samples, rng, beat)
        mix = np.zeros(samples, np.float32)
        send = np.zeros(samples, np.float32)
        for track, stem in zip(piece.tracks, stems, strict=True):
            sound = _treat(stem, track, piece)
            sound *= 0.1 * 10 ** (track.level / 20) / max(effects.loudness(sound), 1e-9)
            mix += sound
            send += sound * track.reverb
        if piece.tracks:
            mix += effects.reverb(send, piece.room)
        if "delay" in piece.effects:
            mix = effects.delay(mix, 0.75 * beat, 0.3, 3)
        if "sweep" in piece.effects:
            mix = 0.35 * mix + effects.sweep(mix, 1)
        if "lofi" in piece.effects:
            mix = effects.lofi(mix)
        for texture in piece.textures:
            sound = render_texture(texture.name, samples, rng, beat)
            mix += sound * (0.1 * 10 ** (texture.level / 20) / max(effects.loudness(sound), 1e-9))
        if piece.genre in _DENSE and piece.tracks:
            mix = effects.limit(mix, 4.0)
        mix -= np.mean(mix)
        return (mix * (PEAK / max(float(np.max(np.abs(mix))), 1e-9))).astype(np.float32)

    def _stems(
        self, piece: Piece, samples: int, rng: np.random.Generator, beat: float
    ) -> list[np.ndarray]:
        sampled = [t for t in piece.tracks if _program(t, piece) >= 0][:STEMS]
        rendered = dict(zip(map(id, sampled), self._play(piece, sampled, samples), strict=True))
        stems = []
        for track in piece.tracks:
            if id(track) in rendered:
                stems.append(rendered[id(track)])
            elif track.instrument == "drums":
                stems.append(render_kit(piece.kit, track.notes, samples))
            elif track.instrument in SINGERS:
                stems.append(self._sing(piece, track))
            else:
                patch = INSTRUMENTS[track.instrument].patch
                stems.append(render_patch(patch, track.notes, samples, rng, beat))
        return stems

    def _sing(self, piece: Piece, track: Track) -> np.ndarray:
        """A vocal stem. Raises VoicesError where there is no bank of voices."""
        if self._choir is None:
            self._choir = Choir(Bank())
        return self._choir.render(track, piece)

    def _play(self, piece: Piece, tracks: list[Track], samples: int) -> list[np.ndarray]:
        if not tracks:
            return []
        fluid = self._fluid
        fluid.reset()
        events: list[tuple[int, int, int, int, float]] = []
        for channel, track in enumerate(tracks):
            bank = 128 if track.instrument == "drums" else 0
            fluid.program(channel, piece.soundfont, bank, _program(track, piece))
            fluid.control(channel, 7, 110)
            for note in track.notes:
                start = round(note.start * RATE)
                end = max(start + 1200, round((note.start + note.duration) * RATE))
                events.append((start, 2, channel, note.pitch, note.velocity))
                events.append((min(end, samples + RATE), 1, channel, note.pitch, 0))
            for control in track.controls:
                place = min(samples - 1, round(control.time * RATE))
                events.append((place, 0, channel, control.controller, control.value))
        events.sort()
        # Whole blocks of 64 samples, so that the next clip's events fall on the same grid.
        total = -(-(samples + round(TAIL_SECONDS * RATE)) // 64) * 64
        stems = np.zeros((2 * STEMS, total), np.float32)
        position = 0
        for place, kind, channel, number, value in events:
            if min(place, total) > position:
                fluid.process(stems, position, min(place, total) - position)
                position = min(place, total)
            if kind == 2:
                fluid.note_on(channel, number, int(value))
            elif kind == 1:
                fluid.note_off(channel, number)
            elif number == BEND:
                fluid.bend(channel, value)
            else:
                fluid.control(channel, number, max(0, min(127, round(value))))
        fluid.release()
        if position < total:
            fluid.process(stems, position, total - position)
        mono = 0.5 * (stems[0::2] + stems[1::2])
        fade = RATE // 10
        mono[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        loops = mono[: len(tracks), :samples].copy()
        loops[:, : total - samples] += mono[: len(tracks), samples:]
        return list(loops)


def _program(track: Track, piece: Piece) -> int:
    if track.instrument == "drums":
        return KITS[piece.kit]
    return INSTRUMENTS[track.instrument].program


def _treat(stem: np.ndarray, track: Track, piece: Piece) -> np.ndarray:
    """A track's own effects."""
    beats = piece.beats
    for effect in track.effects:
        if effect == "drive":
            stem = effects.drive(stem, 2.5)
        elif effect == "metal":
            stem = effects.drive(stem, 6.0, 5000.0)
        elif effect == "chorus":
            stem = effects.chorus(stem, max(1, beats // 4))
        elif effect == "tremolo":
            stem = effects.tremolo(stem, beats * 2, 0.35)
        elif effect == "rotary":
            stem = effects.chorus(effects.tremolo(stem, beats * 3, 0.2), beats * 3, 2.0)
        elif effect == "delay":
            stem = effects.delay(stem, 45 / piece.bpm, 0.4, 4)
    if "pump" in piece.effects and track.role in {"chords", "pad", "bass"}:
        stem = effects.pump(stem, piece.beats)
    return stem.astype(np.float32, copy=True)
