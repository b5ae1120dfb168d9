"""A small bot on the real discord.py: it exercises the loopback, as RiffBot will later."""

from __future__ import annotations

import asyncio
import io
import re
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

SOUNDS = ("kick", "snare", "hat")


class Again(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=r"^again:(\w+)$"):
    """A button that works after a restart."""

    def __init__(self, what: str) -> None:
        super().__init__(discord.ui.Button(label="Again", custom_id=f"again:{what}"))
        self.what = what

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[Any], match: re.Match[str]
    ) -> Again:
        return cls(match[1])

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"{self.what} again", ephemeral=True)


class Rename(discord.ui.Modal, title="Rename"):
    """A modal with one text field."""

    name: discord.ui.TextInput[Rename] = discord.ui.TextInput(label="New name", max_length=20)

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(content=f"renamed {self.name.value}")


class Panel(discord.ui.View):
    """A view that lives in memory."""

    @discord.ui.button(label="Rename…")
    async def rename(self, interaction: discord.Interaction, button: object) -> None:
        await interaction.response.send_modal(Rename())


class ToyBot(commands.AutoShardedBot):
    """Commands named after what they do to Discord."""

    def __init__(self, **options: object) -> None:
        intents = discord.Intents(guilds=True, voice_states=True)
        mentions = discord.AllowedMentions.none()
        super().__init__("!", intents=intents, allowed_mentions=mentions, **options)  # type: ignore[arg-type]
        self.gate = asyncio.Event()
        self.gate.set()
        self.errors: list[BaseException] = []

    async def setup_hook(self) -> None:
        everything: list[app_commands.Command[Any, ..., None]]
        everything = [echo, play, work, sulk, panel, upload, wrong]
        for command in everything:
            self.tree.add_command(command)
        self.add_dynamic_items(Again)
        self.tree.on_error = self.note  # type: ignore[method-assign]
        await self.tree.sync()

    async def note(self, interaction: discord.Interaction, error: Exception) -> None:
        """Keep what a command raised, for the test to look at."""
        self.errors.append(getattr(error, "original", error))


Interaction = discord.Interaction[ToyBot]


@app_commands.command(description="Say it back")
async def echo(interaction: Interaction, text: str, secret: bool = False) -> None:
    """Answer at once."""
    await interaction.response.send_message(text, ephemeral=secret)


@app_commands.command(description="Play a sound")
@app_commands.describe(sound="which", beats="how many")
async def play(
    interaction: Interaction, sound: str, beats: app_commands.Range[int, 1, 8] = 4
) -> None:
    """Answer late, with two files, an embed and a button."""
    await interaction.response.defer(thinking=True)
    await interaction.client.gate.wait()
    embed = discord.Embed(title=sound, description=f"{beats} beats", colour=0x123456)
    embed.set_image(url="attachment://wave.png")
    view = discord.ui.View(timeout=None)
    view.add_item(Again(sound))
    files = [
        discord.File(io.BytesIO(b"\x00\xffmp3" * 1000), "beat.mp3"),
        discord.File(io.BytesIO(b"\x89PNG"), "wave.png", description="a wave"),
    ]
    await interaction.edit_original_response(embed=embed, attachments=files, view=view)


@play.autocomplete("sound")
async def sounds(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Offer what begins so."""
    found = [name for name in SOUNDS if name.startswith(typed)]
    return [app_commands.Choice(name=name.title(), value=name) for name in found]


@app_commands.command(description="Work and post")
async def work(interaction: Interaction) -> None:
    """Defer; when the token is dead, post in the channel instead."""
    await interaction.response.defer(thinking=True)
    await interaction.client.gate.wait()
    try:
        await interaction.edit_original_response(content="done")
    except discord.HTTPException as error:
        interaction.client.errors.append(error)
        assert isinstance(interaction.channel, discord.TextChannel)
        sent = await interaction.channel.send("done, late")
        await sent.edit(content="done, late, edited")


@app_commands.command(description="Say nothing")
async def sulk(interaction: Interaction) -> None:
    """Never acknowledge."""


@app_commands.command(description="Show a panel")
async def panel(interaction: Interaction) -> None:
    """A view with a modal behind its button."""
    await interaction.response.send_message("panel", view=Panel())


@app_commands.command(description="Take a file")
async def upload(interaction: Interaction, file: discord.Attachment) -> None:
    """Download what a member uploaded."""
    content = await file.read()
    await interaction.response.send_message(f"{file.filename}: {len(content)} bytes")


@app_commands.command(description="Break a rule")
async def wrong(interaction: Interaction, how: str) -> None:
    """Do what Discord forbids."""
    match how:
        case "long":
            await interaction.response.send_message("x" * 2001)
        case "twice":
            await interaction.response.send_message("one")
            interaction.response._response_type = None
            await interaction.response.send_message("two")
        case "attachment":
            embed = discord.Embed(title="?").set_image(url="attachment://none.png")
            await interaction.response.send_message(embed=embed)
        case "unmodelled":
            await interaction.client.fetch_guild(1)
        case "late":
            await asyncio.sleep(0.4)
            await interaction.response.send_message("sorry")
