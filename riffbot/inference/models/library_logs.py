"""Silence for diffusers and transformers, whose advice no member can act on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LOGS = ("transformers.utils.logging", "diffusers.utils.logging")


@contextmanager
def quiet() -> Iterator[None]:
    """Without progress bars and load reports of those libraries that are imported by now."""
    libraries = [sys.modules[name] for name in _LOGS if name in sys.modules]
    levels = [library.get_verbosity() for library in libraries]
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library, level in zip(libraries, levels, strict=True):
            library.set_verbosity(level)
            library.enable_progress_bar()
