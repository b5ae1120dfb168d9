"""`jam`: an endless, steerable piece, cut off after some seconds and written to a file."""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riffbot.commands.files import new_file, whole
from riffbot.commands.options import Options
from riffbot.commands.pictures import Pictures
from riffbot.commands.progress import Line
from riffbot.commands.runner import running
from riffbot.errors import BadRequest

if TYPE_CHECKING:
    from audio.arrays import Floats, Pixels
    from riffbot.inference.engine.engine import Engine
    from riffbot.jam.excerpt import ExcerptRecipe
    from riffbot.jam.offline import ScheduledPrompt
    from riffbot.jam.prompt_path import PromptPath
    from riffbot.jam.timeline import Chunk, Meter, Placement
    from riffbot.request import RiffRequest
    from riffbot.settings import Settings

SHORTEST_S, LONGEST_S = 1.0, 24 * 3600.0
FORMATS = (".flac", ".wav", ".ogg", ".mp3")
LONGEST_MP3_S = 3600.0


def jam(options: Options) -> int:
    """Play PROMPT and what `--then` says, on one beat, for `--seconds`.

    Faster than real time if the machine can, and the same samples every time; with `--realtime` in
    time, as a voice channel would hear it, with a report of how well that went.
    """
    from riffbot.commands.clips import open_workshop
    from riffbot.jam.prompt_path import PromptPath
    from riffbot.jam.tempo_lock import choose_seed_image, read_meter

    if not SHORTEST_S <= options.seconds <= LONGEST_S:
        raise BadRequest(
            f"--seconds must be {SHORTEST_S:g} … {LONGEST_S:g}, not {options.seconds:g}."
        )
    out = _out(options)
    if options.recipe is not None:
        return _again(options, out)
    if options.prompt is None:
        raise BadRequest("Write what to hear, for example riffbot jam “funky sax” --out jam.flac.")
    changes = [change(text) for text in options.then or []]
    if late := [one.at_s for one in changes if one.at_s >= options.seconds]:
        raise BadRequest(
            f"--then “{late[0]:g}:…” comes when the jam is over: it lasts {options.seconds:g} s; "
            "--seconds makes it longer."
        )
    if options.busy and not options.realtime:
        raise BadRequest("--busy measures how a jam keeps time, so it needs --realtime.")
    settings, pictures = open_workshop(options, folder=out.parent if out else Path())
    named = options.seed_image
    path = PromptPath.begin(
        options.prompt,
        seed_image=pictures.seed_image(named)
        if named
        else choose_seed_image(pictures.images, options.bpm, options.prompt),
        seed=options.seed or 0,
        **{
            name: value
            for name in ("negative", "denoising", "guidance", "steps", "scheduler")
            if (value := getattr(options, name)) is not None
        },
    )
    meter = read_meter(pictures.images, path.seed_image)
    order = _Order(settings, pictures, path, meter, changes, options.seconds, out, options.busy)
    told = asyncio.run(_in_time(order) if options.realtime else _at_once(order))
    print(json.dumps(told, ensure_ascii=False) if options.json else told["words"])
    return 0


@dataclass(frozen=True)
class _Order:
    """What is to be played and where to."""

    settings: Settings
    pictures: Pictures
    path: PromptPath
    meter: Meter
    changes: list[ScheduledPrompt]
    seconds: float
    out: Path | None
    busy: bool


def _again(options: Options, out: Path | None) -> int:
    """Make again the stretch of a jam that a kept riff is."""
    from riffbot.commands.clips import open_workshop
    from riffbot.commands.recipes import told_by
    from riffbot.jam.excerpt import ExcerptRecipe

    if options.prompt is not None or options.then or options.realtime:
        raise BadRequest(
            "--from makes a kept jam again as it was: give no prompt, --then or clock."
        )
    assert out is not None
    told = told_by(options.recipe).get("jam")
    if told is None:
        raise BadRequest(
            f"“{options.recipe.name}” was not kept from a jam; riffbot riff --from makes it again."
        )
    stretch = ExcerptRecipe.from_json(told)
    settings, pictures = open_workshop(options, options.recipe.parent, folder=out.parent)
    for _, request in stretch.chunks:
        if request.seed_image is not None:
            pictures.seed_image(request.seed_image)
    asyncio.run(_replayed(settings, pictures, stretch, out))
    seconds = stretch.columns / 100
    words = f"{out}  {seconds:.2f} s  {stretch.meter.bpm:.2f} bpm, {len(stretch.chunks)} chunks"
    answer = {"file": str(out), "seconds": seconds, **stretch.to_json()}
    print(json.dumps(answer, ensure_ascii=False) if options.json else words)
    return 0


async def _replayed(
    settings: Settings, pictures: Pictures, stretch: ExcerptRecipe, out: Path
) -> None:
    async with running(settings, pictures) as engine:

        async def draw(request: RiffRequest) -> Pixels:
            return (await engine.submit(request)).image

        with recorder(out) as record:
            async for block in stretch.replay(draw, loudness_lufs=settings.loudness_lufs):
                record(block)


