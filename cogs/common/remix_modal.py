"""The modal that asks what a riff, or anybody's sound or picture, is to become."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord

from cogs.common.errors import reporting_errors
from cogs.common.generation import generate_from_source
from cogs.common.sources import (
    ResolvedSource,
    acknowledging,
    source_from_riff,
    source_from_upload,
)
from cogs.common.visibility import get_remixable_riff
from riffbot.clips import edits
from riffbot.errors import BadRequest, shorten
from riffbot.generation_options import GenerationOptions
from riffbot.library.tables import StoredRiff
from riffbot.library.types import Author, Origin
from riffbot.request import MAX_PROMPT

SourceResolver = Callable[[discord.Interaction[Any]], Awaitable[ResolvedSource]]
"""Resolves what a modal starts from, when the modal is submitted."""


class RemixModal(discord.ui.Modal):
    """Asks for the prompt and denoising of a remix.

    Args:
        name: the last part of the modal's custom id.
        prompt: what the prompt field contains at first.
        resolve: resolves the source on submission; it may take longer than three seconds.
    """

    def __init__(self, name: str, prompt: str, resolve: SourceResolver) -> None:
        super().__init__(title="Remix this riff", custom_id=f"riff:remixed:{name}")
        self._resolve = resolve
        self.prompt = discord.ui.TextInput[RemixModal](
            custom_id="prompt",
            style=discord.TextStyle.paragraph,
            default=prompt or None,
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
        """A modal for a riff of the library."""

        async def resolve(interaction: discord.Interaction[Any]) -> ResolvedSource:
            # Its author may have forbidden remixes while the prompt was typed.
            current = await get_remixable_riff(interaction, riff.id)
            return ResolvedSource(await source_from_riff(interaction, current))

        return cls(riff.id, riff.prompt, resolve)

    @classmethod
    def of_upload(
        cls, attachment: discord.Attachment, author: Author, origin: Origin, message_id: int
    ) -> RemixModal:
        """A modal for a message's sound or picture, which is downloaded on submission."""

        async def resolve(interaction: discord.Interaction[Any]) -> ResolvedSource:
            return await source_from_upload(interaction, attachment, author, origin)

        return cls(str(message_id), "", resolve)

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Generate and post the remix."""
        async with reporting_errors(interaction):
            # Invalid options are refused before anything is posted.
            options = GenerationOptions.build(
                prompt=self.prompt.value, denoising=_parse_denoising(self.denoising.value)
            )
            async with acknowledging(interaction):
                resolved = await self._resolve(interaction)
                request = edits.remix(resolved.source, options)
                await generate_from_source(interaction, resolved, request)


def _parse_denoising(typed: str) -> float:
    """Read the denoising field; a decimal comma is accepted. Raises BadRequest."""
    try:
        return float(typed.strip().replace(",", "."))
    except ValueError:
        raise BadRequest(
            f"Denoising is a number from 0 to 1, for example 0.75, not “{shorten(typed)}”."
        ) from None
