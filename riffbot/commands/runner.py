"""From orders to files: one loaded model, one clip after another, each written as it is done."""
# ruff: noqa: PLC0415

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riffbot.commands.files import holds, write
from riffbot.commands.jobs import BadLine, Order
from riffbot.commands.pictures import Pictures
from riffbot.commands.progress import Line
from riffbot.errors import BadRequest, RiffBotError
from riffbot.naming import free_name, slug

if TYPE_CHECKING:
    from riffbot.inference.engine.engine import Engine, GeneratedRiff
    from riffbot.rendering import Rendered
    from riffbot.request import RiffRequest
    from riffbot.settings import Settings


@asynccontextmanager
async def running(settings: Settings, pictures: Pictures) -> AsyncIterator[Engine]:
    """An engine that makes clips one at a time, so that each replays to the byte."""
    from riffbot.inference.engine.engine import Engine

    engine = Engine(lambda: _open(settings, pictures), max_batch=1)
    try:
        yield engine
    finally:
        # Whoever leaves early (Ctrl-C) does not wait for a clip that nobody will hear.
        await engine.close(grace_s=0, last_step_s=1.0)


def _open(settings: Settings, pictures: Pictures) -> Any:
    from riffbot.inference.pipeline.factory import (
        open_pipeline,  # in the engine's thread: it takes seconds
    )

    return open_pipeline(settings, pictures.images)


