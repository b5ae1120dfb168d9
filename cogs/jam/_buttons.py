"""The buttons and the menu of a jam's panel, and what they do.

They are DynamicItems that know the jam's id alone, so that they work after a restart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import discord

from cogs.common.errors import reporting_errors
from cogs.common.formatting import format_number
from cogs.common.markdown import escape_line
from cogs.common.persistent import PersistentButton, PersistentSelect
from cogs.jam._actions import (
    change_jam,
    end_pause,
    find_controller,
    get_controller,
    pause_jam,
    save_excerpt,
    steer_jam,
    stop_jam,
)
from cogs.jam._permissions import require_permission
from cogs.jam._starting import resume_guild_jam
from riffbot.errors import NotFound
from riffbot.jam.session import JamSession
from riffbot.jam.types import JamStatus, Participant
from riffbot.request import MAX_PROMPT

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

EXCERPT_S = 30.0

MAX_OPTIONS = 25
"""Entries of a select menu that Discord accepts."""


@dataclass(frozen=True)
class ButtonStyle:
    """How a button looks."""

    label: str
    emoji: str
    row: int = 0
    colour: discord.ButtonStyle = discord.ButtonStyle.secondary


BUTTONS = {
    "keep": ButtonStyle("Keep last 30 s", "💾", colour=discord.ButtonStyle.primary),
    "seed": ButtonStyle("New seed", "🎲"),
    "wilder": ButtonStyle("Wilder", "🌶️"),
    "tamer": ButtonStyle("Tamer", "🧊"),
    "steer": ButtonStyle("Steer…", "🧭"),
    "pause": ButtonStyle("Pause", "⏸️", row=1),
    "stop": ButtonStyle("Stop", "⏹️", row=1, colour=discord.ButtonStyle.danger),
}
"""The buttons of a jam that plays, by the action in their custom ids."""

RESUME = ButtonStyle("Go on", "▶️", row=1, colour=discord.ButtonStyle.success)
"""The style of `pause` while the jam is paused or parked."""


class JamButton(
    PersistentButton,
    template=r"jam:(?P<action>keep|seed|wilder|tamer|steer|pause|stop):(?P<jam>[0-9a-z]{1,40})",
):
    """One of the buttons of a panel."""

    def __init__(self, action: str, jam_id: str, style: ButtonStyle | None = None) -> None:
        style = style or BUTTONS[action]
        super().__init__(
            discord.ui.Button(
                label=style.label,
                emoji=style.emoji,
                style=style.colour,
                row=style.row,
                custom_id=f"jam:{action}:{jam_id}",
            )
        )
        self.action, self.jam_id = action, jam_id

    @classmethod
    def from_match(cls, match: re.Match[str]) -> JamButton:
        return cls(match["action"], match["jam"])

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Call the method of the button's action."""
        await self._actions[self.action](self, interaction)

    async def _save_excerpt(self, interaction: discord.Interaction[RiffBot]) -> None:
        await save_excerpt(interaction, get_controller(interaction, self.jam_id), EXCERPT_S)

    async def _change_seed(self, interaction: discord.Interaction[RiffBot]) -> None:
        async def change(session: JamSession, participant: Participant) -> str:
            await session.new_seed(participant)
            return "A new seed: the new take comes in at one of the next beats."

        await change_jam(interaction, get_controller(interaction, self.jam_id), change)

    async def _increase_denoising(self, interaction: discord.Interaction[RiffBot]) -> None:
        async def change(session: JamSession, participant: Participant) -> str:
            denoising = await session.increase_denoising(participant)
            return f"Wilder: denoising {format_number(denoising)}."

        await change_jam(interaction, get_controller(interaction, self.jam_id), change)

    async def _decrease_denoising(self, interaction: discord.Interaction[RiffBot]) -> None:
        async def change(session: JamSession, participant: Participant) -> str:
            denoising = await session.decrease_denoising(participant)
            return f"Tamer: denoising {format_number(denoising)}."

        await change_jam(interaction, get_controller(interaction, self.jam_id), change)

    async def _ask_for_prompt(self, interaction: discord.Interaction[RiffBot]) -> None:
        controller = get_controller(interaction, self.jam_id)
        await require_permission(interaction, controller, "steer")
        await interaction.response.send_modal(SteerModal(self.jam_id))

    async def _pause_or_resume(self, interaction: discord.Interaction[RiffBot]) -> None:
        controller = find_controller(interaction, self.jam_id)
        if controller is None:
            await resume_guild_jam(interaction, panel_view)
        elif controller.session.status().phase == "paused":
            await end_pause(interaction, controller)
        else:
            await pause_jam(interaction, controller)

    async def _stop(self, interaction: discord.Interaction[RiffBot]) -> None:
        await stop_jam(interaction, get_controller(interaction, self.jam_id))

    _actions: ClassVar[
        dict[str, Callable[[JamButton, discord.Interaction[RiffBot]], Awaitable[None]]]
    ] = {
        "keep": _save_excerpt,
        "seed": _change_seed,
        "wilder": _increase_denoising,
        "tamer": _decrease_denoising,
        "steer": _ask_for_prompt,
        "pause": _pause_or_resume,
        "stop": _stop,
    }


