"""The one error that this package shows to people."""

from __future__ import annotations


class AudioError(ValueError):
    """A sound or a picture that cannot be used; `str()` is one sentence that says what to do."""
