"""`jam`: an endless, steerable piece, cut off after some seconds and written to a file."""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio.columns import seconds_of
from riffbot.commands.clip_options import JamOptions
from riffbot.commands.files import atomic_file, require_new_file
from riffbot.commands.image_resolver import ImageResolver
from riffbot.commands.jobs import request_fields
from riffbot.commands.progress import StatusLine
from riffbot.commands.session import open_engine, open_session
from riffbot.errors import BadRequest

if TYPE_CHECKING:
    from audio.arrays import Floats, Pixels
    from riffbot.inference.engine.engine import Engine
    from riffbot.jam.excerpt import ExcerptRecipe
    from riffbot.jam.offline import ScheduledPrompt
    from riffbot.jam.prompt_path import PromptPath
    from riffbot.jam.timeline import Chunk, LoopGrid, Placement
    from riffbot.request import RiffRequest
    from riffbot.settings import Settings

MIN_SECONDS, MAX_SECONDS = 1.0, 24 * 3600.0
FORMATS = (".flac", ".wav", ".ogg", ".mp3")
MAX_MP3_SECONDS = 3600.0


def jam(options: JamOptions) -> int:
    """Play PROMPT and what `--then` says, on one beat, for `--seconds`.

    Faster than real time if the machine can, and the same samples every time; with `--realtime` in
    time, as a voice channel would hear it, with a report of how well that went.
    """
    from riffbot.jam.chunk_options import ChunkOptions
    from riffbot.jam.prompt_path import PromptPath
    from riffbot.jam.tempo_lock import choose_seed_image, read_loop_grid

    if not MIN_SECONDS <= options.seconds <= MAX_SECONDS:
        raise BadRequest(
            f"--seconds must be {MIN_SECONDS:g} … {MAX_SECONDS:g}, not {options.seconds:g}."
        )
    out = _check_out(options)
    if options.recipe_file is not None:
        return _replay(options, options.recipe_file, out)
    if options.prompt is None:
        raise BadRequest("Write what to hear, for example riffbot jam “funky sax” --out jam.flac.")
    changes = _parse_changes(options)
    if options.busy and not options.realtime:
        raise BadRequest("--busy measures how a jam keeps time, so it needs --realtime.")
    settings, resolver = open_session(options.model, out.parent if out else Path())
    named = options.seed_image
    chunk_options = ChunkOptions.build(prompt=options.prompt, **request_fields(options))
    seed_image = (
        resolver.resolve_seed_image(named)
        if named
        else choose_seed_image(resolver.images, options.bpm, options.prompt)
    )
    held = resolver.images.harmony(seed_image)
    path = PromptPath.begin(chunk_options, seed_image=seed_image, held=held)
    loop_grid = read_loop_grid(resolver.images, path.seed_image)
    job = _JamJob(
        settings,
        resolver,
        path,
        loop_grid,
        changes,
        options.seconds,
        out,
        options.busy,
        chunk_options.names_harmony,
    )
    report = asyncio.run(_play_in_real_time(job) if options.realtime else _render_offline(job))
    print(json.dumps(report, ensure_ascii=False) if options.json else report["words"])
    return 0


@dataclass(frozen=True)
class _JamJob:
    """What to play and where to write it."""

    settings: Settings
    resolver: ImageResolver
    path: PromptPath
    loop_grid: LoopGrid
    changes: list[ScheduledPrompt]
    seconds: float
    out: Path | None
    busy: bool
    names_harmony: bool


def _replay(options: JamOptions, recipe_file: Path, out: Path | None) -> int:
    """Render again a riff that was kept from a jam."""
    from riffbot.commands.recipes import read_recipe_json
    from riffbot.jam.excerpt import ExcerptRecipe

    if options.prompt is not None or options.then or options.realtime:
        raise BadRequest(
            "--from makes a kept jam again as it was: give no prompt, --then or clock."
        )
    assert out is not None
    recipe = read_recipe_json(recipe_file).get("jam")
    if recipe is None:
        raise BadRequest(
            f"“{recipe_file.name}” was not kept from a jam; riffbot riff --from makes it again."
        )
    excerpt = ExcerptRecipe.from_json(recipe)
    settings, resolver = open_session(options.model, out.parent, recipe_folder=recipe_file.parent)
    for _, request in excerpt.chunks:
        if request.seed_image is not None:
            resolver.resolve_seed_image(request.seed_image)
    asyncio.run(_write_excerpt(settings, resolver, excerpt, out))
    seconds = seconds_of(excerpt.columns)
    words = f"{out}  {seconds:.2f} s  {excerpt.loop_grid.bpm:.2f} bpm, {len(excerpt.chunks)} chunks"
    answer = {"file": str(out), "seconds": seconds, **excerpt.to_json()}
    print(json.dumps(answer, ensure_ascii=False) if options.json else words)
    return 0


async def _write_excerpt(
    settings: Settings, resolver: ImageResolver, excerpt: ExcerptRecipe, out: Path
) -> None:
    async with open_engine(settings, resolver) as engine:

        async def draw(request: RiffRequest) -> Pixels:
            return (await engine.submit(request)).image

        with open_recorder(out) as record:
            async for block in excerpt.replay(draw, loudness_lufs=settings.loudness_lufs):
                record(block)


def _parse_changes(options: JamOptions) -> list[ScheduledPrompt]:
    """Parse every `--then`. Raises BadRequest, also if one comes after the end."""
    changes = [parse_change(text) for text in options.then or []]
    if late := [change.at_s for change in changes if change.at_s >= options.seconds]:
        raise BadRequest(
            f"--then “{late[0]:g}:…” comes when the jam is over: it lasts {options.seconds:g} s; "
            "--seconds makes it longer."
        )
    return changes