def change(text: str) -> ScheduledPrompt:
    """`20:church bells` → a change at second 20. Raises BadRequest."""
    from riffbot.jam.offline import ScheduledPrompt
    from riffbot.jam.prompt_path import validate_prompt

    seconds, colon, prompt = text.partition(":")
    try:
        at_s = float(seconds)
    except ValueError:
        at_s = -1.0
    if not colon or not 0 <= at_s <= LONGEST_S:
        raise BadRequest(
            f"--then is SECONDS:PROMPT, for example --then “20:church bells”, not “{text[:60]}”."
        )
    return ScheduledPrompt(at_s, validate_prompt(prompt))


def _out(options: Options) -> Path | None:
    out: Path | None = options.out
    if out is None:
        if options.realtime:
            return None
        raise BadRequest("Say where to write with --out, for example --out jam.flac.")
    if out.suffix.lower() not in FORMATS:
        raise BadRequest(f"--out must end in {', '.join(FORMATS)}, not “{out.name}”.")
    if out.suffix.lower() == ".mp3" and options.seconds > LONGEST_MP3_S:
        raise BadRequest("An MP3 takes at most an hour; .flac, .wav and .ogg take any length.")
    return new_file(out, overwrite=options.overwrite)


async def _at_once(order: _Order) -> dict[str, Any]:
    from riffbot.jam.offline import OfflineRenderer

    assert order.out is not None
    began, line = time.perf_counter(), Line()
    entries: list[Placement] = []

    def came_in(entry: Placement) -> None:
        entries.append(entry)
        line.say(f"{entry.start / 100:.1f} of {order.seconds:g} s: {entry.chunk.prompt}")

    async with running(order.settings, order.pictures) as engine:
        rehearsal = OfflineRenderer(
            lambda path: _chunk(engine, path),
            order.path,
            order.meter,
            changes=order.changes,
            seconds=order.seconds,
            loudness_lufs=order.settings.loudness_lufs,
            on_placement=came_in,
        )
        with recorder(order.out) as record:
            async for block in rehearsal.blocks():
                record(block)
        line.clear()
    spent = time.perf_counter() - began
    factor = order.seconds / spent
    return {
        "words": f"{order.out}  {order.seconds:.2f} s  {order.meter.bpm:.2f} bpm, {len(entries)} "
        f"chunks, made in {spent:.1f} s ({factor:.2f} times real time)",
        "file": str(order.out),
        "seconds": order.seconds,
        "seed_image": order.path.seed_image,
        "bpm": order.meter.bpm,
        "made_in_s": round(spent, 2),
        "real_time_factor": round(factor, 2),
        "model": entries[0].chunk.model_name,
        "model_hash": entries[0].chunk.model_hash,
        "chunks": [_told(entry) for entry in entries],
    }


async def _chunk(engine: Engine, path: PromptPath) -> Chunk:
    from riffbot.jam.timeline import Chunk

    riff = await engine.submit(path.build_request())
    return Chunk(path, riff.request, riff.image, riff.model_name, riff.model_hash)


async def _in_time(order: _Order) -> dict[str, Any]:
    from riffbot.jam.realtime import run_realtime

    line = Line()
    with contextlib.ExitStack() as stack:
        record = stack.enter_context(recorder(order.out)) if order.out else None
        async with running(order.settings, order.pictures) as engine:
            report = await run_realtime(
                engine,
                order.pictures.images,
                order.path,
                changes=order.changes,
                seconds=order.seconds,
                loudness_lufs=order.settings.loudness_lufs,
                busy=order.busy,
                record=record,
                on_progress=line.say,
            )
            line.clear()
    return {
        "words": report.format_family_tree(),
        "file": str(order.out) if order.out else None,
        "seed_image": order.path.seed_image,
        **report.as_dict(),
    }


def _told(entry: Placement) -> dict[str, Any]:
    return {
        "at_s": entry.start / 100,
        "prompt": entry.chunk.prompt,
        "request": entry.chunk.request.model_dump(mode="json", exclude_none=True),
    }


@contextlib.contextmanager
def recorder(out: Path) -> Iterator[Callable[[Floats], object]]:
    """Gives a function that writes blocks of samples to a file, which appears when it is whole."""
    import numpy as np
    import soundfile

    from audio import encoding
    from riffbot.jam.synthesizer import SAMPLE_RATE

    kind = out.suffix[1:].upper()
    with whole(out) as beside:
        if kind == "MP3":
            blocks: list[Floats] = []
            yield blocks.append
            samples = np.concatenate(blocks) if blocks else np.zeros(1, np.float32)
            beside.write_bytes(encoding.encode(samples, SAMPLE_RATE, "mp3"))
            return
        subtype = "VORBIS" if kind == "OGG" else "PCM_24"
        with soundfile.SoundFile(beside, "w", SAMPLE_RATE, 1, subtype=subtype, format=kind) as file:
            yield file.write
