"""Remixing compared with what people would use: diffusers' own pipelines and librosa.

Both sides run the same weights, scheduler, steps, guidance and denoising, in one process, in turn.
A remix is timed from the source's picture to the MP3. An inpainted clip is judged by what it did
where it should do nothing, a song by its joins: how much the sound changes there, over how much it
changes everywhere else (1 is a song without seams).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from audio import codec, files, loops, loudness
from audio.arrays import Floats, Pixels
from audio.codec import mel_spectrogram
from audio.columns import COLUMNS_PER_SECOND, seconds_of
from audio.plot import draw_plot
from audio.resample import resample
from audio.video import playhead_video
from riffbot.bench.diffusers_baseline import DiffusersEdits
from riffbot.bench.peers import ITERATIONS, RATE
from riffbot.bench.progress import ProgressBar
from riffbot.composition import compose, extended_columns, windows
from riffbot.composition.canvas import window_width
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.inference.pipeline.factory import open_model, open_pipeline
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.resolve import resolve
from riffbot.inference.torch_threads import use_few_threads
from riffbot.regions import Region
from riffbot.request import Extend, RiffRequest
from riffbot.settings import Settings

PROMPT = "jazz piano trio"
DENOISING = 0.75
_FRAMES = 25


@dataclass(frozen=True)
class RemixSize:
    """How much is measured.

    Attributes:
        song_s: seconds of the extended song.
        columns: of the picture that the MP4 is made of, at most.
        iterations: of librosa's Griffin-Lim.
    """

    song_s: float = 30.0
    columns: int | None = None
    iterations: int = ITERATIONS


FULL, QUICK = RemixSize(), RemixSize(song_s=7.0, columns=32, iterations=1)


@dataclass
class RemixResult:
    """What was measured.

    Attributes:
        rows: (what, unit, RiffBot, alternative, its name) in order; smaller is better.
    """

    model: str
    rows: list[tuple[str, str, float, float, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        names = ("what", "unit", "riffbot", "instead", "instead_is")
        rows = [dict(zip(names, row, strict=True)) for row in self.rows]
        return {**asdict(self), "rows": [{**r, "ratio": _ratio(r)} for r in rows]}

    def table(self) -> str:
        """For people."""
        lines = [f"{self.model}", f"{'':<38}{'RiffBot':>9}{'instead':>10}{'ratio':>9}"]
        for what, unit, riffbot, alternative, who in self.rows:
            ratio = _ratio({"riffbot": riffbot, "instead": alternative})
            shown = f"{ratio:8.1f}×" if ratio is not None else "        –"
            lines.append(
                f"{f'{what}, {unit}':<38}{riffbot:>9.3f}{alternative:>10.3f}{shown}  {who}"
            )
        return "\n".join(lines)


def run(
    settings: Settings, *, repeats: int = 3, size: RemixSize = FULL, bar: ProgressBar | None = None
) -> RemixResult:
    """Measure with the model of the settings.

    Args:
        repeats: how often each side is timed, in turn; medians count.
        size: how much is measured.
        bar: shows the progress.

    Raises:
        ModelError: the model cannot be loaded.
        NotFound: there is no bundled loop to remix.
    """
    images = Images(settings.seed_images)
    pipeline = open_pipeline(settings, images)
    model = pipeline.model
    use_few_threads()
    name = images.names()[0]
    source = images.load(name)
    request = resolve(
        RiffRequest(prompt=PROMPT, seed=1, seed_image=name, denoising=DENOISING),
        model.card,
        images,
    )
    result = RemixResult(model.name)
    baseline = DiffusersEdits(open_model(settings, stock=True), request, size.iterations)
    steps: dict[str, Callable[[], list[Row]]] = {
        "remix": lambda: _measure_remix(pipeline, request, source, baseline, repeats),
        "inpaint": lambda: _measure_inpaint(pipeline, request, source, baseline, repeats),
        "extend": lambda: _measure_extend(pipeline, images, request, source, size.song_s),
        "loop out of a recording": lambda: _measure_loop(settings),
        "MP4": lambda: _measure_video(source[:, : size.columns], repeats),
    }
    bar = bar or ProgressBar("remix")
    bar.expect(len(steps))
    for name, step in steps.items():
        with bar.part(name):
            result.rows += step()
    return result


Row = tuple[str, str, float, float, str]


def _measure_remix(
    pipeline: Pipeline,
    request: RiffRequest,
    source: Pixels,
    baseline: DiffusersEdits,
    repeats: int,
) -> list[Row]:
    def riffbot() -> object:
        (picture,) = pipeline.run([request])
        return files.encode(_render_sound(picture), RATE, "mp3")

    def alternative() -> object:
        return baseline.render(baseline.remix(source))

    fast, slow = _time_alternately(riffbot, alternative, repeats)
    return [("remix, picture to MP3", "s", fast, slow, "diffusers img2img + librosa")]


def _measure_inpaint(
    pipeline: Pipeline,
    request: RiffRequest,
    source: Pixels,
    baseline: DiffusersEdits,
    repeats: int,
) -> list[Row]:
    width = source.shape[1]
    region = Region(width // 3, 2 * width // 3)
    mask = region.mask(width)
    masked = request.with_changes(mask=region.name, denoising=1.0)
    pictures: dict[str, Pixels] = {}

    def riffbot() -> object:
        pictures["RiffBot"] = pipeline.run([masked])[0]
        return None

    def alternative() -> object:
        pictures["baseline"] = baseline.inpaint(source, mask)
        return None

    fast, slow = _time_alternately(riffbot, alternative, repeats)
    outside = mask == 0

    def wrong(picture: Pixels) -> float:
        return float(np.abs(picture.astype(int) - source)[outside].mean())

    method = (
        "diffusers inpaint" if baseline.inpaints else "diffusers img2img: it cannot inpaint this"
    )
    return [
        ("inpaint, the picture", "s", fast, slow, method),
        (
            "inpaint, error outside the mask",
            "greys",
            wrong(pictures["RiffBot"]),
            wrong(pictures["baseline"]),
            method,
        ),
    ]


def _measure_extend(
    pipeline: Pipeline, images: Images, request: RiffRequest, source: Pixels, song_s: float
) -> list[Row]:
    """A song, beside variations of the same loop made to sound one by one and put end to end."""
    width = source.shape[1]
    columns = extended_columns(width, request.bpm, seconds=song_s)
    song = request.with_changes(piece=Extend(columns=columns).model_dump())

    async def submit(part: RiffRequest, _number: int, _count: int) -> GeneratedRiff:
        resolved = resolve(part, pipeline.model.card, images)
        (picture,) = pipeline.run([resolved])
        return GeneratedRiff(resolved, picture, "", "")

    began = time.perf_counter()
    riff = asyncio.run(compose(song, images, submit))
    riffbot = _render_sound(riff.image, loop=False)
    spent = time.perf_counter() - began

    began = time.perf_counter()
    takes = [
        pipeline.run([request.with_changes(seed=number)])[0]
        for number in range(-(-columns // width))
    ]
    alternative = np.concatenate([_render_sound(picture) for picture in takes])[: len(riffbot)]
    spent_apart = time.perf_counter() - began
    joins = [window.begin for window in windows(width, columns, window_width(width))]
    ends = list(range(width, columns, width))
    return [
        (f"extend to {song_s:g} s, picture to sound", "s", spent, spent_apart, "clips end to end"),
        (
            "extend, change at joins over elsewhere",
            "×",
            relative_change_at(riffbot, RATE, joins),
            relative_change_at(alternative, RATE, ends),
            "clips end to end (Riffusion)",
        ),
    ]


def relative_change_at(sound: Floats, rate: int, joins: list[int]) -> float:
    """How much a sound changes around some columns of 10 ms, over how much it does elsewhere.

    The mean change of its mel bands in decibels from column to column, the largest within 40 ms;
    the means of both kinds of places are compared.
    """
    columns = len(sound) * COLUMNS_PER_SECOND // rate
    mel = mel_spectrogram(resample(sound, rate, 24000), columns)
    level = 20 * np.log10(np.maximum(mel, 1e-3 * mel.max()))
    change = np.abs(np.diff(level, axis=0)).mean(1)
    inside = [j for j in joins if 8 <= j < len(change) - 8]
    ordinary = np.ones(len(change), bool)
    for join in inside:
        ordinary[join - 8 : join + 8] = False

    def around(column: int) -> float:
        return float(change[column - 4 : column + 4].max())

    there = [around(join) for join in inside]
    elsewhere = [around(c) for c in range(4, len(change) - 4) if ordinary[c]]
    return float(np.mean(there) / np.mean(elsewhere))


def _measure_loop(settings: Settings) -> list[Row]:
    """The seam of a loop cut on the beat, beside the first 5.12 seconds as they come."""
    images = Images(settings.seed_images)
    name = images.names()[0]
    # A recording that begins and ends anywhere: three rounds of a bundled loop, cut off the beat.
    rounds = np.tile(_render_sound(images.load(name)), 3)[round(0.37 * RATE) :]
    loop = loops.find_loop(rounds, RATE)
    assert loop is not None
    cut, plain = rounds[loop.start : loop.stop], rounds[: round(5.12 * RATE * 0.93)]

    def seam(sound: Floats) -> float:
        twice = np.concatenate([sound, sound])
        return relative_change_at(twice, RATE, [round(len(sound) * COLUMNS_PER_SECOND / RATE)])

    what = "loop out of a recording, its seam"
    return [(what, "×", seam(cut), seam(plain), "the first seconds as they come")]


def _measure_video(source: Pixels, repeats: int) -> list[Row]:
    sound = _render_sound(source)
    canvas, area = draw_plot(source, title=PROMPT)

    def riffbot() -> object:
        return playhead_video(source, sound, RATE, title=PROMPT)

    def alternative() -> object:
        # What a script does: draw every frame anew and hand the plots on as PNGs.
        frames = []
        for number in range(source.shape[1] * _FRAMES // COLUMNS_PER_SECOND):
            frame, _ = draw_plot(source, title=PROMPT)
            x = area.left + area.width * number / (seconds_of(source.shape[1]) * _FRAMES)
            ImageDraw.Draw(frame).line((x, area.top, x, area.top + area.height), "white", 3)
            frames.append(np.asarray(frame.resize(canvas.size)))
        return frames

    fast, slow = _time_alternately(riffbot, alternative, min(repeats, 2))
    return [("MP4 with a playhead", "s", fast, slow, "frames drawn anew, not yet encoded")]


def _render_sound(picture: NDArray[np.uint8], *, loop: bool = True) -> Floats:
    sound = codec.image_to_audio(picture, loop=loop)
    return loudness.normalize(sound, RATE, loop=loop)


def _time_alternately(
    riffbot: Callable[[], object], alternative: Callable[[], object], repeats: int
) -> tuple[float, float]:
    """Median seconds of both, after one round that fills caches."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(repeats + 1):
        for side, work in zip(times, (riffbot, alternative), strict=True):
            began = time.perf_counter()
            work()
            if number:
                side.append(time.perf_counter() - began)
    return median(times[0]), median(times[1])


def _ratio(row: dict[str, Any]) -> float | None:
    return row["instead"] / row["riffbot"] if row["riffbot"] > 1e-9 else None
