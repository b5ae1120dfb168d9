"""/library: find what was made, trace it, export it, delete it."""

from cogs.library._cog import setup

__all__ = ["setup"]
