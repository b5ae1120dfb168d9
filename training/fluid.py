"""The few calls of libfluidsynth that rendering needs, through ctypes.

One stem a MIDI channel comes out as float32, so that each instrument can be levelled and sent
through its own effects; 16-bit output would lift the noise floor of quiet solos.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

STEMS = 8
REMEDY = (
    "install libfluidsynth3 and fluidr3mono-gm-soundfont, or all with training/install_sources.sh"
)


class FluidError(RuntimeError):
    """The synthesiser could not be set up."""


def library() -> ctypes.CDLL:
    """Load libfluidsynth; `RIFFBOT_FLUIDSYNTH` names another place.

    Raises:
        FluidError: it is not installed, or not to be found there.
    """
    name = os.environ.get("RIFFBOT_FLUIDSYNTH") or ctypes.util.find_library("fluidsynth")
    try:
        lib = ctypes.CDLL(name or "libfluidsynth.so.3")
    except OSError as error:
        raise FluidError(f"libfluidsynth is missing: {REMEDY} ({error})") from error
    pointer, number = ctypes.c_void_p, ctypes.c_int
    for call, result, arguments in (
        ("new_fluid_settings", pointer, []),
        ("fluid_settings_setint", number, [pointer, ctypes.c_char_p, number]),
        ("fluid_settings_setnum", number, [pointer, ctypes.c_char_p, ctypes.c_double]),
        ("new_fluid_synth", pointer, [pointer]),
        ("delete_fluid_synth", None, [pointer]),
        ("delete_fluid_settings", None, [pointer]),
        ("fluid_synth_sfload", number, [pointer, ctypes.c_char_p, number]),
        ("fluid_synth_program_select", number, [pointer, number, number, number, number]),
        ("fluid_synth_noteon", number, [pointer, number, number, number]),
        ("fluid_synth_noteoff", number, [pointer, number, number]),
        ("fluid_synth_cc", number, [pointer, number, number, number]),
        ("fluid_synth_pitch_bend", number, [pointer, number, number]),
        ("fluid_synth_all_notes_off", number, [pointer, number]),
        ("fluid_synth_get_sfont_by_id", pointer, [pointer, number]),
        ("fluid_synth_add_sfont", number, [pointer, pointer]),
        ("fluid_synth_remove_sfont", number, [pointer, pointer]),
        ("fluid_synth_process", number, [pointer, number, number, pointer, number, pointer]),
        ("fluid_set_log_function", pointer, [number, pointer, pointer]),
    ):
        function = getattr(lib, call)
        function.restype, function.argtypes = result, arguments
    return lib


class Fluid:
    """One synthesiser with its SoundFonts loaded; safe to use after a fork."""

    def __init__(self, soundfonts: Sequence[Path], sample_rate: int) -> None:
        self._lib = lib = library()
        if not soundfonts:
            raise FluidError(f"no SoundFont was found: {REMEDY}, or name one in RIFFBOT_SOUNDFONTS")
        for level in range(1, 5):
            lib.fluid_set_log_function(level, None, None)
        self._settings = settings = lib.new_fluid_settings()
        for key, value in (
            ("synth.reverb.active", 0),
            ("synth.chorus.active", 0),
            ("synth.audio-groups", STEMS),
            ("synth.audio-channels", STEMS),
            ("synth.polyphony", 192),
            ("synth.threadsafe-api", 0),
        ):
            lib.fluid_settings_setint(settings, key.encode(), value)
        lib.fluid_settings_setnum(settings, b"synth.sample-rate", float(sample_rate))
        lib.fluid_settings_setnum(settings, b"synth.gain", 0.5)
        self._synth = lib.new_fluid_synth(settings)
        self._loaded: list[int] = []
        self._fonts: list[int] = []
        for path in soundfonts:
            font = lib.fluid_synth_sfload(self._synth, str(path).encode(), 0)
            if font < 0:
                raise FluidError(f"cannot load the SoundFont {path}")
            self._fonts.append(font)
            self._loaded.append(lib.fluid_synth_get_sfont_by_id(self._synth, font))

    def __len__(self) -> int:
        return len(self._fonts)

    def reset(self) -> None:
        """Start from nothing: a new synthesiser that takes over the loaded SoundFonts.

        A system reset is not enough: voices keep traces of the clip before, and a clip must not
        depend on its neighbours.
        """
        lib = self._lib
        for font in self._loaded:
            lib.fluid_synth_remove_sfont(self._synth, font)
        lib.delete_fluid_synth(self._synth)
        self._synth = lib.new_fluid_synth(self._settings)
        self._fonts = [lib.fluid_synth_add_sfont(self._synth, font) for font in self._loaded]

    def program(self, channel: int, font: int, bank: int, program: int) -> None:
        """Choose the instrument of a channel, with bank 128 for drum kits."""
        self._lib.fluid_synth_program_select(
            self._synth, channel, self._fonts[font % len(self._fonts)], bank, program
        )

    def note_on(self, channel: int, pitch: int, velocity: int) -> None:
        """Start a note."""
        self._lib.fluid_synth_noteon(self._synth, channel, pitch, velocity)

    def note_off(self, channel: int, pitch: int) -> None:
        """Release a note."""
        self._lib.fluid_synth_noteoff(self._synth, channel, pitch)

    def control(self, channel: int, controller: int, value: int) -> None:
        """Move a controller."""
        self._lib.fluid_synth_cc(self._synth, channel, controller, value)

    def bend(self, channel: int, semitones: float) -> None:
        """Bend a channel by up to two semitones."""
        value = max(0, min(16383, round(8192 + semitones * 4096)))
        self._lib.fluid_synth_pitch_bend(self._synth, channel, value)

    def release(self) -> None:
        """Let go of every note."""
        self._lib.fluid_synth_all_notes_off(self._synth, -1)

    def process(self, stems: np.ndarray, start: int, count: int) -> None:
        """Add `count` samples at `start` into float32 `stems` of shape (2 * STEMS, n)."""
        base, stride = stems.ctypes.data, stems.strides[0]
        row = (ctypes.c_void_p * (2 * STEMS))(
            *(base + stem * stride + 4 * start for stem in range(2 * STEMS))
        )
        self._lib.fluid_synth_process(self._synth, count, 0, None, 2 * STEMS, row)
