"""The panel of /server settings: all rules of a server, and a button for each group."""

from __future__ import annotations

import discord

from cogs.common.formatting import ACCENT, plural
from cogs.common.markdown import escape_line
from cogs.common.persistent import PlainButton
from riffbot.library.tables import GuildSettings
from riffbot.rules.policy import ServerRules

JAM_CONTROL_NAMES = {
    "anyone": "anyone in the channel",
    "dj": "the DJ role",
    "starter": "whoever started it",
}

GROUPS = {
    "where": ("Where and who", "📍"),
    "quotas": ("Quotas", "⏳"),
    "sizes": ("Sizes", "📏"),
    "words": ("Words", "💬"),
    "jams": ("Jams", "🎧"),
    "log": ("Log and storage", "📜"),
}
"""The groups of settings, each of which has a button and a modal: labels and emojis."""

_SHOWN_MENTIONS = 12
_ROW = 3


def settings_embed(settings: GuildSettings, rules: ServerRules) -> discord.Embed:
    """Everything that a server has decided."""
    embed = discord.Embed(
        title="Settings of this server",
        description="The buttons change them. Whoever may manage the server sees this.",
        colour=ACCENT,
    )
    roles = [f"<@&{one}>" for one in rules.roles]
    embed.add_field(
        name="📍 Riffs and jams are made",
        value=f"in {_mentions([f'<#{one}>' for one in rules.channels]) or 'every channel'}\n"
        f"by {_mentions(roles) or 'everyone'}",
    )
    embed.add_field(
        name="⏳ Riffs in any hour and day",
        value=f"a member: {_pair(rules.member_hour, rules.member_day)}\n"
        f"all together: {_pair(rules.server_hour, rules.server_day)}",
    )
    embed.add_field(
        name="📏 At most",
        value=f"{rules.max_clips or 4} clips a command\n"
        + (plural(rules.max_steps, "step") if rules.max_steps else "any number of steps"),
    )
    embed.add_field(name="💬 The word list", value=_words(rules))
    embed.add_field(
        name="🎧 Jams",
        value=f"steered by {JAM_CONTROL_NAMES[settings.jam_steer]}\n"
        f"stopped by {JAM_CONTROL_NAMES[settings.jam_stop]}\n"
        f"DJ role: {_role(settings.dj_role_id)}\nhours: {_hours(rules)}",
    )
    audit = rules.audit_channel_id
    days = rules.retention_days
    embed.add_field(
        name="📜 Log and storage",
        value=f"log in {f'<#{audit}>' if audit is not None else 'no channel'}\n"
        + (
            f"unsaved riffs go after {plural(days, 'day')}"
            if days
            else "riffs stay as the owner says"
        ),
    )
    embed.set_footer(text="Moderators and whoever started a jam always may steer and stop it.")
    return embed


def settings_view() -> discord.ui.View:
    """The buttons under the panel."""
    view = discord.ui.View(timeout=None)
    for number, (group, (label, emoji)) in enumerate(GROUPS.items()):
        view.add_item(
            PlainButton(
                label=label, emoji=emoji, custom_id=f"server:rules:{group}", row=number // _ROW
            )
        )
    return view


def _mentions(mentions: list[str]) -> str:
    more = len(mentions) - _SHOWN_MENTIONS
    return ", ".join(mentions[:_SHOWN_MENTIONS]) + (f" and {more} more" if more > 0 else "")


def _pair(hour: int | None, day: int | None) -> str:
    return f"{hour or '∞'} / {day or '∞'}"


def _words(rules: ServerRules) -> str:
    if not rules.words:
        return "empty"
    action = {"off": "switched off", "warn": "warns", "refuse": "refuses"}[rules.word_action]
    some = escape_line(", ".join(rules.words), 120)
    return f"{plural(len(rules.words), 'word')}, {action}\n||{some}||"


def _hours(rules: ServerRules) -> str:
    if rules.jam_from is None or rules.jam_until is None:
        return "any"
    return f"{rules.jam_from}:00 to {rules.jam_until}:00 UTC"


def _role(role_id: int | None) -> str:
    return f"<@&{role_id}>" if role_id is not None else "none"
