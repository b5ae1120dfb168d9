"""/privacy: export and deletion of a member's data, consent to remixes, and retention."""

from __future__ import annotations

import io
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands, tasks

from cogs.common.cleanup import delete_messages, refresh_credits
from cogs.common.delivery import send_ephemeral
from cogs.common.errors import reporting_errors
from cogs.common.formatting import plural
from cogs.common.i18n import command_description, option_descriptions
from cogs.common.mentions import mention_commands_in_text
from cogs.common.options import suggest_own_riffs
from cogs.common.persistent import PersistentButton
from cogs.common.riff_lookup import find_riff
from riffbot.errors import BadRequest, RiffBotError
from riffbot.jam.snapshot import scrub_jam

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

CONFIRMATION = """\
**This goes, for ever:**
- every riff, upload and favourite of yours
- what you are still waiting for
- the messages that show your riffs, as far as Discord lets me delete them

**This stays:**
- what others made from your riffs: it names “a former member” instead of you, but its files \
still hold the words and the picture that it started from
- family trees that somebody posted with `/library lineage`: they keep your name, because I do \
not remember where they are
- your decision that nobody may remix what you make, if you took it

There is no way back. `/privacy export` gives you everything first."""


class EraseButton(
    PersistentButton,
    template=r"privacy:erase:(?P<user>\d{1,20})",
):
    """Deletes everything about the member who asked for it."""

    def __init__(self, user_id: int) -> None:
        super().__init__(
            discord.ui.Button(
                label="Delete everything about me",
                style=discord.ButtonStyle.danger,
                custom_id=f"privacy:erase:{user_id}",
            )
        )
        self.user_id = user_id

    @classmethod
    def from_match(cls, match: re.Match[str]) -> EraseButton:
        return cls(int(match["user"]))

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Delete the member's data, then say what is gone and what stays."""
        if interaction.user.id != self.user_id:
            raise BadRequest("This button is somebody else's: /privacy delete gives you your own.")
        bot: RiffBot = interaction.client
        await interaction.response.defer(ephemeral=True, thinking=True)
        for job in await bot.services.library.jobs.unfinished():
            if job.author_id == self.user_id:
                bot.services.clip_service.cancel(job.id)
        # Running jams come first: each rewrites its row at every chunk.
        await bot.services.jams.forget_member(self.user_id)
        deletion = await bot.services.library.privacy.erase_member(self.user_id, scrub_jam)
        remaining = await delete_messages(bot, deletion)
        open_again = await bot.services.library.privacy.is_remix_allowed(self.user_id)
        await send_ephemeral(
            interaction, _deletion_summary(deletion.riffs, remaining, open_again=open_again)
        )
        await refresh_credits(bot, deletion)


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class PrivacyCog(commands.GroupCog, name="privacy", description=command_description("privacy")):
    """Members' control of their data, and the owner's retention period."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        """Handle the buttons of all messages; start the daily deletion."""
        self.bot.add_dynamic_items(EraseButton)
        self.expire.start()

    async def cog_unload(self) -> None:
        """Stop the daily deletion."""
        self.expire.cancel()

    @app_commands.command(name="export", description=command_description("privacy export"))
    async def export(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Send everything about the asker as a ZIP that only they see."""
        async with reporting_errors(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            archive = await self.bot.services.library.privacy.export_member(
                interaction.user.id, limit=interaction.filesize_limit
            )
            await interaction.followup.send(
                "Everything that I know about you.",
                file=discord.File(io.BytesIO(archive), "riffbot-about-you.zip"),
                ephemeral=True,
            )

    @app_commands.command(name="delete", description=command_description("privacy delete"))
    async def delete(self, interaction: discord.Interaction[RiffBot]) -> None:
        """Ask for confirmation with a button."""
        async with reporting_errors(interaction):
            view = discord.ui.View(timeout=None)
            view.add_item(EraseButton(interaction.user.id))
            text = mention_commands_in_text(interaction.client, CONFIRMATION)
            await interaction.response.send_message(text, view=view, ephemeral=True)

    @app_commands.command(name="remixes", description=command_description("privacy remixes"))
    @app_commands.describe(**option_descriptions("privacy remixes"))
    @app_commands.autocomplete(riff=suggest_own_riffs)
    async def remixes(
        self, interaction: discord.Interaction[RiffBot], *, allowed: bool, riff: str | None = None
    ) -> None:
        """Allow or forbid remixes of one riff or of all."""
        async with reporting_errors(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            library, user = self.bot.services.library, interaction.user.id
            may = "may remix" if allowed else "may not remix"
            if riff is not None:
                found = await find_riff(interaction, riff)
                await library.privacy.set_riff_remix_allowed(found.id, user, allowed)
                await send_ephemeral(interaction, f"Others {may} `#{found.id}`.")
                return
            count = await library.privacy.set_remix_allowed(user, allowed)
            await send_ephemeral(interaction, f"Others {may} what you make: {_all_of(count)}.")

    @tasks.loop(hours=24)
    async def expire(self) -> None:
        """Delete riffs that are older than a retention period and nobody's favourite."""
        days = self.bot.services.settings.retention_days
        try:
            if days:
                await self._expire(None, days)
            for guild_id, rules in (await self.bot.services.library.guilds.all_rules()).items():
                own = rules.retention_days
                if own is not None and (not days or own < days):
                    await self._expire(guild_id, own)
            await self.bot.services.library.audit.prune()
        except RiffBotError as error:
            log.warning("old riffs could not be deleted: %s", error)

    async def _expire(self, guild_id: int | None, days: int) -> None:
        """Delete the old riffs of a server, or of all."""
        deletion = await self.bot.services.library.riffs.expire(
            datetime.now(UTC) - timedelta(days=days), guild_id=guild_id
        )
        if deletion.riffs == 0 and guild_id is not None:
            return
        log.info("%d riffs older than %d days are deleted", deletion.riffs, days)
        await self.bot.wait_until_ready()  # the first run comes before the connection
        await refresh_credits(self.bot, deletion)


def _all_of(count: int) -> str:
    """Which riffs a decision applies to."""
    if count == 0:
        return "everything from now on"
    return f"{'the one riff' if count == 1 else f'all {count:,} riffs'} so far, and those to come"


def _deletion_summary(riffs: int, remaining: int, *, open_again: bool) -> str:
    """What is deleted, and what is not."""
    deleted = f"Done: {plural(riffs, 'riff is', 'riffs are')} deleted, and "
    lines = [
        deleted + "nothing in my library knows you any more."
        if open_again
        else deleted + "of you I only keep your id and that nobody may remix what you make "
        "(`/privacy remixes` takes it back)."
    ]
    if remaining:
        messages = plural(remaining, "message", "messages")
        lines.append(
            f"Discord keeps {messages} of mine: please remove what you still find by hand."
        )
    lines.append("Pictures of family trees that were posted keep the names that they show.")
    return " ".join(lines)


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(PrivacyCog(bot))
