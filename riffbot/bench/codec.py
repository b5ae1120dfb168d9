"""`riffbot bench codec`: RiffBot's codec compared with Riffusion's and librosa's, in one run.

All methods run in this process, on one thread, interleaved picture by picture; times are processor
time, which other work on the machine moves least. Every sound is judged by Riffusion's analysis,
not RiffBot's. librosa's mel inversion takes so long that it gets an excerpt of the first picture;
its time a clip is that excerpt's, scaled by length, and its quality is compared on the same
excerpt.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import TypeVar

import numpy as np
import torch

from audio import codec, image, metrics
from audio.arrays import Floats, Pixels
from audio.columns import COLUMNS_PER_SECOND, seconds_of
from audio.errors import AudioError
from riffbot.bench.codec_report import NOTES, CodecResult, MethodResult
from riffbot.bench.peers import RATE, RiffusionCodec, librosa_image_to_audio
from riffbot.bench.progress import ProgressBar
from riffbot.errors import BadRequest
from riffbot.locations import bundled

EXCERPT_COLUMNS = 32
MAX_PICTURES = 4
SEED_IMAGES = bundled("seed_images")


@dataclass(frozen=True)
class CodecSize:
    """How much is measured.

    Attributes:
        pictures: at most so many of the bundled ones.
        columns: of each picture at most; None takes all of them.
        excerpt: columns that librosa is tried on; Riffusion's conversion needs 21 of them.
        inverted: of those, how many librosa inverts; None: all of them.
    """

    pictures: int = MAX_PICTURES
    columns: int | None = None
    excerpt: int = EXCERPT_COLUMNS
    inverted: int | None = None


FULL, QUICK = CodecSize(), CodecSize(pictures=1, columns=64, excerpt=22, inverted=1)

T = TypeVar("T")


def run(
    *,
    pictures: Sequence[Path] = (),
    repeats: int = 5,
    with_librosa: bool = True,
    seed_images: Path = SEED_IMAGES,
    size: CodecSize = FULL,
    bar: ProgressBar | None = None,
) -> CodecResult:
    """Measure.

    Args:
        pictures: spectrograms to use; the bundled seed images (at most four) when empty, and a
            picture built in code when there are none.
        repeats: of RiffBot's codec for each picture (its median counts); Riffusion's runs once.
        with_librosa: also try librosa on an excerpt; takes a minute or so.
        seed_images: where the bundled ones lie.
        size: how much is measured.
        bar: shows the progress.

    Raises:
        BadRequest: a picture that is no spectrogram.
    """
    bar = bar or ProgressBar("codec")
    named = (
        _load_pictures(pictures)
        or _load_bundled(seed_images)[: size.pictures]
        or [("synthetic", synthetic_picture())]
    )
    whole = [np.ascontiguousarray(pixels[:, : size.columns]) for _, pixels in named]
    bar.expect(2 * len(whole) + (_LIBROSA + 3 if with_librosa else 0))
    with _one_thread():
        riffusion = RiffusionCodec()
        codec.warm_up()
        methods = [_riffbot_method(repeats), _riffusion_method(riffusion)]
        rows = _measure(methods, whole, riffusion, bar)
        excerpt: list[MethodResult] = []
        if with_librosa:
            piece = np.ascontiguousarray(named[0][1][:, : size.excerpt])
            with bar.part("librosa, first use", _LIBROSA):
                by_librosa = partial(librosa_image_to_audio, inverted=size.inverted)
                by_librosa(piece[:, :12])  # imports and compiles
            methods.append(_Method("librosa", by_librosa, None, 1))
            excerpt = _measure(methods, [piece], riffusion, bar)
    return CodecResult([name for name, _ in named], rows, excerpt, size.excerpt, list(NOTES))


_LIBROSA = 3
"""What the first use of librosa takes, in clips of another method."""


def synthetic_picture(columns: int = 512, seed: int = 0) -> Pixels:
    """Plucked chords and noise bursts on a beat, as a picture uint8[512, columns]."""
    random = np.random.default_rng(seed)
    time_axis = np.arange(columns * RATE // COLUMNS_PER_SECOND) / RATE
    sound = np.zeros(len(time_axis))
    for start in np.arange(0, seconds_of(columns), 0.32):
        age = time_axis - start
        heard = age >= 0
        for note in random.choice(np.arange(40, 76), 3, replace=False):
            hz = 440 * 2 ** ((note - 69) / 12)
            for harmonic in range(1, 9):
                decay = np.exp(-age[heard] * (1 + harmonic)) / harmonic
                sound[heard] += decay * np.sin(2 * np.pi * hz * harmonic * age[heard])
        burst = random.standard_normal(int(heard.sum()))
        sound[heard] += burst * np.exp(-age[heard] * 40)
    return codec.audio_to_image(sound.astype(np.float32), RATE)


@dataclass(frozen=True)
class _Method:
    name: str
    to_audio: Callable[[Pixels], Floats]
    to_image: Callable[[Floats, int], Pixels] | None
    repeats: int


def _riffbot_method(repeats: int) -> _Method:
    return _Method(
        "RiffBot",
        lambda pixels: codec.image_to_audio(pixels, sample_rate=RATE),
        lambda sound, columns: codec.audio_to_image(sound, RATE)[:, :columns],
        repeats,
    )


def _riffusion_method(peer: RiffusionCodec) -> _Method:
    return _Method("Riffusion", peer.image_to_audio, peer.audio_to_image, 1)


def _measure(
    methods: list[_Method],
    pictures: list[Pixels],
    reference_codec: RiffusionCodec,
    bar: ProgressBar,
) -> list[MethodResult]:
    found: dict[str, list[tuple[float, float, metrics.Fidelity, float, float]]] = {
        method.name: [] for method in methods
    }
    for number, pixels in enumerate(pictures, 1):
        for method in methods:
            with bar.part(f"{method.name}, {number}/{len(pictures)}"):
                found[method.name].append(_measure_one(method, pixels, reference_codec))
    base = [fmean(values) for values in list(zip(*found["Riffusion"], strict=True))[:2]]
    return [_average(name, results, base) for name, results in found.items()]


def _measure_one(
    method: _Method, pixels: Pixels, reference_codec: RiffusionCodec
) -> tuple[float, float, metrics.Fidelity, float, float]:
    """Milliseconds there and back for 512 columns, fidelity, the seam and the error of the way back
    of one method on one picture."""
    columns = pixels.shape[1]
    audio_ms, sound = _time(partial(method.to_audio, pixels), method.repeats)
    fidelity = metrics.measure_fidelity(pixels, reference_codec.mel(sound, columns))
    repeated = _as_loop(method, pixels, sound)
    seam = metrics.measure_seam_db(repeated, RATE)
    image_ms, off = float("nan"), float("nan")
    if method.to_image is not None:
        image_ms, taken = _time(partial(method.to_image, sound, columns), method.repeats)
        reference = reference_codec.audio_to_image(sound, taken.shape[1])
        off = float(np.abs(taken.astype(float) - reference).mean())
    scale = 512 / columns
    return audio_ms * scale, image_ms * scale, fidelity, seam, off


def _as_loop(method: _Method, pixels: Pixels, sound: Floats) -> Floats:
    """The sound that a player would repeat: RiffBot's codec renders loops, the others do not."""
    if method.name != "RiffBot":
        return sound
    return codec.image_to_audio(pixels, loop=True, sample_rate=RATE)


