"""What happens when somebody presses a button under a riff."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import discord

from cogs.common.buttons import CancelButton, ClipButton
from cogs.common.cleanup import delete_messages, refresh_credits
from cogs.common.delivery import send_ephemeral
from cogs.common.errors import reporting_errors
from cogs.common.generation import generate_and_post, generate_from_source
from cogs.common.sources import ResolvedSource, acknowledging, source_from_riff, source_from_upload
from cogs.common.visibility import get_clicked_riff, viewer_of
from riffbot.clips import edits
from riffbot.errors import BadRequest, shorten
from riffbot.library.models import StoredRiff
from riffbot.library.types import Author, Origin
from riffbot.request import MAX_PROMPT, MAX_SEED, RiffRequest, takes

if TYPE_CHECKING:
    from cogs.common.buttons import Action
    from riffbot.bot import RiffBot

TAKES = 4


def pressed(name: str) -> Callable[[Action], Action]:
    """Register what the button of this name does."""

    def register(action: Action) -> Action:
        ClipButton.actions[name] = action
        return action

    return register


@pressed("seed")
async def new_seed(interaction: discord.Interaction[RiffBot], clip_id: str) -> None:
    """The same request once more, with another seed."""
    riff = await _riff(interaction, clip_id)
    await generate_and_post(interaction, [_reseeded(riff.request)], parent=riff.id)


@pressed("four")
async def again_four(interaction: discord.Interaction[RiffBot], clip_id: str) -> None:
    """Four other takes."""
    riff = await _riff(interaction, clip_id)
    await generate_and_post(interaction, takes(_reseeded(riff.request), TAKES), parent=riff.id)


@pressed("remix")
async def remix(interaction: discord.Interaction[RiffBot], clip_id: str) -> None:
    """Ask what to make of it."""
    riff = await _riff(interaction, clip_id)
    await interaction.response.send_modal(RemixModal.of_riff(riff))


@pressed("save")
async def save(interaction: discord.Interaction[RiffBot], clip_id: str) -> None:
    """Keep it among the clicker's own."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    riff = await get_clicked_riff(interaction, clip_id)
    if not riff.is_visible_to(viewer_of(interaction)):
        raise BadRequest(
            "This riff was made in a place that you cannot see, so it would be missing among your "
            "favourites: download its file, or remix it and save what comes of it."
        )
    await interaction.client.services.library.riffs.add_favourite(riff.id, interaction.user.id)
    await send_ephemeral(interaction, f"Saved: `/library favourites` holds `#{clip_id}` now.")


@pressed("delete")
async def delete(interaction: discord.Interaction[RiffBot], clip_id: str) -> None:
    """Delete riff, files and message; its author or a moderator only."""
    library = interaction.client.services.library
    riff = await get_clicked_riff(interaction, clip_id)
    if not may_delete(interaction, riff):
        raise BadRequest("Only the one who made it, or a moderator, can delete this riff.")
    await interaction.response.defer()
    farewell = await library.riffs.delete(clip_id)
    try:
        await interaction.delete_original_response()
    except discord.HTTPException:
        await send_ephemeral(
            interaction, "It is deleted, but Discord keeps its message: please remove that by hand."
        )
    # The button may have stood under a copy that /library showed.
    await delete_messages(interaction.client, farewell)
    await refresh_credits(interaction.client, farewell)


async def cancel(interaction: discord.Interaction[RiffBot], session_id: str, user_id: int) -> None:
    """Stop what is not finished yet."""
    if not may_undo(interaction, user_id):
        raise BadRequest("Only the one who asked, or a moderator, can cancel this.")
    session = interaction.client.sessions.get(session_id)
    if session is None:
        await send_ephemeral(interaction, "There is nothing left to cancel: it is finished.")
        return
    await send_ephemeral(interaction, "Cancelled.")
    await session.stop()


CancelButton.action = staticmethod(cancel)


