"""The pictures that a riff may start from: bundled loops, masks, and anything in the library.

A reference is a bundled name (`steady_beat`) or `sha256:<64 hex digits>` of a file in the library.
Bundled loops are described in `seeds.toml`, one table an image:

    [steady_beat]
    file = "steady_beat.png"
    title = "Plain beat"
    bpm = 120.0
    beats = 8
    width = 400
    mood = "steady, dry"
    made = "rendered by training/seeds.py"

Files whose name begins with `mask_` are masks (white: repaint, black: keep) and need no table.
"""

from __future__ import annotations

import difflib
import json
import secrets
import threading
import tomllib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from audio.errors import AudioError
from audio.image import SpectrogramImage, decode_image
from audio.params import SpectrogramParams
from audio.pixels import mix_to_mono
from riffbot import riffusion_masks
from riffbot.errors import BadRequest, NotFound, StorageError, shorten
from riffbot.harmony import NO_HARMONY, HarmonyText
from riffbot.regions import BEATS, Region
from riffbot.request import RiffRequest
from riffbot.tempo import MAX_WIDTH, MIN_WIDTH, is_waltz

Lookup = Callable[[str], Path | None]
"""The library's side: 64 hex digits -> where that file lies, None if it is not there."""

CATALOGUE = "seeds.toml"
HEIGHT = 512
_GENERATIONS = 16
"""So far back a measure is looked for."""

CACHED, CACHED_BYTES = 16, 16 * 1024**2
"""Decoded pictures kept: so many at most, and so many bytes. One takes 0.25 MB at 512 columns; a
song of six minutes takes 18 and is not kept."""


class SeedImage(BaseModel):
    """A bundled loop of whole beats.

    Attributes:
        name: how a request refers to it.
        path: the PNG.
        title: for people.
        bpm, beats, width: `beats` beats at `bpm` fill `width` columns of 10 ms.
        meter: beats a measure.
        mood: a few words for people.
        made: how it was made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    path: Path
    title: str
    bpm: Annotated[float, Field(ge=40, le=240)]
    beats: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=MIN_WIDTH, le=MAX_WIDTH)]
    meter: Annotated[int, Field(ge=1, le=12)] = 4
    mood: str = ""
    made: str = ""


class Images:
    """Finds and reads seed images and masks.

    Args:
        folder: the bundled images and their `seeds.toml`; an absent folder has none.
        lookup: finds `sha256:` references; None knows none.

    Raises:
        StorageError: `seeds.toml` cannot be read or a file it names is missing.
    """

    def __init__(self, folder: Path, lookup: Lookup | None = None) -> None:
        self._seeds = {seed.name: seed for seed in _catalogue(folder)}
        self._masks = {path.stem: path for path in sorted(folder.glob("mask_*.png"))}
        self._lookup = lookup
        self._cache: OrderedDict[Path, SpectrogramImage] = OrderedDict()
        self._lent: dict[str, tuple[SpectrogramImage, str | None]] = {}
        # Requests are resolved on one thread while another computes.
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """The bundled loops, in the order of `seeds.toml`."""
        return list(self._seeds)

    def masks(self) -> list[str]:
        """The bundled masks."""
        return list(self._masks)

    def bundled(self, name: str) -> SeedImage:
        """The description of a bundled loop. Raises NotFound with names that come close."""
        if name not in self._seeds:
            raise _unknown("seed image", name, self.names())
        return self._seeds[name]

    def load(self, ref: str) -> NDArray[np.uint8]:
        """The picture behind a reference: uint8[512, W], read-only; stereo is mixed down.

        Raises:
            NotFound: no such picture.
            BadRequest: it is no spectrogram of 512 rows and 64 to 2048 columns.
        """
        pixels = self.load_any_width(ref)
        rows, columns = pixels.shape
        if rows != HEIGHT or not MIN_WIDTH <= columns <= MAX_WIDTH:
            raise BadRequest(
                f"The seed image is {columns} × {rows} pixels; please use one that is 64 to 2048 "
                f"wide and {HEIGHT} high."
            )
        return pixels

    def load_any_width(self, ref: str) -> NDArray[np.uint8]:
        """The same without a limit to its size: a song's picture is minutes wide."""
        lent = self._lent.get(ref)
        return mix_to_mono((lent[0] if lent else self._decoded(self._path(ref))).pixels)

    @contextmanager
    def lend(self, pixels: NDArray[np.uint8], *, like: str | None = None) -> Iterator[str]:
        """Lend a picture that lies in no file, uint8[512, W]; its reference holds meanwhile.

        Args:
            like: the picture that it was painted over and whose measure it keeps, if there is one.
        """
        ref = f"sha256:{secrets.token_hex(32)}"
        pixels.flags.writeable = False
        self._lent[ref] = (SpectrogramImage(pixels, SpectrogramParams(), None), like)
        try:
            yield ref
        finally:
            del self._lent[ref]

    def recipe(self, ref: str) -> str | None:
        """The recipe that the picture behind a `sha256:` reference carries, if it does."""
        if not ref.startswith("sha256:") or ref in self._lent:
            return None
        return self._decoded(self._path(ref)).recipe

    def mask(self, ref: str, width: int) -> NDArray[np.uint8]:
        """The mask behind a reference, stretched to `width`: uint8[512, width], 255 repaints.

        A region's name (`riffbot.regions`) is its own mask, at its own columns; Riffusion's masks
        (`riffbot.riffusion_masks`) are known without a file.

        Raises:
            NotFound: no such mask.
            BadRequest: it is not a picture.
        """
        if (region := Region.from_name(ref)) is not None:
            return region.mask(width)
        if ref not in self._masks and riffusion_masks.known(ref):
            return riffusion_masks.mask(ref, width)
        path = self._masks.get(ref) or self._path(ref, kind="mask")
        pixels = self._decoded(path).pixels
        grey = Image.fromarray(pixels if pixels.ndim == 2 else pixels[..., 0])
        if grey.size == (width, HEIGHT):
            return np.asarray(grey)
        return np.asarray(grey.resize((width, HEIGHT), Image.Resampling.NEAREST))

    def tempo(self, ref: str) -> float | None:
        """Beats per minute of a seed image, from `seeds.toml` or the recipe it carries."""
        if ref in self._seeds:
            return self._seeds[ref].bpm
        recipe = self._request(ref)
        return None if recipe is None else recipe.bpm

    def harmony(self, ref: str) -> HarmonyText:
        """Key and chords of a seed image, from the recipe it carries."""
        recipe = None if ref in self._seeds else self._request(ref)
        return NO_HARMONY if recipe is None else recipe.harmony

    def waltz(self, ref: str) -> bool | None:
        """Whether a seed image has three beats a measure; None where nothing tells.

        A remix has the measure of what it was made from, whatever its own words are.
        """
        said: bool | None = None
        for _ in range(_GENERATIONS):
            if ref in self._seeds:
                return self._seeds[ref].meter == 3
            if ref in self._lent:
                older = self._lent[ref][1]
            else:
                try:
                    recipe = self._request(ref)
                except (BadRequest, NotFound):  # an ancestor that is gone
                    recipe = None
                if recipe is not None:
                    said = is_waltz(recipe.prompt)
                older = recipe.seed_image if recipe is not None else None
            if older is None:
                break
            ref = older
        return said

    def meter(self, ref: str) -> int:
        """Beats a measure of a seed image, four where nothing tells. Reads files."""
        return 3 if self.waltz(ref) else BEATS

    def _request(self, ref: str) -> RiffRequest | None:
        recipe = self.recipe(ref)
        if recipe is None:
            return None
        try:
            stored = json.loads(recipe)
            return RiffRequest.build_unparsed(**stored.get("request", stored))
        except (BadRequest, ValueError, TypeError, AttributeError, RecursionError):
            return None  # somebody else's recipe; it still is a picture

    def _path(self, ref: str, kind: str = "seed image") -> Path:
        if not ref.startswith("sha256:"):
            if kind == "mask":
                raise _unknown(kind, ref, self.masks())
            return self.bundled(ref).path
        found = self._lookup(ref.removeprefix("sha256:")) if self._lookup else None
        if found is None:
            raise NotFound(f"The {kind} {ref[:15]}… is not in the library any more.")
        return found

    def _decoded(self, path: Path) -> SpectrogramImage:
        with self._lock:
            if (known := self._cache.get(path)) is not None:
                self._cache.move_to_end(path)
                return known
            found = self._cache[path] = _decode(path)
            size = sum(kept.pixels.nbytes for kept in self._cache.values())
            while size > CACHED_BYTES or len(self._cache) > CACHED:
                size -= self._cache.popitem(last=False)[1].pixels.nbytes
            return found


