"""/jam: an endless, shared jam in a voice channel."""

from cogs.jam._cog import setup
from cogs.jam._controller import JamController

__all__ = ["JamController", "setup"]