class VoteMenu(
    PersistentSelect,
    template=r"jam:vote:(?P<jam>[0-9a-z]{1,40})",
):
    """The ballot: everybody has one vote, and what plays is the blend of the prompts."""

    def __init__(self, jam_id: str, prompts: tuple[str, ...] = ()) -> None:
        options = [
            discord.SelectOption(label=" ".join(prompt.split())[:100], value=option_value(prompt))
            for prompt in prompts[:MAX_OPTIONS]
        ]
        super().__init__(
            discord.ui.Select(
                placeholder="Vote for what comes",
                options=options or [discord.SelectOption(label="…", value="none")],
                row=2,
                custom_id=f"jam:vote:{jam_id}",
            )
        )
        self.jam_id = jam_id

    @classmethod
    def from_match(cls, match: re.Match[str]) -> VoteMenu:
        return cls(match["jam"])

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Count the vote."""
        (value,) = interaction.data["values"]  # type: ignore[typeddict-item, index]

        async def vote(session: JamSession, participant: Participant) -> str:
            prompts = [share.prompt for share in session.status().shares]
            chosen = next((prompt for prompt in prompts if option_value(prompt) == value), None)
            if chosen is None:
                raise NotFound("Nobody votes for that any more: /jam prompt brings it back.")
            await session.vote(chosen, participant)
            return f"Your vote: {escape_line(chosen, 200)}."

        await change_jam(interaction, get_controller(interaction, self.jam_id), vote)


class SteerModal(discord.ui.Modal):
    """Asks for a prompt to steer the jam towards."""

    def __init__(self, jam_id: str) -> None:
        super().__init__(title="Steer the jam", custom_id=f"jam:steered:{jam_id}")
        self._jam_id = jam_id
        self.prompt = discord.ui.TextInput[SteerModal](
            custom_id="prompt", style=discord.TextStyle.paragraph, max_length=MAX_PROMPT
        )
        self.add_item(
            discord.ui.Label(
                text="Prompt",
                description="What it should become. (piano:1.3) weighs a word more.",
                component=self.prompt,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Put the prompt on the ballot with the member's vote."""
        async with reporting_errors(interaction):
            controller = get_controller(interaction, self._jam_id)
            await steer_jam(interaction, controller, self.prompt.value)


def panel_view(status: JamStatus, is_parked: bool) -> discord.ui.View:
    """Build the buttons of a panel: everything for a jam in memory, `Go on` for a parked one."""
    view = discord.ui.View(timeout=None)
    if is_parked:
        view.add_item(JamButton("pause", status.id, RESUME))
        return view
    for action in BUTTONS:
        style = RESUME if action == "pause" and status.phase == "paused" else None
        view.add_item(JamButton(action, status.id, style))
    prompts = tuple(share.prompt for share in status.shares)
    if len(prompts) > 1:
        view.add_item(VoteMenu(status.id, prompts))
    return view


def option_value(prompt: str) -> str:
    """A prompt as the value of a select option, which has to be short: a hash."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]
