"""/riff and the buttons under every riff."""

from cogs.riff._cog import setup

__all__ = ["setup"]