Begin = Callable[[discord.Interaction[Any]], Awaitable[ResolvedSource]]
"""Finds what a modal starts from, when it is sent."""


class RemixModal(discord.ui.Modal):
    """Asks what a riff, or anybody's sound or picture, shall become.

    Args:
        name: of the modal's custom id.
        words: the prompt to begin with.
        begin: finds the start; what takes longer than a moment has time for it.
    """

    def __init__(self, name: str, words: str, begin: Begin) -> None:
        super().__init__(title="Remix this riff", custom_id=f"riff:remixed:{name}")
        self._begin = begin
        self.prompt = discord.ui.TextInput[RemixModal](
            custom_id="prompt",
            style=discord.TextStyle.paragraph,
            default=words or None,
            placeholder="church bells in the rain",
            max_length=MAX_PROMPT,
        )
        self.denoising = discord.ui.TextInput[RemixModal](
            custom_id="denoising", default="0.75", max_length=5
        )
        self.add_item(
            discord.ui.Label(
                text="Prompt",
                description="What it should sound like now. (piano:1.3) weighs a word more.",
                component=self.prompt,
            )
        )
        self.add_item(
            discord.ui.Label(
                text="Denoising, 0 to 1",
                description="Higher is more creative and less like it; 0.75 keeps the beat.",
                component=self.denoising,
            )
        )

    @classmethod
    def of_riff(cls, riff: StoredRiff) -> RemixModal:
        """For a riff of the library."""

        async def begin(interaction: discord.Interaction[Any]) -> ResolvedSource:
            # Its author may have changed their mind while the words were written.
            now = await _riff(interaction, riff.id)
            return ResolvedSource(await source_from_riff(interaction.client, now))

        return cls(riff.id, riff.prompt, begin)

    @classmethod
    def of_upload(
        cls, attachment: discord.Attachment, author: Author, origin: Origin, message_id: int
    ) -> RemixModal:
        """For a sound or a picture in a message; it is fetched when the modal is sent."""

        async def begin(interaction: discord.Interaction[Any]) -> ResolvedSource:
            return await source_from_upload(interaction, attachment, author, origin)

        return cls(str(message_id), "", begin)

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Make the remix: img2img from the picture."""
        async with reporting_errors(interaction):
            strength = _strength(self.denoising.value)
            RiffRequest.build(prompt=self.prompt.value, denoising=strength)  # at the door
            async with acknowledging(interaction):
                begin = await self._begin(interaction)
                request = edits.remix(begin.start, self.prompt.value, denoising=strength)
                await generate_from_source(interaction, begin, request)


def _strength(typed: str) -> float:
    """Denoising as it was typed. Raises BadRequest where it is no number."""
    try:
        return float(typed.strip().replace(",", "."))
    except ValueError:
        raise BadRequest(
            f"Denoising is a number from 0 to 1, for example 0.75, not “{shorten(typed)}”."
        ) from None


async def _riff(interaction: discord.Interaction[RiffBot], riff_id: str) -> StoredRiff:
    """The riff to start from, if its author lets the clicker."""
    return edits.check_remix_allowed(
        await get_clicked_riff(interaction, riff_id), interaction.user.id
    )


def _reseeded(request: RiffRequest) -> RiffRequest:
    return request.but(seed=secrets.randbelow(MAX_SEED + 1))


def may_delete(interaction: discord.Interaction[RiffBot], riff: StoredRiff) -> bool:
    """Whether it is the clicker's own, or made in this server, where the clicker moderates.

    A riff can be shown anywhere by its id, also where somebody else moderates.
    """
    if riff.guild_id is None or riff.guild_id != interaction.guild_id:
        return interaction.user.id == riff.author_id
    return may_undo(interaction, riff.author.user_id)


def may_undo(interaction: discord.Interaction[RiffBot], user_id: int) -> bool:
    """Whether it is the clicker's own, or the clicker moderates here."""
    return interaction.user.id == user_id or interaction.permissions.manage_messages
