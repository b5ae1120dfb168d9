"""Buttons and menus that work after a restart: their custom id holds all that they need.

A message's view needs only custom ids; discord.py finds the class that handles a click by the
template that matches. So a `PlainButton` shows a button, and a `PersistentItem` that was
registered with `bot.add_dynamic_items` handles its clicks. Modules that show buttons need not
import what the buttons do, which in turn may post messages with buttons.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Self, TypeVar

import discord

from cogs.common.errors import reporting_errors

ItemT = TypeVar("ItemT", bound=discord.ui.Item[Any])
ButtonT = TypeVar("ButtonT", bound="ActionButton")

_MATCHES_NOTHING = r"(?!)"
_ACTION = "_persistent_action"


class PersistentItem(discord.ui.DynamicItem[ItemT], template=_MATCHES_NOTHING):
    """A `DynamicItem` that is restored from its custom id alone and reports its errors.

    Subclasses set their own template.
    """

    @classmethod
    @abstractmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        """Restore the item from the match of its template with a custom id."""

    @abstractmethod
    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Handle a click or a choice. Exceptions are reported to the member who clicked."""

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str]
    ) -> Self:
        """Called by discord.py at every click and choice."""
        return cls.from_match(match)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Called by discord.py with the restored item."""
        async with reporting_errors(interaction):
            await self.on_click(interaction)


PersistentButton = PersistentItem[discord.ui.Button[discord.ui.View]]
PersistentSelect = PersistentItem[discord.ui.Select[discord.ui.View]]

Action = Callable[[ButtonT, discord.Interaction[Any]], Awaitable[None]]
"""A method of an `ActionButton` that handles a click."""


def on(action: str) -> Callable[[Action[ButtonT]], Action[ButtonT]]:
    """Decorate the method of an `ActionButton` that handles clicks on the button of this action."""

    def register(method: Action[ButtonT]) -> Action[ButtonT]:
        setattr(method, _ACTION, action)
        return method

    return register


class ActionButton(PersistentButton, template=_MATCHES_NOTHING):
    """A row of buttons that share a template, one method decorated with `@on` for each action.

    The template of a subclass has a group `action`, which selects the method; the method reads the
    other groups from `match`.
    """

    actions: ClassVar[dict[str, Callable[..., Awaitable[None]]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        methods = (value for value in vars(cls).values() if hasattr(value, _ACTION))
        cls.actions = {getattr(method, _ACTION): method for method in methods}

    def __init__(self, match: re.Match[str]) -> None:
        super().__init__(discord.ui.Button(custom_id=match.string))
        self.match = match

    @classmethod
    def from_match(cls, match: re.Match[str]) -> Self:
        return cls(match)

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Call the method of the clicked button's action."""
        await self.actions[self.match["action"]](self, interaction)


class PlainButton(discord.ui.Button[discord.ui.View]):
    """A button of a message, as members see it; its clicks are handled by a `PersistentItem`.

    discord.py is to keep no reference to it, hence it is not dispatchable.
    """

    def is_dispatchable(self) -> bool:
        """Called by discord.py when the view is sent."""
        return False
