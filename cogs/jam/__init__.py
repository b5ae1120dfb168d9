"""/jam: an endless, shared jam in a voice channel."""

from cogs.jam._cog import setup

__all__ = ["setup"]
