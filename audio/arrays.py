"""Types of the arrays that modules exchange."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""A picture: [512, W] or, for stereo, [512, W, 2]; low notes in the last row; 255 is silence."""

Floats: TypeAlias = npt.NDArray[np.float32]
"""Sound [n] or [n, channels] in [−1, 1], or magnitudes."""

Spectra: TypeAlias = npt.NDArray[np.complex64]
"""Short-time spectra [frames, bins]."""
