"""The modals of /server settings, one for each group, and the buttons that open them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import discord

from cogs.common.audit import record
from cogs.common.errors import reporting_errors
from cogs.common.persistent import ActionButton
from cogs.server._panel import GROUPS, JAM_CONTROL_NAMES, settings_embed, settings_view
from riffbot.errors import BadRequest, shorten
from riffbot.library.guilds import NO_ROLE
from riffbot.library.tables import GuildSettings
from riffbot.rules.policy import (
    MAX_IDS,
    MAX_WORD_CHARACTERS,
    ServerRules,
    parse_hours,
    parse_words,
)

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

Changes = dict[str, object]
"""Fields of `ServerRules` with their new values."""

_MUSIC_CHANNELS = [
    discord.ChannelType.text,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
    discord.ChannelType.forum,
    discord.ChannelType.news,
]
_WORD_ACTIONS = {
    "off": "off: nothing happens",
    "warn": "warn: it is made, with a note to whoever wrote it",
    "refuse": "refuse: it is not made",
}


class SettingsModal(discord.ui.Modal, ABC):
    """Asks for one group of settings.

    Args:
        group: a key of `GROUPS`.
    """

    def __init__(self, group: str) -> None:
        super().__init__(title=GROUPS[group][0], custom_id=f"server:changed:{group}")
        self._group = group
        self._numbers: dict[str, tuple[discord.ui.TextInput[SettingsModal], str, int]] = {}

    def add(self, text: str, description: str, component: discord.ui.Item[Any]) -> None:
        """Add a component with a label."""
        self.add_item(discord.ui.Label(text=text, description=description, component=component))

    def add_number(self, name: str, text: str, value: int | None, limit: int) -> None:
        """Add a field for a number, which is the only one with this name."""
        field = discord.ui.TextInput[SettingsModal](
            custom_id=name,
            required=False,
            default=None if value is None else str(value),
            placeholder="no limit",
            max_length=5,
        )
        self.add(text, f"1 to {limit:,}; empty for no limit.", field)
        self._numbers[name] = field, text, limit

    def read_numbers(self) -> Changes:
        """The numbers that were typed; an empty field is None. Raises BadRequest."""
        return {
            name: _parse_number(field.value, text, limit)
            for name, (field, text, limit) in self._numbers.items()
        }

    @abstractmethod
    async def apply(self, interaction: discord.Interaction[RiffBot]) -> Changes:
        """Return the changes of the rules; store other settings. Raises BadRequest."""

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Store what was chosen and show it in the panel."""
        async with reporting_errors(interaction):
            require_manager(interaction)
            assert interaction.guild_id is not None
            guilds = interaction.client.services.library.guilds
            rules = await guilds.change_rules(interaction.guild_id, **await self.apply(interaction))
            settings = await guilds.get_settings(interaction.guild_id)
            await interaction.response.edit_message(
                embed=settings_embed(settings, rules), view=settings_view()
            )
            await record(interaction, "settings", self._group)


class WhereModal(SettingsModal):
    """Channels and roles."""

    def __init__(self, rules: ServerRules) -> None:
        super().__init__("where")
        self.channels = discord.ui.ChannelSelect[Any](
            custom_id="channels",
            channel_types=_MUSIC_CHANNELS,
            min_values=0,
            max_values=MAX_IDS,
            required=False,
            default_values=[
                discord.SelectDefaultValue(id=one, type=discord.SelectDefaultValueType.channel)
                for one in rules.channels
            ],
        )
        self.roles = discord.ui.RoleSelect[Any](
            custom_id="roles",
            min_values=0,
            max_values=MAX_IDS,
            required=False,
            default_values=_default_roles(rules.roles),
        )
        self.add("Channels", "Where I make music; none chosen: everywhere.", self.channels)
        self.add("Roles", "Who may make riffs and start jams; none chosen: everyone.", self.roles)

    async def apply(self, interaction: discord.Interaction[RiffBot]) -> Changes:
        """Take what was chosen."""
        return {
            "channels": tuple(channel.id for channel in self.channels.values),
            "roles": tuple(role.id for role in self.roles.values),
        }


