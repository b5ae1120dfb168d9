"""The content of a jam's panel: what plays, what comes, who steers, how it is doing.

A classic message, so that the plot's embed and the buttons stand together everywhere. The text
changes only when something worth reading changes: a jam goes on for hours, and Discord limits the
rate of edits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import discord

from cogs.common.cards import Card, CardFile
from cogs.common.formatting import (
    ACCENT,
    MUTED,
    format_number,
    format_tempo,
    join_parts,
    plural,
    progress_bar,
)
from cogs.common.markdown import escape_line, sentence_to_markdown
from cogs.common.mentions import command_pattern
from cogs.jam._view import panel_view
from riffbot.harmony import HarmonyText
from riffbot.jam.types import JamStatus, PromptShare

PLOT_FILENAME = "jam.png"
MAX_BALLOT_LINES = 5
"""Prompts that the panel shows."""
PACKET_S = 0.02
"""Duration of one packet."""

_PHASES = {
    "starting": "tuning up",
    "playing": "▶ playing",
    "catching up": "↻ catching up: the last bar plays again",
    "paused": "⏸ paused",
    "ended": "■ over",
}


@dataclass(frozen=True)
class PanelContext:
    """What the panel shows beside the jam's own status.

    Attributes:
        channel_mention: of the voice channel; None where there is none.
        page_url: of the page that plays it; None where a voice channel does.
        notice: a plain sentence about the connection, or about why the jam ended.
        started_at: Unix seconds.
        is_waiting_for_listeners: it is paused because nobody listens.
        is_parked: nothing plays; the jam can be resumed from the library.
    """

    channel_mention: str | None = None
    page_url: str | None = None
    notice: str = ""
    started_at: int = 0
    is_waiting_for_listeners: bool = False
    is_parked: bool = False


def panel_card(
    status: JamStatus,
    context: PanelContext,
    *,
    plot: CardFile | None,
    is_new_plot: bool,
) -> Card:
    """Build the panel.

    Args:
        plot: the last one that was drawn.
        is_new_plot: upload the plot; otherwise an edit keeps the message's own.
    """
    is_over = context.is_parked or status.phase == "ended"
    embed = discord.Embed(
        title=escape_line(status.current_prompt),
        description="\n".join(_lines(status, context)),
        colour=MUTED if is_over or status.phase == "paused" else ACCENT,
    )
    embed.set_footer(text=_footer(status, is_over=is_over))
    if plot is not None:
        embed.set_image(url=f"attachment://{PLOT_FILENAME}")
    has_buttons = context.is_parked or status.phase != "ended"
    return Card(
        embed=embed,
        files=(plot,) if plot is not None else (),
        build_view=(
            partial(panel_view, status, is_parked=context.is_parked) if has_buttons else None
        ),
        keeps_files=not is_new_plot,
    )


def _lines(status: JamStatus, context: PanelContext) -> list[str]:
    lines = [_phase_line(status, context)]
    if context.notice:
        lines.append(f"**{sentence_to_markdown(context.notice, command_pattern())}**")
    if context.page_url:
        lines.append(f"🎧 Listen: {context.page_url}")
    if status.next_prompt:
        lines.append(f"**Next** {escape_line(status.next_prompt, 200)}")
    if status.steered_by is not None:
        lines.append(f"**Steered by** {escape_line(status.steered_by.name, 60)}")
    is_from_riff = status.seed_image.startswith("sha256:")
    lines.append(
        join_parts(
            format_tempo(status.bpm) if status.bpm else None,
            "from a riff" if is_from_riff else f"`{status.seed_image}`",
            f"denoising {format_number(status.denoising)}",
            f"seed `{status.seed}`",
        )
    )
    if harmony := HarmonyText(status.key, status.chords).describe():
        lines.append(escape_line(harmony, 200))
    lines += map(_ballot_line, status.shares[:MAX_BALLOT_LINES])
    return lines


def _phase_line(status: JamStatus, context: PanelContext) -> str:
    phase = _PHASES[status.phase]
    if context.is_parked:
        phase = "⏸ kept"
    elif context.is_waiting_for_listeners and status.phase == "paused":
        phase = "⏸ waiting for somebody to listen"
    is_over = context.is_parked or status.phase == "ended"
    shows_age = context.started_at and not is_over
    return join_parts(
        phase,
        context.channel_mention,
        f"since <t:{context.started_at}:R>" if shows_age else None,
    )


def _ballot_line(share: PromptShare) -> str:
    voters = ", ".join(escape_line(name, 30) for name in share.voters[:3])
    more = f" and {len(share.voters) - 3} more" if len(share.voters) > 3 else ""
    percent = round(share.share * 100)
    return (
        f"{progress_bar(percent, 100)} {percent} % {escape_line(share.prompt, 80)} ({voters}{more})"
    )


def _footer(status: JamStatus, *, is_over: bool) -> str:
    if is_over:
        return join_parts(f"played {format_clock(status.played_s)}", f"#{status.id}")
    return join_parts(format_health(status), format_dropouts(status), f"#{status.id}")


def format_health(status: JamStatus) -> str:
    """How much is buffered, in words: a number would change at every edit."""
    if status.phase in {"starting", "paused"}:
        return "at rest"
    if status.phase == "catching up" or status.buffer_s < 0.5:
        return "just in time"
    return "a little ahead" if status.buffer_s < 2.0 else "well ahead"


def format_dropouts(status: JamStatus) -> str | None:
    """How often a chunk was late and for how long the last bar looped; None if never."""
    late = f"{plural(status.late_chunks, 'part')} came late" if status.late_chunks else None
    missed = f"{status.underruns * PACKET_S:.1f} s bridged" if status.underruns else None
    return join_parts(late, missed) or None


def format_clock(seconds: float) -> str:
    """`2:05` or `1:02:05`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_details(status: JamStatus, latency_s: float | None, reconnects: int) -> str:
    """The numbers that `/jam now` adds to the panel."""
    factor = status.real_time_factor
    return join_parts(
        f"played {format_clock(status.played_s)}",
        f"{status.buffer_s:.1f} s ahead",
        format_dropouts(status) or "no dropouts",
        f"made {factor:.1f}× as fast as it plays" if factor else None,
        f"{latency_s * 1000:.0f} ms to Discord" if latency_s is not None else None,
        f"{plural(reconnects, 'lost connection')} found again" if reconnects else None,
        f"{plural(status.listeners, 'listener')} on the page" if status.listeners else None,
    )
