"""`seed-images`, `doctor`, `bench` and `db`: inspection and maintenance."""
# ruff: noqa: PLC0415

from __future__ import annotations

import json
from dataclasses import asdict

from riffbot.commands.flags import CommonOptions
from riffbot.commands.options import BenchOptions, DatabaseOptions, DoctorOptions
from riffbot.commands.session import load_model_settings
from riffbot.errors import BadRequest


def seed_images(options: CommonOptions) -> int:
    """List the bundled seed images and masks."""
    from riffbot.images import Images
    from riffbot.settings import load_settings

    images = Images(load_settings().seed_images)
    seeds = [images.bundled(name) for name in images.names()]
    if options.json:
        seeds_json = [json.loads(seed.model_dump_json()) for seed in seeds]
        print(json.dumps({"seed_images": seeds_json, "masks": images.masks()}, ensure_ascii=False))
        return 0
    if not seeds:
        print("No seed images are installed here.")
    for seed in seeds:
        print(f"{seed.name:<20} {seed.bpm:>6.2f} bpm  {seed.beats:>2} beats  {seed.mood}")
    if images.masks():
        print(f"masks: {', '.join(images.masks())}")
    return 0


def doctor(options: DoctorOptions) -> int:
    """Check what must be right; 1 if something essential is wrong."""
    from riffbot.commands import doctor as checks

    if options.deep:
        return _inspect_library(options)
    if options.repair:
        raise BadRequest("--repair mends the library: say riffbot doctor --deep --repair.")
    settings = load_model_settings(options.model)
    results = []
    for result in checks.run_checks(settings, speed=options.speed):
        results.append(result)
        if not options.json:  # as soon as it is known: the model takes its seconds
            print(checks.format_result(result), flush=True)
    print(checks.results_as_json(results) if options.json else checks.format_summary(results))
    return 0 if checks.is_healthy(results) else 1


def _inspect_library(options: DoctorOptions) -> int:
    """Check every row and every file; 1 if something is wrong that is not mended."""
    from riffbot.commands import deep_doctor
    from riffbot.commands import doctor as checks

    settings = load_model_settings(options.model)
    if options.repair:
        found, mended, why = deep_doctor.repair(settings)
    else:
        found, mended, why = deep_doctor.inspect(settings), [], {}
    results = list(deep_doctor.summarise(found, mended, why))
    if options.json:
        report = {
            "healthy": checks.is_healthy(results),
            "riffs": found.riffs,
            "files": found.files,
            "problems": [asdict(problem) for problem in found.problems],
            "mended": [asdict(problem) for problem in mended],
        }
        print(json.dumps(report, ensure_ascii=False))
    else:
        print("\n".join(checks.format_result(result) for result in results))
        print(checks.format_summary(results))
    return 0 if checks.is_healthy(results) else 1


def bench(options: BenchOptions) -> int:
    """Measure, beside what people would use instead, in one run."""
    from riffbot.bench import run as benches

    unknown = sorted(set(options.benchmarks) - set(benches.NAMES))
    if unknown:
        raise BadRequest(f"There is no bench “{unknown[0]}”; there are {', '.join(benches.NAMES)}.")
    if not 1 <= options.clips <= 100:
        raise BadRequest(f"--clips must be 1 … 100, not {options.clips}.")
    settings = load_model_settings(options.model)
    results = {}
    for name in options.benchmarks or benches.NAMES:
        report = benches.run(name, settings, clips=options.clips, quick=options.quick)
        results[name] = report.data
        if not options.json:
            print(f"{name}\n{report.text}\n", flush=True)
    if options.json:
        print(json.dumps(results, ensure_ascii=False))
    return 0


def database(options: DatabaseOptions) -> int:
    """Bring the library's tables up to date, as every start does by itself."""
    from riffbot.library.connection import database_url, file_of
    from riffbot.library.disk_errors import disk_error
    from riffbot.library.file_modes import create_private_file, make_private_dir
    from riffbot.library.migrate import revisions, upgrade
    from riffbot.settings import load_settings

    settings = load_settings()
    path = file_of(database_url(settings.database))
    if path is not None:
        try:
            make_private_dir(path.parent)
            create_private_file(path)
        except OSError as error:
            raise disk_error(error, settings.data_dir) from error
    upgrade(settings.database)
    revision, _ = revisions(settings.database)
    if options.json:
        print(json.dumps({"revision": revision}))
    else:
        print(f"The library is up to date (revision {revision}).")
    return 0
