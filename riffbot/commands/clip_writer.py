"""Makes clips with one loaded model, one after another, and writes each as soon as it is done."""
# ruff: noqa: PLC0415

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riffbot.commands.files import has_content, write_file
from riffbot.commands.image_resolver import ImageResolver
from riffbot.commands.jobs import BadLine, ClipJob
from riffbot.commands.progress import StatusLine
from riffbot.commands.session import open_engine
from riffbot.errors import BadRequest, RiffBotError
from riffbot.naming import find_free_name, slugify

if TYPE_CHECKING:
    from riffbot.inference.engine.engine import Engine, GeneratedRiff
    from riffbot.rendering import Rendered
    from riffbot.request import RiffRequest
    from riffbot.settings import Settings


class ClipWriter:
    """Makes clips and writes their files.

    Args:
        settings: which model, how loud.
        resolver: where seed images and masks come from.
        out: the folder to write into, which exists.
        as_json: print one JSON object a clip rather than its file's name.
        overwrite: replace files of the same name; otherwise a clip gets a number behind its name.
    """

    def __init__(
        self,
        settings: Settings,
        resolver: ImageResolver,
        out: Path,
        *,
        as_json: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.settings = settings
        self.resolver = resolver
        self.out = out
        self._as_json = as_json
        self._overwrite = overwrite
        self._status_line = StatusLine()

    async def run(self, jobs: Iterable[ClipJob | BadLine]) -> int:
        """Make and write every clip.

        The error of a single clip is raised. In a batch it is reported with its line number, and
        the other lines are still served.

        Returns:
            The exit code: 0, or that of the worst line.
        """
        waiting = list(jobs)
        bad = [line for line in waiting if isinstance(line, BadLine)]
        for line in bad:
            self._report_line_error(line.line, BadRequest(line.reason))
        good = [job for job in waiting if isinstance(job, ClipJob)]
        codes = [BadRequest.exit_code] * bool(bad)
        if good:
            async with open_engine(self.settings, self.resolver) as engine:
                for number, job in enumerate(good, start=1):
                    label = f"{number}/{len(good)} " if len(good) > 1 else ""
                    codes.append(await self._run_one(engine, job, label))
        return max(codes, default=0)

    async def _run_one(self, engine: Engine, job: ClipJob, label: str) -> int:
        from riffbot.clips.harmony_notes import describe_ignored_harmony

        try:
            job = await self.restore_sources(engine, job)
            riff = await self.generate(engine, job, label)
            if ignored := describe_ignored_harmony(
                job.request, riff.request, riff.model_name, job.held
            ):
                self._status_line.print_note(ignored)
            self.print_result(self.write_clip(riff, job), riff.timings)
        except RiffBotError as error:
            if job.line is None or engine.stats().state == "broken":
                raise
            self._report_line_error(job.line, error)
            return error.exit_code
        return 0

    async def generate(self, engine: Engine, job: ClipJob, label: str = "") -> GeneratedRiff:
        """Compute one clip, of however many pictures, with progress on the terminal."""
        from riffbot.composition import compose

        async def submit(request: RiffRequest, number: int, count: int) -> GeneratedRiff:
            part = f"{label}{number + 1}/{count} " if count > 1 else label
            return await engine.submit(
                request,
                batch=job.batch,
                on_progress=lambda progress: self._status_line.show_step(part, progress),
            )

        try:
            return await compose(job.request, self.resolver.images, submit)
        finally:
            self._status_line.clear()

    async def restore_sources(self, engine: Engine, job: ClipJob) -> ClipJob:
        """Make lost sources of the job's recipe again; returns the job that refers to them."""
        if job.recipe is None:
            return job
        from riffbot.clips import recipes

        async def generate(older: recipes.Recipe) -> GeneratedRiff:
            return await self.generate(
                engine, ClipJob(older.request, batch=older.batch), "before it: "
            )

        restored = await recipes.restore_sources(
            replace(job.recipe, request=job.request),
            exists=self.resolver.is_available,
            generate=generate,
            store_png=lambda png: self.resolver.source_folder.save(png).removeprefix("sha256:"),
            loudness_lufs=self.settings.loudness_lufs,
        )
        if restored.differs:
            self._status_line.print_note(restored.differs)
        return replace(job, request=restored.request)

    def write_clip(self, riff: GeneratedRiff, job: ClipJob) -> dict[str, Any]:
        """Render and write .mp3, .png and .json; returns the content of the .json."""
        from riffbot.clips.recipes import collect_ancestors
        from riffbot.rendering import render

        began = time.perf_counter()
        older = collect_ancestors(riff.request, self.resolver.images)
        rendered = render(
            riff,
            loudness_lufs=self.settings.loudness_lufs,
            made_from=older,
            retired_tag=job.retired_tag,
        )
        if job.model_hash not in (None, riff.model_hash):
            print(
                "riffbot: other weights made that clip, so this one is not the same; "
                "--model chooses them.",
                file=sys.stderr,
            )
        wanted = job.name or f"{slugify(riff.request.prompt)}-{riff.request.seed}"
        name = self._choose_name(wanted, rendered)
        clip = self._clip_json(riff, rendered, name, time.perf_counter() - began, older)
        write_file(self.out / f"{name}.mp3", rendered.mp3)
        write_file(self.out / f"{name}.png", rendered.png)
        write_file(self.out / f"{name}.json", format_json(clip))
        return {**clip, **({"line": job.line} if job.line else {})}

    def _choose_name(self, wanted: str, rendered: Rendered) -> str:
        """Return the name, with a number if files of another clip would be overwritten."""

        def is_taken(name: str) -> bool:
            paths = [self.out / f"{name}.{kind}" for kind in ("mp3", "png", "json")]
            return any(os.path.lexists(path) for path in paths) and not (
                has_content(paths[0], rendered.mp3) and has_content(paths[1], rendered.png)
            )

        name = wanted if self._overwrite else find_free_name(wanted, is_taken)
        if name != wanted:
            self._status_line.print_note(
                f"“{wanted}” is there already, so this clip is “{name}”; --overwrite replaces it."
            )
        return name

    def _clip_json(
        self,
        riff: GeneratedRiff,
        rendered: Rendered,
        name: str,
        render_s: float,
        older: dict[str, str],
    ) -> dict[str, Any]:
        return {
            **recipe_json(riff, older),
            "timings": round_timings({**riff.timings, "render_s": render_s}),
            "duration_s": rendered.duration_s,
            "description": rendered.alt,
            "files": {"mp3": f"{name}.mp3", "png": f"{name}.png", "json": f"{name}.json"},
        }

    def print_result(self, clip: dict[str, Any], timings: Any) -> None:
        """Print one clip's line on stdout."""
        if self._as_json:
            files = {kind: str(self.out / file) for kind, file in clip["files"].items()}
            print(json.dumps({**clip, "files": files}, ensure_ascii=False), flush=True)
            return
        spent = f"  made in {timings['generate_s']:.1f} s" if timings.get("generate_s") else ""
        print(f"{self.out / clip['files']['mp3']}  {clip['duration_s']:.2f} s{spent}", flush=True)

    def _report_line_error(self, line: int, error: RiffBotError) -> None:
        self._status_line.print_note(f"line {line}: {error}")
        if self._as_json:
            print(json.dumps({"line": line, "error": str(error)}, ensure_ascii=False), flush=True)


def recipe_json(riff: GeneratedRiff, older: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a clip's recipe: the resolved request, the weights, its ancestors' recipes."""
    from riffbot import rendering

    recipe: dict[str, Any] = json.loads(rendering.recipe(riff, older))
    return recipe


def round_timings(timings: dict[str, float]) -> dict[str, float]:
    """Round timings to the millisecond."""
    return {name: round(value, 3) for name, value in timings.items()}


def format_json(value: Any) -> bytes:
    """Encode as indented UTF-8 JSON."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
