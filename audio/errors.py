"""The error that this package raises."""

from __future__ import annotations


class AudioError(ValueError):
    """A sound or a picture that cannot be used; `str()` is one sentence that says what to do."""