def _average(
    name: str,
    results: list[tuple[float, float, metrics.Fidelity, float, float]],
    base: list[float],
) -> MethodResult:
    audio_ms, image_ms, fidelities, seams, off = zip(*results, strict=True)
    dicts = [asdict(one) for one in fidelities]
    mean = metrics.Fidelity(**{key: fmean(one[key] for one in dicts) for key in dicts[0]})
    has_image_ms = not np.isnan(image_ms[0])
    return MethodResult(
        name,
        fmean(audio_ms),
        base[0] / fmean(audio_ms),
        mean,
        fmean(seams),
        fmean(image_ms) if has_image_ms else None,
        base[1] / fmean(image_ms) if has_image_ms else None,
        fmean(off) if has_image_ms else None,
    )


def _time(work: Callable[[], T], repeats: int) -> tuple[float, T]:
    """Median processor time in ms, and the last result."""
    times = []
    for _ in range(max(1, repeats)):
        start = time.process_time()
        result = work()
        times.append((time.process_time() - start) * 1000)
    return median(times), result


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # librosa on short excerpts
            yield
    finally:
        torch.set_num_threads(before)


def _load_pictures(paths: Sequence[Path]) -> list[tuple[str, Pixels]]:
    return [(path.stem, _load_picture(path)) for path in paths]


def _load_picture(path: Path) -> Pixels:
    try:
        pixels = image.decode_image(path).pixels
    except AudioError as error:
        raise BadRequest(str(error)) from error
    mono = pixels if pixels.ndim == 2 else pixels[..., 0]
    if mono.shape[0] != 512 or mono.shape[1] < EXCERPT_COLUMNS:
        raise BadRequest(
            f"{path.name} is no spectrogram to measure with: it needs 512 rows and at least "
            f"{EXCERPT_COLUMNS} columns."
        )
    return np.ascontiguousarray(mono)


def _load_bundled(folder: Path) -> list[tuple[str, Pixels]]:
    """The first few pictures of music in a folder; masks, which are flat, are no music."""
    found = []
    for path in sorted(folder.glob("*.png")):
        try:
            pixels = _load_picture(path)
        except BadRequest:
            continue
        if len(np.unique(pixels)) > 100 and np.median(np.abs(np.diff(pixels.astype(int), axis=1))):
            found.append((path.stem, pixels))
    return found[:MAX_PICTURES]
