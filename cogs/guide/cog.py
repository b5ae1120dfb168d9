"""/guide teaches prompting with examples to click; /about describes RiffBot and its model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import discord
from discord.ext import commands

from cogs.common.errors import reporting_errors
from cogs.common.formatting import ACCENT
from cogs.common.generation import generate_and_post
from cogs.common.mentions import mention_commands_in_embed
from cogs.common.options import command_anywhere
from cogs.common.persistent import PersistentButton
from cogs.guide._content import PAGES
from riffbot.web.model_card import read_model_card

if TYPE_CHECKING:
    from riffbot.bot import RiffBot


class PageButton(
    PersistentButton,
    template=r"guide:page:(?P<page>\d)",
):
    """Shows another page of the guide."""

    def __init__(self, page: int, label: str = "…") -> None:
        super().__init__(discord.ui.Button(label=label, custom_id=f"guide:page:{page}", row=1))
        self.page = page

    @classmethod
    def from_match(cls, match: re.Match[str]) -> PageButton:
        return cls(int(match["page"]))

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Show the page in the same message."""
        await interaction.response.edit_message(
            embed=mention_commands_in_embed(interaction.client, page_embed(self.page)),
            view=page_view(self.page),
        )


class ExampleButton(
    PersistentButton,
    template=r"guide:play:(?P<page>\d):(?P<example>\d)",
):
    """Generates an example in the channel."""

    def __init__(self, page: int, example: int) -> None:
        super().__init__(
            discord.ui.Button(
                label=_example(page, example).label,
                emoji="▶️",
                style=discord.ButtonStyle.primary,
                custom_id=f"guide:play:{page}:{example}",
                row=0,
            )
        )
        self.page = page
        self.example = example

    @classmethod
    def from_match(cls, match: re.Match[str]) -> ExampleButton:
        return cls(int(match["page"]), int(match["example"]))

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Generate the example."""
        images = interaction.client.services.images
        await generate_and_post(interaction, [_example(self.page, self.example).request(images)])


def _example(page: int, example: int) -> Any:
    # A button from an older guide may point beyond today's examples.
    examples = PAGES[page % len(PAGES)].examples
    return examples[example % len(examples)]


def page_embed(page: int) -> discord.Embed:
    """A page of the guide."""
    content = PAGES[page % len(PAGES)]
    embed = discord.Embed(title=content.title, description=content.text, colour=ACCENT)
    embed.set_footer(text=f"Page {page + 1} of {len(PAGES)} · an example posts a riff here")
    return embed


def page_view(page: int) -> discord.ui.View:
    """The buttons of a page: its examples, and the pages before and after it."""
    view = discord.ui.View(timeout=None)
    for example in range(len(PAGES[page % len(PAGES)].examples)):
        view.add_item(ExampleButton(page, example))
    if page > 0:
        view.add_item(PageButton(page - 1, "Back"))
    if page + 1 < len(PAGES):
        view.add_item(PageButton(page + 1, "Next"))
    return view


class GuideCog(commands.Cog, name="guide"):
    """The guide and the description of RiffBot."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        """Handle the buttons of all guides, those from before this start included."""
        self.bot.add_dynamic_items(PageButton, ExampleButton)

    @command_anywhere("guide")
    async def guide(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Show the guide to the asker alone."""
        async with reporting_errors(interaction):
            await interaction.response.send_message(
                embed=mention_commands_in_embed(interaction.client, page_embed(0)),
                view=page_view(0),
                ephemeral=True,
            )

    @command_anywhere("about")
    async def about(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Describe RiffBot to the asker alone."""
        async with reporting_errors(interaction):
            bot = interaction.client
            await interaction.response.send_message(
                embed=mention_commands_in_embed(bot, about_embed(bot)), ephemeral=True
            )


def about_embed(bot: RiffBot) -> discord.Embed:
    """What RiffBot is, its model and licence, who owns the riffs, and what is stored."""
    embed = discord.Embed(
        title="RiffBot",
        description=(
            "Riffusion as a member of your server. A diffusion model paints the picture of a "
            "sound, a spectrogram, from your words; the picture is then played. Every clip comes "
            "out of the model: nothing is a recording."
        ),
        colour=ACCENT,
    )
    about = read_model_card(bot.services.settings)["model"]
    embed.add_field(name="Model", value=about["name"])
    embed.add_field(name="Its licence", value=about["licence"] or "see the model's own page")
    embed.add_field(
        name="Whose are the riffs?",
        value="Yours: use what you make here as you like, credit welcome and not needed. Whether "
        "others' songs or names may be imitated is the law's business, and so yours.",
        inline=False,
    )
    embed.add_field(
        name="What is stored",
        value="Each riff with its prompt and settings, who asked and in which channel, and each "
        "jam with its starter and the votes, on the machine of whoever runs this bot. Messages are "
        "not read, and nobody is listened to in voice channels: I am deafened there. "
        "🗑️ **Delete** under a riff removes it from there, too. `/privacy export` gives you "
        "everything about you, `/privacy delete` removes it, and `/privacy remixes` decides "
        "whether others may remix what you make.",
        inline=False,
    )
    return embed


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(GuideCog(bot))
