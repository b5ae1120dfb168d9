"""Buttons and menus that work after a restart: all they know stands in their custom id."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Any, Self, TypeVar

import discord

from cogs.common.errors import reporting_errors

Shown = TypeVar("Shown", bound=discord.ui.Item[Any])


class PersistentItem(discord.ui.DynamicItem[Shown], template=r"(?!)"):
    """A `DynamicItem` that its custom id is enough for, and whose errors are answered.

    The template here matches nothing: each kind brings its own.
    """

    @classmethod
    @abstractmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        """The item again, from what its template found in its custom id."""

    @abstractmethod
    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Do what it says. What is raised here is told to whoever clicked."""

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str]
    ) -> Self:
        """Called by discord.py at every click and choice."""
        return cls.from_match(match)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Called by discord.py with the item that was rebuilt."""
        async with reporting_errors(interaction):
            await self.on_click(interaction)


PersistentButton = PersistentItem[discord.ui.Button[discord.ui.View]]
PersistentSelect = PersistentItem[discord.ui.Select[discord.ui.View]]
