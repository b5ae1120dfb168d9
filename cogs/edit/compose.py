"""/inpaint, /extend, /morph and /layer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from cogs.common.errors import reporting_errors
from cogs.common.generation import generate_and_post, generate_from_source
from cogs.common.options import (
    Chords,
    Denoising,
    Guidance,
    KeyName,
    OptionalText,
    Prompt,
    Seed,
    StartSeconds,
    check_seed_image,
    command_anywhere,
    suggest_riffs,
)
from cogs.common.riff_lookup import MAX_CHOICES, find_riff
from cogs.common.sources import acknowledging, resolve_source, source_from_riff
from cogs.common.visibility import get_visible_riff
from riffbot.clips import edits
from riffbot.clips.edits import EditSource
from riffbot.errors import NotFound, RiffBotError
from riffbot.generation_options import GenerationOptions
from riffbot.harmony import NO_HARMONY
from riffbot.regions import bars
from riffbot.request import DEFAULT_DENOISING
from riffbot.tempo import find_tempo

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

_MAX_BARS = 12


async def suggest_regions(
    interaction: discord.Interaction[RiffBot], current: str
) -> list[app_commands.Choice[str]]:
    """Suggest bars of the riff that is picked already, the halves, and bundled masks."""
    bar_count = 4  # of the riffs that most commands make
    if isinstance(picked := getattr(interaction.namespace, "riff", None), str) and picked:
        try:
            riff = await find_riff(interaction, picked)
            images = interaction.client.services.images
            meter = await asyncio.to_thread(images.meter, riff.image_ref)
            bar_count = bars(riff.duration_s, riff.request.bpm, meter)
        except RiffBotError:
            pass  # typed only in part
    names = [f"bar {number + 1}" for number in range(min(bar_count, _MAX_BARS))]
    names += ["first half", "second half"]
    names += interaction.client.services.images.masks()
    typed = current.strip().casefold()
    return [
        app_commands.Choice(name=name.removeprefix("mask_").replace("_", " "), value=name)
        for name in names
        if typed in name
    ][:MAX_CHOICES]


class ComposeCog(commands.Cog, name="compose"):
    """Edits of a part of a riff, and edits that take several of the model's pictures."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot

    @command_anywhere("inpaint")
    @app_commands.autocomplete(where=suggest_regions)
    async def inpaint(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        prompt: Prompt,
        riff: str | None = None,
        upload: discord.Attachment | None = None,
        where: app_commands.Range[str, 0, 60] = "",
        low: app_commands.Range[float, 0, 10000] | None = None,
        high: app_commands.Range[float, 0, 10000] | None = None,
        negative: OptionalText = "",
        denoising: Denoising = edits.INPAINT_DENOISING,
        seed: Seed | None = None,
        start: StartSeconds = 0.0,
        key: KeyName | None = None,
        chords: Chords | None = None,
    ) -> None:
        """Repaint a time range, a frequency band, or both."""
        async with reporting_errors(interaction), acknowledging(interaction):
            resolved = await resolve_source(interaction, riff, upload, start=start)
            options = GenerationOptions.build(
                prompt=prompt,
                negative=negative,
                seed=seed,
                denoising=denoising,
                key=key,
                chords=chords,
            )
            request = edits.inpaint(resolved.source, options, where=where, low=low, high=high)
            await generate_from_source(interaction, resolved, request)

    @command_anywhere("extend")
    async def extend(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        seconds: app_commands.Range[float, 1, 360],
        riff: str | None = None,
        upload: discord.Attachment | None = None,
        prompt: OptionalText = "",
        backward: bool = False,
        negative: OptionalText = "",
        denoising: Denoising = DEFAULT_DENOISING,
        seed: Seed | None = None,
        start: StartSeconds = 0.0,
        key: KeyName | None = None,
        chords: Chords | None = None,
    ) -> None:
        """Continue a riff to a song."""
        async with reporting_errors(interaction), acknowledging(interaction):
            resolved = await resolve_source(
                interaction, riff, upload, start=start, whole=start == 0
            )
            options = GenerationOptions.build(
                prompt=prompt or resolved.source.prompt or "more of it",
                negative=negative,
                seed=seed,
                denoising=denoising,
                key=key,
                chords=chords,
            )
            request = edits.extend(resolved.source, options, seconds=seconds, backward=backward)
            await generate_from_source(interaction, resolved, request)

    @command_anywhere("morph")
    @app_commands.autocomplete(first=suggest_riffs, second=suggest_riffs)
    async def morph(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        first: Prompt,
        second: Prompt,
        clips: app_commands.Range[int, 2, 16] = 5,
        seed_image: str | None = None,
        negative: OptionalText = "",
        denoising: Denoising = DEFAULT_DENOISING,
        guidance: Guidance | None = None,
        seed: Seed | None = None,
        key: KeyName | None = None,
        chords: Chords | None = None,
    ) -> None:
        """Morph between two riffs or prompts."""
        async with reporting_errors(interaction), acknowledging(interaction):
            check_seed_image(interaction.client, seed_image)
            start = await _resolve_end(interaction, first)
            end = await _resolve_end(interaction, second)
            options = GenerationOptions.build(
                negative=negative,
                seed=seed,
                seed_image=seed_image,
                denoising=denoising,
                guidance=guidance,
                bpm=find_tempo(first) if isinstance(start, str) else None,
                key=key,
                chords=chords,
            )
            request = edits.morph(start, end, options, clips=clips)
            parents = [one.riff_id for one in (start, end) if isinstance(one, EditSource)]
            await generate_and_post(
                interaction,
                [request],
                parent=parents[0] if parents else None,
                second_parent=parents[1] if len(parents) > 1 else None,
                held=start.harmony if isinstance(start, EditSource) else NO_HARMONY,
            )

    @command_anywhere("layer")
    @app_commands.autocomplete(second=suggest_riffs)
    async def layer(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        riff: str,
        second: str,
        gain: app_commands.Range[float, -40, 20] = 0.0,
    ) -> None:
        """Mix two riffs."""
        async with reporting_errors(interaction), acknowledging(interaction):
            sources = [
                (await resolve_source(interaction, typed, None, whole=True)).source
                for typed in (riff, second)
            ]
            await generate_and_post(
                interaction,
                [edits.layer(*sources, gain_db=gain)],
                parent=sources[0].riff_id,
                second_parent=sources[1].riff_id,
                heading=edits.describe_clash(*sources),
            )


async def _resolve_end(interaction: discord.Interaction[RiffBot], typed: str) -> EditSource | str:
    """One end of a morph: the riff of this id or, where there is none, the prompt as typed."""
    try:
        riff = await get_visible_riff(interaction, typed.strip().removeprefix("#"))
    except NotFound:
        return typed
    return await source_from_riff(interaction, edits.check_remix_allowed(riff, interaction.user.id))


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(ComposeCog(bot))