class Maker:
    """Makes clips and writes their files.

    Args:
        settings: which model, how loud.
        pictures: where seed images and masks come from.
        out: the folder to write into, which exists.
        as_json: print one JSON object a clip rather than its file's name.
        overwrite: replace files of the same name; otherwise a clip gets a number behind its name.
    """

    def __init__(
        self,
        settings: Settings,
        pictures: Pictures,
        out: Path,
        *,
        as_json: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.settings = settings
        self.pictures = pictures
        self.out = out
        self._as_json = as_json
        self._overwrite = overwrite
        self._line = Line()

    async def make(self, orders: Iterable[Order | BadLine]) -> int:
        """Make every clip that can be made.

        A lone clip's error is raised. In a batch it is reported by its line, and the others go on.

        Returns:
            The exit code: 0, or that of the worst line.
        """
        waiting = list(orders)
        bad = [line for line in waiting if isinstance(line, BadLine)]
        for line in bad:
            self._report(line.line, BadRequest(line.sentence))
        good = [order for order in waiting if isinstance(order, Order)]
        codes = [BadRequest.exit_code] * bool(bad)
        if good:
            async with running(self.settings, self.pictures) as engine:
                for number, order in enumerate(good, start=1):
                    place = f"{number}/{len(good)} " if len(good) > 1 else ""
                    codes.append(await self._one(engine, order, place))
        return max(codes, default=0)

    async def _one(self, engine: Engine, order: Order, place: str) -> int:
        try:
            order = await self.restore_sources(engine, order)
            riff = await self.riff(engine, order, place)
            self.say(self.write(riff, order), riff.timings)
        except RiffBotError as error:
            if order.line is None or engine.stats().state == "broken":
                raise
            self._report(order.line, error)
            return error.exit_code
        return 0

    async def riff(self, engine: Engine, order: Order, place: str = "") -> GeneratedRiff:
        """Compute one clip, of however many pictures, with progress on the terminal."""
        from riffbot.composition import compose

        async def submit(request: RiffRequest, number: int, count: int) -> GeneratedRiff:
            part = f"{place}{number + 1}/{count} " if count > 1 else place
            return await engine.submit(
                request,
                batch=order.batch,
                on_progress=lambda progress: self._line.step(part, progress),
            )

        try:
            return await compose(order.request, self.pictures.images, submit)
        finally:
            self._line.clear()

    async def restore_sources(self, engine: Engine, order: Order) -> Order:
        """The order with the pictures that it starts from made again, should they be gone."""
        from riffbot.clips import recipes

        if order.recipe is None:
            return order

        async def make(older: recipes.Recipe) -> GeneratedRiff:
            return await self.riff(engine, Order(older.request, batch=older.batch), "before it: ")

        told = await recipes.restore_sources(
            replace(order.recipe, request=order.request),
            there=self.pictures.there,
            make=make,
            keep=lambda png: self.pictures.shelf.keep(png).removeprefix("sha256:"),
            loudness_lufs=self.settings.loudness_lufs,
        )
        if told.differs:
            self._line.note(told.differs)
        return replace(order, request=told.request)

    def write(self, riff: GeneratedRiff, order: Order) -> dict[str, Any]:
        """Render and write .mp3, .png and .json; returns what the .json says."""
        from riffbot.clips.recipes import collect_ancestors
        from riffbot.rendering import render

        began = time.perf_counter()
        older = collect_ancestors(riff.request, self.pictures.images)
        rendered = render(
            riff,
            loudness_lufs=self.settings.loudness_lufs,
            made_from=older,
            retired_tag=order.retired_tag,
        )
        if order.model_hash not in (None, riff.model_hash):
            print(
                "riffbot: other weights made that clip, so this one is not the same; "
                "--model chooses them.",
                file=sys.stderr,
            )
        wanted = order.name or f"{slug(riff.request.prompt)}-{riff.request.seed}"
        name = self._free_name(wanted, rendered)
        told = self._told(riff, rendered, name, time.perf_counter() - began, older)
        write(self.out / f"{name}.mp3", rendered.mp3)
        write(self.out / f"{name}.png", rendered.png)
        write(self.out / f"{name}.json", pretty(told))
        return {**told, **({"line": order.line} if order.line else {})}

    def _free_name(self, wanted: str, rendered: Rendered) -> str:
        """The name, or a numbered one where another clip would be lost; the same clip is not."""

        def is_taken(name: str) -> bool:
            paths = [self.out / f"{name}.{kind}" for kind in ("mp3", "png", "json")]
            return any(os.path.lexists(path) for path in paths) and not (
                holds(paths[0], rendered.mp3) and holds(paths[1], rendered.png)
            )

        name = wanted if self._overwrite else free_name(wanted, is_taken)
        if name != wanted:
            self._line.note(
                f"“{wanted}” is there already, so this clip is “{name}”; --overwrite replaces it."
            )
        return name

    def _told(
        self,
        riff: GeneratedRiff,
        rendered: Rendered,
        name: str,
        render_s: float,
        older: dict[str, str],
    ) -> dict[str, Any]:
        return {
            **recipe(riff, older),
            "timings": seconds({**riff.timings, "render_s": render_s}),
            "duration_s": rendered.duration_s,
            "description": rendered.alt,
            "files": {"mp3": f"{name}.mp3", "png": f"{name}.png", "json": f"{name}.json"},
        }

    def say(self, told: dict[str, Any], timings: Any) -> None:
        """Print one clip's line on stdout."""
        if self._as_json:
            files = {kind: str(self.out / file) for kind, file in told["files"].items()}
            print(json.dumps({**told, "files": files}, ensure_ascii=False), flush=True)
            return
        spent = f"  made in {timings['generate_s']:.1f} s" if timings.get("generate_s") else ""
        print(f"{self.out / told['files']['mp3']}  {told['duration_s']:.2f} s{spent}", flush=True)

    def _report(self, line: int, error: RiffBotError) -> None:
        self._line.note(f"line {line}: {error}")
        if self._as_json:
            print(json.dumps({"line": line, "error": str(error)}, ensure_ascii=False), flush=True)


def recipe(riff: GeneratedRiff, older: dict[str, str] | None = None) -> dict[str, Any]:
    """What replays a clip: the resolved request, the weights, its ancestors' recipes."""
    from riffbot import rendering

    recipe: dict[str, Any] = json.loads(rendering.recipe(riff, older))
    return recipe


def seconds(timings: dict[str, float]) -> dict[str, float]:
    """Timings to the millisecond: more digits would be noise."""
    return {name: round(value, 3) for name, value in timings.items()}


def pretty(value: Any) -> bytes:
    """JSON for people and programs."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
