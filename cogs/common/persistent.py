"""Buttons and menus that work after a restart: all they know stands in their custom id."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Any, Self, TypeVar

import discord

from cogs.common.errors import answered

Shown = TypeVar("Shown", bound=discord.ui.Item[Any])


class LastingItem(discord.ui.DynamicItem[Shown], template=r"(?!)"):
    """A `DynamicItem` that its custom id is enough for, and whose errors are answered.

    The template here matches nothing: each kind brings its own.
    """

    @classmethod
    @abstractmethod
    def rebuilt(cls, match: re.Match[str]) -> Self:
        """The item again, from what its template found in its custom id."""

    @abstractmethod
    async def clicked(self, interaction: discord.Interaction[Any]) -> None:
        """Do what it says. What is raised here is told to whoever clicked."""

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str]
    ) -> Self:
        """Called by discord.py at every click and choice."""
        return cls.rebuilt(match)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Called by discord.py with the item that was rebuilt."""
        async with answered(interaction):
            await self.clicked(interaction)


LastingButton = LastingItem[discord.ui.Button[discord.ui.View]]
LastingMenu = LastingItem[discord.ui.Select[discord.ui.View]]
