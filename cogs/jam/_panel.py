"""The jam's panel: what plays, what comes, who steers, how it is doing, and its buttons.

A classic message, so that the spectrogram's embed and the buttons stand together everywhere. The
text changes only when something worth reading changes: a jam goes on for hours, and Discord counts
the edits.
"""

from __future__ import annotations

from collections.abc import Callable
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
from cogs.jam._buttons import panel_view, paused_view
from riffbot.jam.types import JamStatus, PromptShare

PICTURE = "jam.png"
BALLOT = 5
"""Prompts that the panel shows."""
PACKET_S = 0.02
"""What one packet of sound lasts."""

_STATES = {
    "starting": "tuning up",
    "playing": "▶ playing",
    "catching up": "↻ catching up: the last bar plays again",
    "paused": "⏸ paused",
    "ended": "■ over",
}


@dataclass(frozen=True)
class Scene:
    """What the panel shows beside the jam's own status.

    Attributes:
        where: mention of the voice channel; None where there is none.
        page: address of the page that plays it; None where there is none.
        news: a plain sentence about the connection, or about why it is over.
        began: Unix seconds.
        alone: it is paused because nobody listens.
        parked: nothing plays; the library keeps the place.
    """

    where: str | None = None
    page: str | None = None
    news: str = ""
    began: int = 0
    alone: bool = False
    parked: bool = False


def panel_card(
    jam_id: str, status: JamStatus, scene: Scene, picture: CardFile | None, *, fresh: bool
) -> Card:
    """The panel as it should stand now.

    Args:
        picture: the last spectrogram, drawn for people.
        fresh: send the picture; otherwise an edit leaves the one that stands there.
    """
    over = scene.parked or status.phase == "ended"
    embed = discord.Embed(
        title=escape_line(status.current_prompt),
        description="\n".join(_lines(status, scene)),
        colour=MUTED if over or status.phase == "paused" else ACCENT,
    )
    embed.set_footer(text=_footer(jam_id, status, over=over))
    if picture is not None:
        embed.set_image(url=f"attachment://{PICTURE}")
    buttons: Callable[[], discord.ui.View] | None
    if scene.parked:
        buttons = partial(paused_view, jam_id)
    elif status.phase == "ended":
        buttons = None
    else:
        buttons = partial(panel_view, jam_id, status)
    return Card(
        embed=embed,
        files=(picture,) if picture is not None else (),
        build_view=buttons,
        keeps_files=not fresh,
    )


def _lines(status: JamStatus, scene: Scene) -> list[str]:
    state = _STATES[status.phase]
    over = scene.parked or status.phase == "ended"
    if scene.alone and status.phase == "paused":
        state = "⏸ waiting for somebody to listen"
    lines = [
        join_parts(
            "⏸ kept" if scene.parked else state,
            scene.where,
            f"since <t:{scene.began}:R>" if scene.began and not over else None,
        )
    ]
    if scene.news:
        lines.append(f"**{sentence_to_markdown(scene.news, command_pattern())}**")
    if scene.page:
        lines.append(f"🎧 Listen: {scene.page}")
    if status.next_prompt:
        lines.append(f"**Next** {escape_line(status.next_prompt, 200)}")
    if status.steered_by is not None:
        lines.append(f"**Steered by** {escape_line(status.steered_by.name, 60)}")
    lines.append(
        join_parts(
            format_tempo(status.bpm) if status.bpm else None,
            f"`{status.seed_image}`"
            if not status.seed_image.startswith("sha256:")
            else "from a riff",
            f"denoising {format_number(status.denoising)}",
            f"seed `{status.seed}`",
        )
    )
    lines += map(_ballot_line, status.shares[:BALLOT])
    return lines


def _ballot_line(share: PromptShare) -> str:
    voters = ", ".join(escape_line(name, 30) for name in share.voters[:3])
    more = f" and {len(share.voters) - 3} more" if len(share.voters) > 3 else ""
    percent = round(share.share * 100)
    return (
        f"{progress_bar(percent, 100)} {percent} % {escape_line(share.prompt, 80)} ({voters}{more})"
    )


def _footer(jam_id: str, status: JamStatus, *, over: bool) -> str:
    if over:
        return join_parts(f"played {clock(status.played_s)}", f"#{jam_id}")
    return join_parts(health(status), dropouts(status), f"#{jam_id}")


def health(status: JamStatus) -> str:
    """How far the jam is ahead of its listeners, in words: a number would change all the time."""
    if status.phase in {"starting", "paused"}:
        return "at rest"
    if status.phase == "catching up" or status.buffer_s < 0.5:
        return "just in time"
    return "a little ahead" if status.buffer_s < 2.0 else "well ahead"


def dropouts(status: JamStatus) -> str | None:
    """How often and how long the last bar stood in for what was late, if anything was."""
    late = f"{plural(status.late_chunks, 'part')} came late" if status.late_chunks else None
    missed = f"{status.underruns * PACKET_S:.1f} s bridged" if status.underruns else None
    return join_parts(late, missed) or None


def clock(seconds: float) -> str:
    """`2:05` or `1:02:05`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def now_lines(status: JamStatus, latency_s: float | None, reconnects: int) -> str:
    """What `/jam now` adds to the panel, for whoever wants numbers."""
    factor = status.real_time_factor
    return join_parts(
        f"played {clock(status.played_s)}",
        f"{status.buffer_s:.1f} s ahead",
        dropouts(status) or "no dropouts",
        f"made {factor:.1f}× as fast as it plays" if factor else None,
        f"{latency_s * 1000:.0f} ms to Discord" if latency_s is not None else None,
        f"{plural(reconnects, 'lost connection')} found again" if reconnects else None,
        f"{plural(status.listeners, 'listener')} on the page" if status.listeners else None,
    )
