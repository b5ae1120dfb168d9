"""/riff: words in, riffs out."""

from cogs.riff._cog import setup

__all__ = ["setup"]