def _decode(path: Path) -> SpectrogramImage:
    try:
        # Its bytes, not its path, which the decoder's sentences would name.
        decoded = decode_image(path.read_bytes())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadRequest(f"The picture {path.name} cannot be read: {reason}.").with_path(
            path
        ) from error
    except AudioError as error:
        raise BadRequest(f"The picture {path.name} cannot be read: {error}").with_path(
            path
        ) from error
    decoded.pixels.flags.writeable = False
    return decoded


def _catalogue(folder: Path) -> list[SeedImage]:
    path = folder / CATALOGUE
    if not path.exists():
        return []
    try:
        tables = tomllib.loads(path.read_text("utf-8-sig"))
        seeds = [
            SeedImage.model_validate(
                {"name": name, "path": folder / table.pop("file", f"{name}.png"), **table}
            )
            for name, table in tables.items()
        ]
    except UnicodeDecodeError as error:
        raise StorageError(
            f"{path.name}, which describes the seed images, is no UTF-8: please save it as UTF-8."
        ).with_path(path) from error
    except (ValueError, AttributeError, OSError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).splitlines()[:3])
        raise StorageError(f"{path.name} cannot be read: {reason}.").with_path(path) from error
    for seed in seeds:
        if not seed.path.is_file():
            raise StorageError(
                f"{path.name} names {seed.path.name}, which is not there."
            ).with_path(path)
    return seeds


def _unknown(kind: str, name: str, names: list[str]) -> NotFound:
    if not names:
        return NotFound(f"There is no {kind} called “{shorten(name, 80)}”; none is installed.")
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(names)}."
    return NotFound(f"There is no {kind} called “{shorten(name, 80)}”; {hint}")
