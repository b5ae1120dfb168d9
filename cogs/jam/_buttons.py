"""Handles clicks on the buttons of a jam's panel, and votes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import discord

from cogs.common.errors import reporting_errors
from cogs.common.formatting import format_number
from cogs.common.markdown import escape_line
from cogs.common.persistent import ActionButton, PersistentSelect, on
from cogs.common.rules import admit_jam_change
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
from cogs.jam._view import BUTTON_TEMPLATE, VOTE_TEMPLATE, option_value
from riffbot.errors import NotFound
from riffbot.jam.session import JamSession
from riffbot.jam.types import Participant
from riffbot.request import MAX_PROMPT

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

EXCERPT_S = 30.0


class JamButton(ActionButton, template=BUTTON_TEMPLATE):
    """One of the buttons of a panel; its custom id holds the jam's id."""

    @property
    def jam_id(self) -> str:
        return self.match["jam_id"]

    @on("keep")
    async def save_excerpt(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Save what was heard last as a riff."""
        await save_excerpt(interaction, get_controller(interaction, self.jam_id), EXCERPT_S)

    @on("seed")
    async def change_seed(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Play another variation of the same prompt."""

        async def change(session: JamSession, participant: Participant) -> str:
            await session.new_seed(participant)
            return "A new seed: the new take comes in at one of the next beats."

        await change_jam(interaction, get_controller(interaction, self.jam_id), change)

    @on("wilder")
    async def increase_denoising(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Move further from the seed image."""

        async def change(session: JamSession, participant: Participant) -> str:
            denoising = await session.increase_denoising(participant)
            return f"Wilder: denoising {format_number(denoising)}."

        await change_jam(interaction, get_controller(interaction, self.jam_id), change)

    @on("tamer")
    async def decrease_denoising(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Move closer to the seed image."""

        async def change(session: JamSession, participant: Participant) -> str:
            denoising = await session.decrease_denoising(participant)
            return f"Tamer: denoising {format_number(denoising)}."

        await change_jam(interaction, get_controller(interaction, self.jam_id), change)

    @on("steer")
    async def ask_for_prompt(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Ask for a prompt to steer towards."""
        controller = get_controller(interaction, self.jam_id)
        await require_permission(interaction, controller, "steer")
        await interaction.response.send_modal(SteerModal(self.jam_id))

    @on("pause")
    async def pause_or_resume(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Pause the jam, end its pause, or resume it from the library."""
        controller = find_controller(interaction, self.jam_id)
        if controller is None:
            await resume_guild_jam(interaction)
        elif controller.session.status().phase == "paused":
            await end_pause(interaction, controller)
        else:
            await pause_jam(interaction, controller)

    @on("stop")
    async def stop(self, interaction: discord.Interaction[RiffBot]) -> None:
        """End the jam."""
        await stop_jam(interaction, get_controller(interaction, self.jam_id))


class VoteMenu(PersistentSelect, template=VOTE_TEMPLATE):
    """The ballot: everybody has one vote, and what plays is the blend of the prompts."""

    def __init__(self, match: re.Match[str]) -> None:
        super().__init__(discord.ui.Select(custom_id=match.string))
        self.jam_id = match["jam_id"]

    @classmethod
    def from_match(cls, match: re.Match[str]) -> VoteMenu:
        return cls(match)

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Count the vote."""
        (value,) = interaction.data["values"]  # type: ignore[typeddict-item, index]

        async def vote(session: JamSession, participant: Participant) -> str:
            prompts = [share.prompt for share in session.status().shares]
            chosen = next((prompt for prompt in prompts if option_value(prompt) == value), None)
            if chosen is None:
                raise NotFound("Nobody votes for that any more: /jam prompt brings it back.")
            await admit_jam_change(interaction, chosen)  # the list may be newer than the ballot
            await session.vote_for_listed_prompt(chosen, participant)
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
