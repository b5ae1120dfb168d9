"""Handles clicks on the buttons under a riff."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import discord

from cogs.common.audit import describe_deleted, record
from cogs.common.buttons import CLIP_BUTTON_TEMPLATE
from cogs.common.cleanup import delete_messages, refresh_credits
from cogs.common.delivery import send_ephemeral
from cogs.common.generation import generate_and_post
from cogs.common.permissions import may_delete_riff
from cogs.common.persistent import ActionButton, on
from cogs.common.remix_modal import RemixModal
from cogs.common.rules import require_allowed
from cogs.common.visibility import get_clicked_riff, get_remixable_riff, viewer_of
from riffbot.errors import BadRequest
from riffbot.request import MAX_SEED, RiffRequest, build_takes

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

FOUR = 4


class ClipButton(ActionButton, template=CLIP_BUTTON_TEMPLATE):
    """One of the buttons under a riff; its custom id holds the riff's id."""

    @property
    def riff_id(self) -> str:
        return self.match["riff_id"]

    @on("seed")
    async def generate_with_new_seed(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Generate from the same request with another seed."""
        riff = await get_remixable_riff(interaction, self.riff_id)
        requests = [_with_new_seed(riff.request)]
        await generate_and_post(interaction, requests, parent=riff.id, are_stored=True)

    @on("four")
    async def generate_four(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Generate four times from the same request, with other seeds."""
        riff = await get_remixable_riff(interaction, self.riff_id)
        requests = build_takes(_with_new_seed(riff.request), FOUR)
        await generate_and_post(interaction, requests, parent=riff.id, are_stored=True)

    @on("remix")
    async def ask_for_remix(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Ask for the prompt of a remix."""
        riff = await get_remixable_riff(interaction, self.riff_id)
        await require_allowed(interaction)
        await interaction.response.send_modal(RemixModal.of_riff(riff))

    @on("save")
    async def save(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Add the riff to the member's favourites."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        riff = await get_clicked_riff(interaction, self.riff_id)
        if not riff.is_visible_to(viewer_of(interaction)):
            raise BadRequest(
                "This riff was made in a place that you cannot see, so it would be missing among "
                "your favourites: download its file, or remix it and save what comes of it."
            )
        await interaction.client.services.library.riffs.add_favourite(riff.id, interaction.user.id)
        await send_ephemeral(
            interaction, f"Saved: `/library favourites` holds `#{self.riff_id}` now."
        )

    @on("delete")
    async def delete(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Delete riff, files and messages, for its author and for moderators."""
        library = interaction.client.services.library
        riff = await get_clicked_riff(interaction, self.riff_id)
        if not may_delete_riff(interaction, riff):
            raise BadRequest("Only the one who made it, or a moderator, can delete this riff.")
        await interaction.response.defer()
        deletion = await library.riffs.delete(self.riff_id)
        await record(interaction, "deleted", self.riff_id, describe_deleted(interaction, riff))
        try:
            await interaction.delete_original_response()
        except discord.HTTPException:
            await send_ephemeral(
                interaction,
                "It is deleted, but Discord keeps its message: please remove that by hand.",
            )
        # The button may have stood under a copy that /library showed.
        await delete_messages(interaction.client, deletion)
        await refresh_credits(interaction.client, deletion)


def _with_new_seed(request: RiffRequest) -> RiffRequest:
    return request.with_changes(seed=secrets.randbelow(MAX_SEED + 1))
