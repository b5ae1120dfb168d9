"""/guide and /about."""

from cogs.guide._cog import setup

__all__ = ["setup"]