def parse_change(text: str) -> ScheduledPrompt:
    """Parse `20:church bells` as a change at second 20. Raises BadRequest."""
    from riffbot.jam.chunk_options import validate_prompt
    from riffbot.jam.offline import ScheduledPrompt

    seconds, colon, prompt = text.partition(":")
    try:
        at_s = float(seconds)
    except ValueError:
        at_s = -1.0
    if not colon or not 0 <= at_s <= MAX_SECONDS:
        raise BadRequest(
            f"--then is SECONDS:PROMPT, for example --then “20:church bells”, not “{text[:60]}”."
        )
    return ScheduledPrompt(at_s, validate_prompt(prompt))


def _check_out(options: JamOptions) -> Path | None:
    out = options.out
    if out is None:
        if options.realtime:
            return None
        raise BadRequest("Say where to write with --out, for example --out jam.flac.")
    if out.suffix.lower() not in FORMATS:
        raise BadRequest(f"--out must end in {', '.join(FORMATS)}, not “{out.name}”.")
    if out.suffix.lower() == ".mp3" and options.seconds > MAX_MP3_SECONDS:
        raise BadRequest("An MP3 takes at most an hour; .flac, .wav and .ogg take any length.")
    return require_new_file(out, overwrite=options.overwrite)


async def _render_offline(job: _JamJob) -> dict[str, Any]:
    from riffbot.jam.offline import OfflineRenderer

    assert job.out is not None
    began, status_line = time.perf_counter(), StatusLine()
    entries: list[Placement] = []

    def on_placement(entry: Placement) -> None:
        entries.append(entry)
        status_line.show(
            f"{seconds_of(entry.start):.1f} of {job.seconds:g} s: {entry.chunk.prompt}"
        )

    async with open_engine(job.settings, job.resolver) as engine:
        renderer = OfflineRenderer(
            lambda path: _generate_chunk(engine, path, job.loop_grid),
            job.path,
            job.loop_grid,
            changes=job.changes,
            seconds=job.seconds,
            loudness_lufs=job.settings.loudness_lufs,
            on_placement=on_placement,
        )
        with open_recorder(job.out) as record:
            async for block in renderer.blocks():
                record(block)
        status_line.clear()
        _report_unknown_harmony(engine, job)
    spent = time.perf_counter() - began
    factor = job.seconds / spent
    return {
        "words": f"{job.out}  {job.seconds:.2f} s  {job.loop_grid.bpm:.2f} bpm, {len(entries)} "
        f"chunks, made in {spent:.1f} s ({factor:.2f} times real time)",
        "file": str(job.out),
        "seconds": job.seconds,
        "seed_image": job.path.seed_image,
        "bpm": job.loop_grid.bpm,
        "made_in_s": round(spent, 2),
        "real_time_factor": round(factor, 2),
        "model": entries[0].chunk.model_name,
        "model_hash": entries[0].chunk.model_hash,
        "chunks": [_placement_json(entry) for entry in entries],
    }


async def _generate_chunk(engine: Engine, path: PromptPath, loop_grid: LoopGrid) -> Chunk:
    from riffbot.jam.chunk_generator import build_chunk_request
    from riffbot.jam.timeline import Chunk

    riff = await engine.submit(build_chunk_request(path, loop_grid))
    return Chunk(path, riff.request, riff.image, riff.model_name, riff.model_hash)


async def _play_in_real_time(job: _JamJob) -> dict[str, Any]:
    from riffbot.jam.realtime import run_realtime

    status_line = StatusLine()
    with contextlib.ExitStack() as stack:
        record = stack.enter_context(open_recorder(job.out)) if job.out else None
        async with open_engine(job.settings, job.resolver) as engine:
            report = await run_realtime(
                engine,
                job.resolver.images,
                job.path,
                changes=job.changes,
                seconds=job.seconds,
                loudness_lufs=job.settings.loudness_lufs,
                busy=job.busy,
                record=record,
                on_progress=status_line.show,
            )
            status_line.clear()
            _report_unknown_harmony(engine, job)
    return {
        "words": report.format_report(),
        "file": str(job.out) if job.out else None,
        "seed_image": job.path.seed_image,
        **report.as_dict(),
    }


def _report_unknown_harmony(engine: Engine, job: _JamJob) -> None:
    """Say it where `--key` or `--chords` was typed, and the model knows neither."""
    from riffbot.jam.session import HARMONY_UNKNOWN

    if job.names_harmony and engine.knows_harmony is False:
        print(f"riffbot: {HARMONY_UNKNOWN}", file=sys.stderr)


def _placement_json(entry: Placement) -> dict[str, Any]:
    return {
        "at_s": seconds_of(entry.start),
        "prompt": entry.chunk.prompt,
        "request": entry.chunk.request.model_dump(mode="json", exclude_none=True),
    }


@contextlib.contextmanager
def open_recorder(out: Path) -> Iterator[Callable[[Floats], object]]:
    """Give a function that writes blocks of samples to a file, which appears when complete."""
    import numpy as np
    import soundfile

    from audio import encoding
    from riffbot.jam.synthesizer import SAMPLE_RATE

    kind = out.suffix[1:].upper()
    with atomic_file(out) as beside:
        if kind == "MP3":
            blocks: list[Floats] = []
            yield blocks.append
            samples = np.concatenate(blocks) if blocks else np.zeros(1, np.float32)
            beside.write_bytes(encoding.encode(samples, SAMPLE_RATE, "mp3"))
            return
        subtype = "VORBIS" if kind == "OGG" else "PCM_24"
        with soundfile.SoundFile(beside, "w", SAMPLE_RATE, 1, subtype=subtype, format=kind) as file:
            yield file.write
