"""Decodes truncated pictures, and finds out which pixels are missing.

Pillow's setting for this affects the whole process, and does not report the missing pixels. Here
such a file is decoded twice, into a black and into a white picture: where the results differ, the
pixels are missing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

Mask = npt.NDArray[np.bool_]
"""Pixels [H, W]; True where they are missing from the file."""

_END_OF_JPEG = b"\xff\xd9"


def is_truncated(error: Exception) -> bool:
    """Whether Pillow failed because a file is truncated, not because it is damaged otherwise."""
    return isinstance(error, OSError) and "truncated" in str(error)


def decode_partial(
    data: bytes, opened: Callable[[bytes], ImageFile.ImageFile]
) -> tuple[ImageFile.ImageFile, Mask]:
    """Decode the existing part of a picture.

    Args:
        data: the file.
        opened: reads a picture's header.

    Returns:
        The loaded picture, and which of its pixels are missing; their values are undefined.

    Raises:
        OSError: the file is damaged otherwise, too.
    """
    black, white = (_filled(opened(data), value) for value in (0, 255))
    missing = np.asarray(black) != np.asarray(white)
    if missing.ndim == 3:
        missing = missing.any(axis=2)
    if black.format != "JPEG":
        return black, missing
    # With an end marker, the decoder also decodes the row of blocks in which the file ends, and all
    # of a progressive picture, but blurred.
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
        image.tile = []  # otherwise every access would decode it again
    return image


def _block_rows(image: ImageFile.ImageFile) -> int:
    """Return the height of a JPEG's blocks: 8, or 16 if colours are stored at half the height."""
    layers = getattr(image, "layer", None) or [(0, 1, 1, 0)]
    return 8 * max(int(layer[2]) for layer in layers)