class QuotasModal(SettingsModal):
    """Riffs in any hour and in any day."""

    def __init__(self, rules: ServerRules) -> None:
        super().__init__("quotas")
        most = 10_000
        self.add_number("member_hour", "A member, in any hour", rules.member_hour, most)
        self.add_number("member_day", "A member, in any 24 hours", rules.member_day, most)
        self.add_number("server_hour", "All together, in any hour", rules.server_hour, most)
        self.add_number("server_day", "All together, in any 24 hours", rules.server_day, most)

    async def apply(self, interaction: discord.Interaction[RiffBot]) -> Changes:
        """Take the numbers."""
        return self.read_numbers()


class SizesModal(SettingsModal):
    """Clips of one command, and steps of a riff."""

    def __init__(self, rules: ServerRules) -> None:
        super().__init__("sizes")
        self.add_number("max_clips", "Clips of one command", rules.max_clips, 4)
        self.add_number("max_steps", "Steps of a riff", rules.max_steps, 200)

    async def apply(self, interaction: discord.Interaction[RiffBot]) -> Changes:
        """Take the numbers."""
        return self.read_numbers()


class WordsModal(SettingsModal):
    """The word list."""

    def __init__(self, rules: ServerRules) -> None:
        super().__init__("words")
        self.action = _choose("word_action", _WORD_ACTIONS, rules.word_action)
        self.words = discord.ui.TextInput[Any](
            custom_id="words",
            style=discord.TextStyle.paragraph,
            required=False,
            default=", ".join(rules.words) or None,
            max_length=MAX_WORD_CHARACTERS + 400,
        )
        self.add("What happens to a prompt with one of them", "Steering a jam, too.", self.action)
        self.add("Words and phrases", "With commas between them; bad* is a beginning.", self.words)

    async def apply(self, interaction: discord.Interaction[RiffBot]) -> Changes:
        """Take action and words."""
        return {"word_action": self.action.values[0], "words": parse_words(self.words.value)}


class JamsModal(SettingsModal):
    """Who steers and stops jams, and when they play."""

    def __init__(self, settings: GuildSettings, rules: ServerRules) -> None:
        super().__init__("jams")
        self.steer = _choose("jam_steer", JAM_CONTROL_NAMES, settings.jam_steer)
        self.stop_by = _choose("jam_stop", JAM_CONTROL_NAMES, settings.jam_stop)
        self.role = discord.ui.RoleSelect[Any](
            custom_id="dj_role",
            min_values=0,
            required=False,
            default_values=_default_roles(
                () if settings.dj_role_id is None else (settings.dj_role_id,)
            ),
        )
        hours = "" if rules.jam_from is None else f"{rules.jam_from}-{rules.jam_until}"
        self.hours = discord.ui.TextInput[Any](
            custom_id="hours", required=False, default=hours or None, max_length=8,
            placeholder="any time",
        )  # fmt: skip
        self.add("Who may steer a jam", "Moderators always may.", self.steer)
        self.add("Who may pause and stop it", "Moderators always may.", self.stop_by)
        self.add("The DJ role", "None chosen: nobody is a DJ.", self.role)
        self.add("Jam hours, in UTC", "For example 18-23; empty for any time.", self.hours)

    async def apply(self, interaction: discord.Interaction[RiffBot]) -> Changes:
        """Store who controls jams; take the hours."""
        begin, end = parse_hours(self.hours.value)
        assert interaction.guild_id is not None
        steer, stop = self.steer.values[0], self.stop_by.values[0]
        await interaction.client.services.library.guilds.set_settings(
            interaction.guild_id,
            jam_steer=steer,  # type: ignore[arg-type]  # Discord sends only the options
            jam_stop=stop,  # type: ignore[arg-type]
            dj_role_id=self.role.values[0].id if self.role.values else NO_ROLE,
        )
        return {"jam_from": begin, "jam_until": end}


