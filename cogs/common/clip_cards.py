"""What the message of a finished riff looks like."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import discord

from audio.columns import seconds_of
from cogs.common.buttons import clip_view
from cogs.common.cards import Card, CardFile
from cogs.common.formatting import ACCENT, format_number, format_tempo, join_parts, plural
from cogs.common.markdown import escape_line
from riffbot.clips.clip import Clip
from riffbot.library.types import NOBODY, Credit
from riffbot.regions import Region
from riffbot.rendering import heading as heading_of
from riffbot.request import Layer, RiffRequest

PLOT_FILE = "spectrogram.png"
PIXELS_FILE = "riff.png"
SOUND_FILE = "riff.mp3"

CREDIT_VERBS = {
    "riff": "another take on",
    "remix": "remix of",
    "inpaint": "repainted from",
    "extend": "goes on from",
    "morph": "walks from",
    "arrival": "walks to",
    "layer": "a layer of",
    "draw": "drawn by",
}
"""How a clip relates to what it was made from, by kind; `arrival` is the second end of a morph."""


IsVisible = Callable[[int], bool]
"""Whether all readers of a card may see the audience of this id: see `visible_to_all`."""


def _never_visible(_: int) -> bool:
    return False


def clip_cards(
    clip: Clip, limit: int, *, heading: str | None = None, is_visible: IsVisible = _never_visible
) -> tuple[Card, ...]:
    """Cards of a finished clip, the one with most files first.

    A classic message rather than a V2 card: Discord shows a V2 File component as a download, and
    the riff must play in the message. The plot is the embed's image. The pixels, which contain the
    recipe and can be uploaded again, are its thumbnail: so both can be saved, and neither shows
    twice.

    Args:
        limit: bytes that may be uploaded here; cards with more are left out.
        heading: a line above the embed.
        is_visible: as for `clip_embed`.
    """
    name = heading_of(clip.request)
    sound = CardFile(SOUND_FILE, clip.mp3, f"{name}: {clip.duration_s:.1f} seconds of sound")
    plot = CardFile(PLOT_FILE, clip.picture, clip.alt)
    pixels = CardFile(
        PIXELS_FILE, clip.png, "The raw spectrogram, its recipe inside: it can be remixed."
    )
    choices = ((sound, plot, pixels), (sound, plot), (sound,), ())
    return tuple(
        _clip_card(clip, files, heading, is_visible)
        for files in choices
        if sum(len(file.data) for file in files) <= limit
    )


def clip_embed(clip: Clip, is_visible: IsVisible = _never_visible) -> discord.Embed:
    """A clip's settings and credits as an embed.

    Args:
        is_visible: whether all readers may see the audience of this id; the credits of what was
            made elsewhere name no more than the family tree does.
    """
    lines = [describe_request(clip.request, clip.duration_s)]
    for parent in clip.credits:
        arrival = clip.kind == "morph" and parent is not clip.credits[0]
        kind = "arrival" if arrival else clip.kind
        lines.append(credit_line(parent.redact(is_visible), kind))
    embed = discord.Embed(
        title=escape_line(heading_of(clip.request)), description="\n".join(lines), colour=ACCENT
    )
    embed.set_footer(text=join_parts(clip.author.name, clip.model_name, f"#{clip.id}"))
    return embed


def _clip_card(
    clip: Clip, files: tuple[CardFile, ...], heading: str | None, is_visible: IsVisible
) -> Card:
    embed = clip_embed(clip, is_visible)
    names = {file.name for file in files}
    if PLOT_FILE in names:
        embed.set_image(url=f"attachment://{PLOT_FILE}")
    if PIXELS_FILE in names:
        embed.set_thumbnail(url=f"attachment://{PIXELS_FILE}")
    if not files:
        embed.add_field(
            name="No files here",
            value="They are too large for this place, or I may not attach files here. "
            "The riff is in the library all the same, and its buttons work.",
        )
    return Card(embed=embed, content=heading, files=files, build_view=partial(clip_view, clip.id))


def credit_line(credit: Credit, kind: str) -> str:
    """Names what a clip was made from: `remix of **Ann**: funky sax #…`."""
    verb = CREDIT_VERBS.get(kind, kind)
    name = f"**{escape_line(credit.author.name, 60)}**"
    if credit.riff_id is None:
        is_deleted = credit.author is NOBODY
        return f"{verb} a riff that was deleted" if is_deleted else f"{verb} a riff of {name}"
    return f"{verb} {name}: {escape_line(credit.prompt, 80)} `#{credit.riff_id}`"


def describe_request(request: RiffRequest, duration_s: float | None = None) -> str:
    """The settings that decide a clip, in one or two short lines of markdown."""
    seconds = duration_s or (seconds_of(request.width) if request.width else None)
    first = join_parts(
        f"seed `{request.seed}`",
        format_tempo(request.bpm) if request.bpm else None,
        f"{seconds:.1f} s" if seconds else None,
        f"guidance {format_number(request.guidance)}" if request.guidance else None,
        plural(request.steps, "step") if request.steps else None,
    )
    second = join_parts(
        _describe_source(request),
        _describe_mask(request.mask),
        f"without {escape_line(request.negative, 200)}" if request.negative else None,
    )
    harmony = escape_line(request.harmony.describe(), 200)
    return "\n".join(line for line in (first, harmony, second) if line)


def _describe_mask(mask: str | None) -> str | None:
    """What was repainted: a bundled mask by its name, a region in seconds and Hz."""
    if mask is None:
        return None
    region = Region.from_name(mask)
    if region is None:
        return f"only {mask.removeprefix('mask_').replace('_', ' ')}" if ":" not in mask else None
    band = f", {region.low} to {region.high} Hz" if (region.low, region.high) != (0, 10000) else ""
    return f"only {seconds_of(region.begin):g} to {seconds_of(region.end):g} s{band}"


def _describe_source(request: RiffRequest) -> str | None:
    """Denoising and, for a bundled seed image, its name; the credits name other sources."""
    image = request.seed_image
    if image is None or isinstance(request.piece, Layer):
        return None
    how_far = f"denoising {format_number(request.denoising)}" if request.denoising else "as it was"
    return how_far if image.startswith("sha256:") else f"from `{image}`, {how_far}"
