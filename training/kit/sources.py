"""What a kit is made of: code, wheels, the synthesiser's libraries, sounds.

Each function gives what the machine that packs has of it; what it has not is said in one sentence.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import soundfile

from riffbot.locations import ROOT
from training import fluid, kits, strums
from training.kit.parts import Item, pack_tree
from training.recordings import read_mono
from training.voices import bank

CODE = ("training", "riffbot", "audio", "pyproject.toml", "LICENSE", "constraints.txt")

TRAINING_WHEELS = [
    "diffusers",
    "importlib_metadata",
    "zipp",
    "pydantic",
    "pydantic_core",
    "annotated-types",
    "typing-inspection",
    "typing_extensions",
    "soundfile",
    "cffi",
    "pycparser",
    "soxr",
    "cachetools",
    "platformdirs",
]
"""What training needs beside PyTorch, transformers, numba and SciPy."""

BENCH_WHEELS = [
    "av",
    "pydantic-settings",
    "python-dotenv",
    "librosa",
    "audioread",
    "decorator",
    "pooch",
    "lazy_loader",
]
"""What `riffbot bench gpu` needs beside those."""

PYTHON = "3.12"
_PLATFORMS = [f"manylinux_2_{n}_x86_64" for n in (28, 27, 26, 24, 17, 12, 5)] + [
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
]
_OF_EVERY_LINUX = re.compile(
    r"^(libc|libm|libdl|librt|libpthread|libresolv|libstdc\+\+|libgcc_s|ld-linux.*)[.-]"
)
"""Libraries that must be the target machine's own."""

_STRUM_SECONDS = 2.5
"""Recorded strums travel as long as this and in mono."""

_FONTS = Path("/usr/share/sounds/sf3")


class Missing(RuntimeError):
    """Something that a kit needs is not to be had here; the sentence says what to do."""


def code() -> bytes:
    """The project's own Python, as it stands in the working tree, as a tar.xz."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *CODE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = [name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]
    if listing.returncode or not names:
        raise Missing("A kit is packed from a checkout: run it where git knows the files.")
    kept = [name for name in names if not name.endswith((".md", ".svg", ".png"))]
    return pack_tree((name, ROOT / name) for name in sorted(kept))


def seed_images() -> bytes:
    """The bundled seed images, of which a jam needs one."""
    folder = ROOT / "seed_images"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return pack_tree((path.relative_to(folder).as_posix(), path) for path in files)


def pins() -> dict[str, str]:
    """The versions of constraints.txt, by name in lower case with hyphens."""
    found = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        name, sep, version = line.partition("==")
        if sep:
            found[_plain(name)] = version.strip()
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def fetch_wheels(names: list[str], cache: Path) -> list[Path]:
    """Wheels for the other machine's Python, from the cache or by pip, pinned as this project is.

    Raises:
        Missing: pip cannot fetch one.
    """
    cache.mkdir(parents=True, exist_ok=True)
    pinned, found = pins(), list[Path]()
    for name in names:
        version = pinned.get(_plain(name))
        wheel = _cached(cache, name, version)
        if wheel is None:
            _download(f"{name}=={version}" if version else name, cache)
            wheel = _cached(cache, name, version)
        if wheel is None:
            raise Missing(f"pip fetched no wheel of {name} {version or ''} into {cache}.")
        found.append(wheel)
    return found


def _cached(cache: Path, name: str, version: str | None) -> Path | None:
    for path in sorted(cache.glob("*.whl"), reverse=True):
        held, of = path.name.split("-")[:2]
        if _plain(held) == _plain(name) and version in (None, of):
            return path
    return None


def _download(requirement: str, cache: Path) -> None:
    platforms = [part for name in _PLATFORMS for part in ("--platform", name)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp"]
    done = subprocess.run(
        [*command, *platforms, "--dest", str(cache), requirement],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["pip said nothing"]
        raise Missing(f"pip cannot fetch {requirement} for Python {PYTHON}: {said[0]}")


def site(wheels: list[Path], work: Path) -> bytes:
    """Wheels opened side by side as a tar.xz, to be put on PYTHONPATH: smaller than the wheels."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(work)
    kept = [
        path
        for path in sorted(work.rglob("*"))
        if path.is_file() and not {"tests", "__pycache__"} & set(path.relative_to(work).parts)
    ]
    return pack_tree((path.relative_to(work).as_posix(), path) for path in kept)


def libraries() -> bytes:
    """libfluidsynth and the libraries that it needs, but for those of every Linux, as a tar.xz.

    Raises:
        Missing: it is not installed here.
    """
    try:
        own = Path(fluid.library()._name)
    except fluid.FluidError as error:
        raise Missing(str(error)) from error
    path = own if own.is_file() else _on_disk(own.name)
    found = {"libfluidsynth.so.3": path}
    listing = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        name, _, rest = line.strip().partition(" => ")
        where = Path(rest.split(" ")[0])
        if rest and where.is_file() and not _OF_EVERY_LINUX.match(name):
            found[name] = where
    return pack_tree(sorted(found.items()))


def _on_disk(name: str) -> Path:
    listing = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        if line.split(" ")[0].strip() == name and "x86-64" in line:
            return Path(line.split(" => ")[1].strip())
    raise Missing(f"{name} is not where ldconfig looks.")


def first_sounds() -> list[Item]:
    """With these alone the renderer plays: the synthesiser, a SoundFont, voices, drums."""
    try:
        voices = bank.find()
    except bank.VoicesError as error:
        raise Missing(str(error)) from error
    return [
        Item("libs.tar.xz", libraries()),
        Item.of("sounds/FluidR3Mono_GM.sf3", _font("FluidR3Mono_GM.sf3")),
        Item.of("sounds/voices.npz", voices),
        Item("sounds/kits.tar.xz", pack_tree(_drums())),
    ]


def more_sounds() -> list[Item]:
    """A second SoundFont, and strums of an acoustic guitar where they are installed."""
    items = [Item.of("sounds/MuseScore_General_Lite.sf3", _font("MuseScore_General_Lite.sf3"))]
    items += [Item(f"sounds/strums/{name}", held) for name, held in _strums()]
    return items


def _font(name: str) -> Path:
    path = _FONTS / name
    if not path.is_file():
        raise Missing(
            f"There is no {path}: apt-get install fluidr3mono-gm-soundfont "
            f"musescore-general-soundfont-small"
        )
    return path


def _drums() -> Iterator[tuple[str, Path]]:
    """The recordings that `kits.toml` names, as `folder/name.flac`."""
    held = tomllib.loads(Path(kits.__file__).with_name("kits.toml").read_text("utf-8"))
    names = {name: Path(folder) for name, folder in held["folders"].items()}
    wanted = {
        (row["folder"], take)
        for row in held["sets"]
        for takes in row["sounds"].values()
        for take in takes
    }
    for folder, take in sorted(wanted):
        path = names[folder] / f"{take}.flac"
        if path.is_file():
            yield f"{folder}/{take}.flac", path


def _strums() -> Iterator[tuple[str, bytes]]:
    """Recorded strums in mono, shortened, as FLAC of 16 bits."""
    for path in sorted({path for takes in strums.library().values() for path in takes}):
        sound = read_mono(path)[: round(_STRUM_SECONDS * 44_100)]
        out = BytesIO()
        soundfile.write(out, sound, 44_100, format="FLAC", subtype="PCM_16")
        yield path.name, out.getvalue()