class LogModal(SettingsModal):
    """The audit channel and how long riffs are stored."""

    def __init__(self, rules: ServerRules) -> None:
        super().__init__("log")
        channel_id = rules.audit_channel_id
        self.channel = discord.ui.ChannelSelect[Any](
            custom_id="audit",
            channel_types=[discord.ChannelType.text],
            min_values=0,
            required=False,
            default_values=[]
            if channel_id is None
            else [
                discord.SelectDefaultValue(
                    id=channel_id, type=discord.SelectDefaultValueType.channel
                )
            ],
        )
        self.add("Log channel", "Refused words, deletions and changes of settings.", self.channel)
        self.add_number("retention_days", "Days that riffs stay", rules.retention_days, 36_500)

    async def apply(self, interaction: discord.Interaction[RiffBot]) -> Changes:
        """Take the channel, if RiffBot may write there, and the days."""
        chosen = self.channel.values[0] if self.channel.values else None
        if chosen is not None:
            _require_writable(interaction, chosen.id)
        return {"audit_channel_id": chosen.id if chosen else None, **self.read_numbers()}


class SettingsButton(ActionButton, template=r"server:rules:(?P<action>[a-z]+)"):
    """The buttons of the panel."""

    MODALS: ClassVar[dict[str, Callable[[ServerRules], SettingsModal]]] = {
        "where": WhereModal,
        "quotas": QuotasModal,
        "sizes": SizesModal,
        "words": WordsModal,
        "log": LogModal,
    }

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Open the modal of a group."""
        require_manager(interaction)
        assert interaction.guild_id is not None
        guilds = interaction.client.services.library.guilds
        rules = await guilds.get_rules(interaction.guild_id)
        if self.match["action"] == "jams":
            settings = await guilds.get_settings(interaction.guild_id)
            await interaction.response.send_modal(JamsModal(settings, rules))
            return
        await interaction.response.send_modal(self.MODALS[self.match["action"]](rules))


def require_manager(interaction: discord.Interaction[Any]) -> None:
    """Return only if the asker may manage the server. Raises BadRequest."""
    if not interaction.permissions.manage_guild:
        raise BadRequest("Only who may manage this server can change its settings.")


def _require_writable(interaction: discord.Interaction[Any], channel_id: int) -> None:
    guild = interaction.guild
    channel = guild.get_channel(channel_id) if guild is not None else None
    if guild is None or channel is None:
        raise BadRequest("I cannot see that channel: let me in first.")
    allowed = channel.permissions_for(guild.me)
    if not (allowed.view_channel and allowed.send_messages and allowed.embed_links):
        raise BadRequest(
            f"I may not write in <#{channel_id}>: give me View Channel, Send Messages and Embed "
            "Links there first."
        )


def _choose(name: str, names: dict[str, str], chosen: str) -> discord.ui.Select[Any]:
    options = [
        discord.SelectOption(label=label, value=value, default=value == chosen)
        for value, label in names.items()
    ]
    return discord.ui.Select(custom_id=name, options=options)


def _default_roles(role_ids: tuple[int, ...]) -> list[discord.SelectDefaultValue]:
    return [
        discord.SelectDefaultValue(id=one, type=discord.SelectDefaultValueType.role)
        for one in role_ids
    ]


def _parse_number(typed: str, label: str, limit: int) -> int | None:
    """Read a number from 1 to a limit; an empty field is None. Raises BadRequest."""
    typed = typed.strip()
    if not typed:
        return None
    if not typed.isdecimal():
        raise BadRequest(f"“{shorten(typed)}” is no whole number; leave it empty for no limit.")
    if not 1 <= int(typed) <= limit:
        raise BadRequest(f"“{label}” takes a number from 1 to {limit:,}, not {shorten(typed)}.")
    return int(typed)
