"""Excerpts: the last seconds of a jam, selected as they were heard, saved, and made again.

The recipe of an excerpt lists its chunks and where each of them started:

    {"width": 512, "beats": 8, "measure": 4, "phase": 192, "columns": 3000,
     "chunks": [{"from": -64, "request": {…}}, {"from": 320, "request": {…}}, …]}

The chunks' requests are resolved, so their pixels come out the same to the byte. The sound starts
anew at the excerpt's beginning: its first tenth of a second and its phases are different, which
nobody hears.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from audio import describe, encoding, image, plot
from audio.arrays import Floats, Pixels
from audio.columns import COLUMNS_PER_SECOND, columns_of
from audio.stream import BLOCK
from riffbot import rendering
from riffbot.errors import BadRequest
from riffbot.inference.job import GeneratedRiff
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.player import Player
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.synthesizer import COLUMN_SAMPLES, SAMPLE_RATE, Synthesizer
from riffbot.jam.timeline import Chunk, LoopGrid, Timeline
from riffbot.request import RiffRequest

MAX_CHUNKS = 200
MAX_COLUMNS = 60_000

GeneratePixels = Callable[[RiffRequest], Awaitable[Pixels]]

_OFFSET_CYCLES = 3
"""Loop cycles by which the rebuilt excerpt is shifted right, so that chunks may start before it."""

_FADE_S = 0.02
"""An excerpt is cut out of the music; fades of this length keep its ends from clicking."""


@dataclass(frozen=True)
class ExcerptRecipe:
    """Which chunks sounded from one column of a jam to another.

    Attributes:
        loop_grid: the loop that the jam was locked to.
        phase: the column of the loop at which the excerpt begins.
        columns: how long it is.
        chunks: where each started, in columns from the excerpt's beginning (the first may have
            started before it), and its resolved request.
    """

    loop_grid: LoopGrid
    phase: int
    columns: int
    chunks: tuple[tuple[int, RiffRequest], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "width": self.loop_grid.width,
            "beats": self.loop_grid.beats,
            "measure": self.loop_grid.beats_per_measure,
            "phase": self.phase,
            "columns": self.columns,
            "chunks": [
                {"from": start, "request": request.model_dump(mode="json", exclude_none=True)}
                for start, request in self.chunks
            ],
        }

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read what `to_json` wrote. Raises BadRequest on anything else."""
        try:
            numbers = [value[name] for name in ("width", "beats", "measure", "phase", "columns")]
            width, beats, measure, phase, columns = map(int, numbers)
            chunks = tuple(
                (int(chunk["from"]), RiffRequest.build_unparsed(**chunk["request"]))
                for chunk in value["chunks"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadRequest("That is no recipe of a jam: it cannot be read.") from error
        sane = (
            64 <= width <= 2048
            and 1 <= beats <= width
            and 1 <= measure <= 64
            and 0 <= phase < width
            and 1 <= columns <= MAX_COLUMNS
            and 1 <= len(chunks) <= MAX_CHUNKS
            and -_OFFSET_CYCLES * width < chunks[0][0] <= 0
        )
        if not sane:
            raise BadRequest("That is no recipe of a jam: its numbers cannot be right.")
        return cls(LoopGrid(width, beats, measure), phase, columns, chunks)

    async def rebuild_timeline(self, generate: GeneratePixels) -> tuple[Timeline, int]:
        """Generate every chunk again.

        Returns:
            The timeline, and the column at which the excerpt begins in it.

        Raises:
            BadRequest: a chunk is not as wide as the loop.
        """
        timeline = Timeline(self.loop_grid, history_columns=MAX_COLUMNS * 2)
        first = _OFFSET_CYCLES * self.loop_grid.width + self.phase
        for start, request in self.chunks:
            pixels = await generate(request)
            if pixels.shape[1] != self.loop_grid.width:
                raise BadRequest("That is no recipe of a jam: its chunks do not fit its loop.")
            timeline.insert(Chunk(_path_of(request), request, pixels), first + start)
        return timeline, first

    async def replay(
        self, generate: GeneratePixels, *, loudness_lufs: float = -14.0
    ) -> AsyncIterator[Floats]:
        """The sound, generated again: float32 mono at 48 kHz, 480 samples a column."""
        timeline, first = await self.rebuild_timeline(generate)
        begin = first // BLOCK * BLOCK
        synthesizer = Synthesizer(timeline, loudness_lufs=loudness_lufs, first=begin)
        # The limiter looks a column ahead, so the sound lags a column behind.
        skip = (first - begin + 1) * COLUMN_SAMPLES
        left = self.columns * COLUMN_SAMPLES
        while left > 0:
            block = synthesizer.render_block()
            block, skip = block[skip:], max(0, skip - len(block))
            yield block[:left]
            left -= len(block)


@dataclass(frozen=True, eq=False)
class Excerpt:
    """The last seconds of a jam.

    Attributes:
        samples: float32[n], mono, as it was heard.
        sample_rate: 48,000.
        pixels: uint8[512, n / 480], the spectrogram of all of it.
        last_chunk: the chunk that was heard last.
        prompts: what was heard, in order.
        recipe: what generates all of it again.
    """

    samples: Floats
    sample_rate: int
    pixels: Pixels
    last_chunk: Chunk
    prompts: tuple[str, ...]
    recipe: ExcerptRecipe

    @property
    def riff(self) -> GeneratedRiff:
        """The last chunk as a clip: what the saved excerpt's own recipe makes again."""
        chunk = self.last_chunk
        return GeneratedRiff(chunk.request, chunk.pixels, chunk.model_name, chunk.model_hash)


def select_excerpt(
    player: Player, loop_grid: LoopGrid, *, seconds: float, began_at: int
) -> Excerpt:
    """The excerpt that ends with what is heard now, and begins on a beat.

    Args:
        player: the player of the jam, with its last minute of sound.
        loop_grid: what the jam is locked to.
        seconds: how much at most.
        began_at: the column at which this session of the jam began.

    Raises:
        BadRequest: nothing was heard yet.
    """
    end = player.heard_column
    first = max(began_at, end - columns_of(max(1.0, seconds)))
    sample_index, samples = player.history.read(first * COLUMN_SAMPLES, end * COLUMN_SAMPLES)
    first = -(-sample_index // COLUMN_SAMPLES)
    if end <= first:
        raise BadRequest("Nothing was heard yet: please wait a moment.")
    beat = loop_grid.next_beat(first)
    if beat < end - COLUMNS_PER_SECOND:  # less than a second would be left else
        first = beat
    samples = samples[first * COLUMN_SAMPLES - sample_index :]
    pixels, placements = player.read_pixels(first, end)
    chunks = [(each.start - first, each.chunk.request) for each in placements]
    return Excerpt(
        samples=samples,
        sample_rate=SAMPLE_RATE,
        pixels=pixels,
        last_chunk=placements[-1].chunk,
        prompts=tuple(dict.fromkeys(each.chunk.prompt for each in placements)),
        recipe=ExcerptRecipe(loop_grid, first % loop_grid.width, end - first, tuple(chunks)),
    )


def render_excerpt(excerpt: Excerpt) -> rendering.Rendered:
    """The files of an excerpt. Takes about a second; call it in a thread.

    Returns:
        The MP3 and the plot show all of the excerpt; the raw spectrogram is the last chunk, which
        the recipe makes again to the byte. The recipe's `jam` lists all chunks.
    """
    recipe = json.dumps(
        {**json.loads(rendering.recipe(excerpt.riff)), "jam": excerpt.recipe.to_json()},
        ensure_ascii=False,
        separators=(",", ":"),
    )
    last = excerpt.last_chunk
    title, bpm = " → ".join(excerpt.prompts)[: rendering.TITLE_LENGTH], last.request.bpm
    return rendering.Rendered(
        mp3=encoding.encode(
            _fade_ends(excerpt),
            excerpt.sample_rate,
            "mp3",
            tags={"title": title, "artist": "RiffBot", "comment": recipe},
        ),
        png=image.encode_png(last.pixels, recipe=recipe),
        plot=plot.encode_plot(excerpt.pixels, title=title, bpm=bpm),
        alt=describe.describe(excerpt.pixels, bpm=bpm),
        duration_s=len(excerpt.samples) / excerpt.sample_rate,
    )


def _fade_ends(excerpt: Excerpt) -> Floats:
    samples = excerpt.samples.copy()
    fade = min(len(samples) // 2, round(_FADE_S * excerpt.sample_rate))
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    samples[:fade] *= ramp
    samples[len(samples) - fade :] *= ramp[::-1]
    return samples


def _path_of(request: RiffRequest) -> PromptPath:
    """A path that names the chunk of a request; it is not advanced."""
    near = request.target if request.target is not None and request.alpha >= 0.5 else request
    options = ChunkOptions.build(prompt=near.prompt, seed=near.seed)
    return PromptPath.begin(options, seed_image=request.seed_image or "none")
