"""From a piece to sound: stems by SoundFont or synthesis, effects, levels, one loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from training import effects
from training.amps import amplify
from training.drums import render_kit
from training.fluid import STEMS, Fluid
from training.kits import find_set, render_set
from training.music.instruments import INSTRUMENTS, KITS
from training.music.piece import BEND, Piece, Track
from training.patches import render_patch
from training.sounds import render_texture
from training.strums import render_strums
from training.voices.bank import Bank
from training.voices.choir import SINGERS, Choir

RATE = 44_100
SAMPLES_PER_COLUMN = 441
PEAK = 10 ** (-3 / 20)
TAIL_SECONDS = 1.6

_PICKUP = 27
"""The program of a clean electric guitar: what goes into an amplifier."""

_MILD = frozenset({"blues", "rocknroll", "funk", "country", "jazz", "soul", "reggae"})
"""Genres whose guitars are driven gently."""

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
        played: dict[int, np.ndarray] = {}
        for index, track in enumerate(piece.tracks):
            stem = _recorded(track, piece, samples)
            if stem is not None:
                played[index] = stem
        sampled = [
            (index, _left_over(track, piece))
            for index, track in enumerate(piece.tracks)
            if _program(track, piece) >= 0 and (index not in played or track.role == "drums")
        ][:STEMS]
        for (index, _), stem in zip(
            sampled, self._play(piece, [track for _, track in sampled], samples), strict=True
        ):
            played[index] = played.get(index, 0.0) + stem
        for index, track in enumerate(piece.tracks):
            if _program(track, piece) >= 0:
                continue
            if track.instrument == "drums":
                rest = render_kit(piece.kit, _left_over(track, piece).notes, samples)
                played[index] = played.get(index, 0.0) + rest
            elif track.instrument in SINGERS:
                played[index] = self._sing(piece, track)
            else:
                patch = INSTRUMENTS[track.instrument].patch
                played[index] = render_patch(patch, track.notes, samples, rng, beat)
        return [
            played.get(index, np.zeros(samples, np.float32)) for index in range(len(piece.tracks))
        ]

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
    if "drive" in track.effects or ("metal" in track.effects and piece.seed % 4):
        return _PICKUP
    return INSTRUMENTS[track.instrument].program


def _recorded(track: Track, piece: Piece, samples: int) -> np.ndarray | None:
    """What of a track comes from recordings: drums of a set; a steel guitar's strums, mostly."""
    if track.instrument == "drums":
        held = find_set(piece.kit, piece.seed)
        return render_set(*held, track.notes, samples) if held else None
    if track.instrument != "steel" or piece.seed % 5 == 0:
        return None
    return render_strums(track.strums, samples)


def _left_over(track: Track, piece: Piece) -> Track:
    """A track without the drums that a set of recordings plays."""
    held = find_set(piece.kit, piece.seed) if track.instrument == "drums" else None
    if held is None:
        return track
    return replace(track, notes=tuple(n for n in track.notes if n.pitch not in held[1].sounds))


def _treat(stem: np.ndarray, track: Track, piece: Piece) -> np.ndarray:
    """A track's own effects."""
    beats = piece.beats
    for effect in track.effects:
        if effect == "drive":
            stem = amplify(stem, "blues" if piece.genre in _MILD else "stack")
        elif effect == "metal":
            stem = amplify(stem, "metal" if piece.seed % 4 else "stack")
        elif effect == "chorus":
            stem = effects.chorus(stem, max(1, beats // 4))
        elif effect == "tremolo":
            stem = effects.tremolo(stem, beats * 2, 0.35)
        elif effect == "rotary":
            stem = effects.chorus(effects.tremolo(stem, beats * 3, 0.2), beats * 3, 2.0)
        elif effect == "delay":
            stem = effects.delay(stem, 45 / piece.bpm, 0.4, 4)
    if piece.genre == "funk" and track.role == "chords" and track.instrument == "clean":
        stem = effects.wah(stem)
    if "pump" in piece.effects and track.role in {"chords", "pad", "bass"}:
        stem = effects.pump(stem, piece.beats)
    return stem.astype(np.float32, copy=True)
