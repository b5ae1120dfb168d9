"""Pictures whose file ends too early: what a viewer would show of them, without what is missing.

Pillow can show them, but only by a setting of the whole process. Here such a file is
decoded twice more, into a black and into a white picture: where the results differ, the file says
nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

Mask = npt.NDArray[np.bool_]
"""Pixels [H, W]; True where the file holds nothing."""

_END_OF_JPEG = b"\xff\xd9"


def is_truncated(error: Exception) -> bool:
    """Whether Pillow failed because a file ended too early, rather than over damage inside it."""
    return isinstance(error, OSError) and "truncated" in str(error)


def decode_partial(
    data: bytes, opened: Callable[[bytes], ImageFile.ImageFile]
) -> tuple[ImageFile.ImageFile, Mask]:
    """Decode what there is of a picture.

    Args:
        data: the file.
        opened: reads a picture's header.

    Returns:
        The picture, loaded, and which of its pixels are missing; their values mean nothing.

    Raises:
        OSError: it is damaged besides.
    """
    black, white = (_filled(opened(data), value) for value in (0, 255))
    missing = np.asarray(black) != np.asarray(white)
    if missing.ndim == 3:
        missing = missing.any(axis=2)
    if black.format != "JPEG":
        return black, missing
    # With an end, the decoder goes on as far as it can: the row of blocks in which the file broke
    # off, and of a progressive picture all, only blurred.
    whole = opened(data + _END_OF_JPEG)
    whole.load()
    first = int(np.argmax(missing.any(axis=1))) if missing.any() else len(missing)
    missing[: first + _block_rows(whole)] = False
    if "progressive" in whole.info:
        missing[:] = False
    return whole, missing


def _filled(image: ImageFile.ImageFile, value: int) -> ImageFile.ImageFile:
    bands = len(image.getbands())
    image.im = Image.new(image.mode, image.size, (value,) * bands if bands > 1 else value).im
    try:
        image.load()
    except OSError as error:
        if not is_truncated(error):
            raise
        image.tile = []  # else every further look at it would decode it again
    return image


def _block_rows(image: ImageFile.ImageFile) -> int:
    """Rows that a JPEG codes together: 8, or 16 where colours are stored at half the height."""
    layers = getattr(image, "layer", None) or [(0, 1, 1, 0)]
    return 8 * max(int(layer[2]) for layer in layers)
