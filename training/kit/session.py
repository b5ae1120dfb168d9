"""One training on a borrowed machine: `python -m training.kit.session --kit DIR --ends-at TIME`.

Every stage is timed (`stages.jsonl`). The trainer is stopped by the clock with enough left to
export; the renderer runs beside it, from the moment its sounds are there, which may be later.
Results are written anew every minute, so that whatever ends the session leaves the last minute's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from training.kit.folders import Kit
from training.kit.results import deliver

MARGIN_S = 25.0
"""Kept for the last measuring, the last export and the report."""

DONE = "done"
"""This file in the kit's folder says that the session is over; its text is the exit status."""

_LOOK_S = 1.0


class Session:
    """The stages of one training and the programs that run beside it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.kit, self.options = Kit(options.kit), options
        self.ends_at = options.ends_at
        self.environment = self.kit.environment()
        self._log = (self.kit.root / "session.log").open("ab")
        self.has_gpu = False
        self._band: subprocess.Popen[bytes] | None = None
        self._delivered = 0.0
        self.kit.results.mkdir(parents=True, exist_ok=True)
        self.kit.shards.mkdir(parents=True, exist_ok=True)

    def say(self, **row: Any) -> None:
        """Note what a stage took."""
        line = json.dumps({"left": round(self.ends_at - time.time(), 1), **row})
        with (self.kit.root / "stages.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[dict[str, Any]]:
        """Time a stage; what is put into the dictionary is noted with it."""
        began, found = time.monotonic(), dict[str, Any]()
        yield found
        self.say(stage=name, seconds=round(time.monotonic() - began, 1), **found)

    def program(self, module: str, *arguments: str, **environment: str) -> list[str]:
        """Run a module of the kit to its end; its lines. Raises CalledProcessError."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            check=False,
        )
        self._log.write(done.stdout.encode())
        self._log.flush()
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, module, done.stdout)
        return done.stdout.splitlines()

    def start(
        self, module: str, *arguments: str, env: dict[str, str] | None = None, niceness: int = 0
    ) -> subprocess.Popen[bytes]:
        """Start a module of the kit beside this one, in a group of its own."""
        command = ["nice", "-n", str(niceness)] if niceness else []
        return subprocess.Popen(
            [*command, sys.executable, "-m", module, *arguments],
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            env=env or self.environment,
        )

    def prepare(self) -> None:
        """From what travelled to what the programs read."""
        with ThreadPoolExecutor() as threads:
            for part in [threads.submit(self._lay_out_encoder), threads.submit(self._unpack)]:
                part.result()

    def _lay_out_encoder(self) -> None:
        target = self.kit.text_encoder
        with self.stage("text encoder"):
            places = ("--packed", str(self.kit.root / "encoder"), "--out", str(target))
            self.program("training.kit.text_encoder", *places)
            (target.parent / "__init__.py").touch()

    def _unpack(self) -> None:
        kit = self.kit
        if not (kit.run / "start.pt").exists():
            with self.stage("checkpoints"):
                self.program("training.unpack", "--model", str(kit.model), "--out", str(kit.run))
        with self.stage("clips") as found:
            found.update(json.loads(self.unpack_shards()[-1]))

    def unpack_shards(self) -> list[str]:
        """Decode the packed shards that are new; the lines that say how many clips those were."""
        places = ("--packed", str(self.kit.packed), "--shards", str(self.kit.shards))
        autoencoder = str(self.kit.run / "autoencoder.pt")
        return self.program("training.kit.latents", *places, "--autoencoder", autoencoder)

    def check(self) -> None:
        """The self-check. Raises CalledProcessError, the line of which is in `stages.jsonl`."""
        try:
            lines = self.program("training.kit.self_check", "--kit", str(self.kit.root))
        except subprocess.CalledProcessError as error:
            self._say_line((error.output or "{}").strip().splitlines()[-1:])
            raise
        self._say_line(lines[-1:])

    def _say_line(self, lines: list[str]) -> None:
        failed = '{"stage": "self-check", "failed": true}'
        found: dict[str, Any] = json.loads(lines[0] if lines else failed)
        self.has_gpu = "gpu" in found.get("machine", {})
        self.say(**found)

    def train(self) -> int:
        """Train until the clock says stop; the trainer's exit status."""
        kit, options = self.kit, self.options
        command = ["--shards", str(kit.shards), "--autoencoder", str(kit.run / "autoencoder.pt")]
        command += ["--gist", str(kit.run / "gist.pt"), "--out", str(kit.checkpoint)]
        command += ["--start", str(kit.run / "start.pt"), "--ahead", "--minutes", "600"]
        command += ["--ends-at", str(self.ends_at - options.margin), "--save-every", "55"]
        command += json.loads((kit.root / "trainer.json").read_text("utf-8"))
        command += ["--batch", "0", "--compile", "inductor"] if self.has_gpu else ["--workers", "1"]
        command += options.trainer  # of two that are alike the last one counts
        with self.stage("training") as found:
            trainer = self.start("training.denoiser", *command)
            try:
                while trainer.poll() is None and time.time() < self.ends_at - 0.3 * options.margin:
                    self._beside()
                    time.sleep(_LOOK_S)
            finally:
                end(trainer)
                if self._band is not None:
                    end(self._band)
            found["status"] = trainer.returncode
            found["rendered"] = len(list(kit.shards.glob("ready-1*.pt")))
        return int(trainer.returncode)

    def _beside(self) -> None:
        """Start the renderer once its sounds are there, and deliver every new checkpoint."""
        if self._band is None and self.kit.can_render and self.options.render:
            self.say(stage="rendering begins")
            arguments = ("--kit", str(self.kit.root), *shlex.split(self.options.band))
            environment = self.kit.rendering()
            self._band = self.start("training.kit.band", *arguments, env=environment, niceness=15)
        path = self.kit.checkpoint
        if path.exists() and path.stat().st_mtime > self._delivered:
            self._delivered = path.stat().st_mtime
            self.deliver()

    def deliver(self) -> dict[str, Any]:
        """Write the results as they stand."""
        about = deliver(self.kit.checkpoint, self.kit.results)
        self.report(about)
        return about

    def report(self, about: dict[str, Any]) -> None:
        """`report.json`: the stages, the trainer's log, and what the weights are."""
        stages = _rows(self.kit.root / "stages.jsonl")
        log = _rows(self.kit.checkpoint.with_suffix(".jsonl"))
        held = {"weights": about, "stages": stages, "training": log}
        draft = self.kit.results / "report.draft"
        draft.write_text(json.dumps(held, indent=1), "utf-8")
        draft.replace(self.kit.results / "report.json")
        tail = (self.kit.root / "session.log").read_bytes()[-1_000_000:]
        (self.kit.results / "session.log").write_bytes(tail)

    def run(self) -> int:
        """All stages; 0 where the training ended as it should."""
        self.say(stage="begin", budget=round(self.ends_at - time.time(), 1))
        status = 1
        try:
            self.prepare()
            self.check()
            status = self.train()
        except subprocess.CalledProcessError as error:
            self.say(stage="failed", module=error.cmd, status=error.returncode)
        if self.kit.checkpoint.exists():
            with self.stage("last export"):
                about = self.deliver()
            self.report(about)
        else:
            self.report({})
        return status


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program and its group: politely, then not."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(3)


def _rows(path: Path) -> list[Any]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m training.kit.session", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--kit", type=Path, required=True)
    parser.add_argument("--ends-at", type=float, required=True, help="seconds since 1970")
    parser.add_argument("--margin", type=float, default=MARGIN_S, help="seconds kept for the end")
    parser.add_argument("--no-render", dest="render", action="store_false")
    parser.add_argument("--band", default="", help="options of training.kit.band, in one word")
    parser.add_argument("trainer", nargs="*", help="options of training.denoiser, after --")
    options = parser.parse_args(argv)
    done = options.kit / DONE
    done.unlink(missing_ok=True)
    status = 1
    try:
        status = Session(options).run()
    finally:
        done.write_text(str(status), "ascii")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
