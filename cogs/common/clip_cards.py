"""What RiffBot's messages look like: the result, the progress, the summary of several takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import discord

from cogs.common.buttons import cancel_view, clip_view
from cogs.common.cards import Card, CardFile
from cogs.common.formatting import ACCENT, MUTED, format_number, format_tempo, join_parts, plural
from cogs.common.markdown import escape_line
from cogs.common.progress import TaskItem
from riffbot.clips.clip import Clip
from riffbot.library.types import NOBODY, Credit
from riffbot.regions import Region
from riffbot.rendering import heading as heading_of
from riffbot.request import Layer, RiffRequest

PICTURE = "spectrogram.png"
RAW = "riff.png"
SOUND = "riff.mp3"
FORMING = "forming.png"

VERBS = {
    "riff": "another take on",
    "remix": "remix of",
    "inpaint": "repainted from",
    "extend": "goes on from",
    "morph": "walks from",
    "arrival": "walks to",
    "layer": "a layer of",
    "draw": "drawn by",
}
"""How a clip speaks of what it was made from."""


IsVisible = Callable[[int], bool]
"""Whether all readers of a card may see the audience of this id: see `visible_to_all`."""


def _never_visible(_: int) -> bool:
    return False


def clip_cards(
    clip: Clip, limit: int, *, heading: str | None = None, is_visible: IsVisible = _never_visible
) -> tuple[Card, ...]:
    """A finished clip, the richest message first.

    A classic message rather than a V2 card: Discord draws a V2 File component as a download, and
    the riff must play where it stands. The picture for people is the embed's image; the raw
    spectrogram, which carries the recipe and can be uploaded again, is its thumbnail, so that both
    can be saved and neither stands there twice.

    Args:
        clip: what is shown.
        limit: bytes that may be uploaded here.
        heading: a line above the embed.
        is_visible: as for `clip_embed`.
    """
    name = heading_of(clip.request)
    sound = CardFile(SOUND, clip.mp3, f"{name}: {clip.duration_s:.1f} seconds of sound")
    picture = CardFile(PICTURE, clip.picture, clip.alt)
    raw = CardFile(RAW, clip.png, "The raw spectrogram, its recipe inside: it can be remixed.")
    offers = ((sound, picture, raw), (sound, picture), (sound,), ())
    return tuple(
        _clip_card(clip, uploads, heading, is_visible)
        for uploads in offers
        if sum(len(upload.data) for upload in uploads) <= limit
    )


def clip_embed(clip: Clip, is_visible: IsVisible = _never_visible) -> discord.Embed:
    """A clip in words, its credits included.

    Args:
        is_visible: whether all readers may see the audience of this id; the credits of what was
            made elsewhere name no more than the family tree does.
    """
    lines = [describe_request(clip.request, clip.duration_s)]
    for parent in clip.credits:
        arrival = clip.kind == "morph" and parent is not clip.credits[0]
        lines.append(credit_line(parent.redact(is_visible), "arrival" if arrival else clip.kind))
    embed = discord.Embed(
        title=escape_line(heading_of(clip.request)), description="\n".join(lines), colour=ACCENT
    )
    embed.set_footer(text=join_parts(clip.author.name, clip.model_name, f"#{clip.id}"))
    return embed


def _clip_card(
    clip: Clip, uploads: tuple[CardFile, ...], heading: str | None, is_visible: IsVisible
) -> Card:
    embed = clip_embed(clip, is_visible)
    names = {upload.name for upload in uploads}
    if PICTURE in names:
        embed.set_image(url=f"attachment://{PICTURE}")
    if RAW in names:
        embed.set_thumbnail(url=f"attachment://{RAW}")
    if not uploads:
        embed.add_field(
            name="No files here",
            value="They are too large for this place, or I may not attach files here. "
            "The riff is in the library all the same, and its buttons work.",
        )
    return Card(embed=embed, content=heading, files=uploads, build_view=partial(clip_view, clip.id))


def credit_line(credit: Credit, kind: str) -> str:
    """Whom a clip owes its beginning: `remix of Ann's *funky sax* #…`."""
    whose = f"**{escape_line(credit.author.name, 60)}**"
    if credit.riff_id is None:
        gone = "a riff that was deleted" if credit.author is NOBODY else f"a riff of {whose}"
        return f"{VERBS.get(kind, kind)} {gone}"
    return f"{VERBS.get(kind, kind)} {whose}: {escape_line(credit.prompt, 80)} `#{credit.riff_id}`"


def describe_request(request: RiffRequest, duration_s: float | None = None) -> str:
    """Everything that decides a clip, in two short lines."""
    seconds = duration_s or (request.width / 100 if request.width else None)
    first = join_parts(
        f"seed `{request.seed}`",
        format_tempo(request.bpm) if request.bpm else None,
        f"{seconds:.1f} s" if seconds else None,
        f"guidance {format_number(request.guidance)}" if request.guidance else None,
        plural(request.steps, "step") if request.steps else None,
    )
    second = join_parts(
        _start(request),
        _where(request.mask),
        f"without {escape_line(request.negative, 200)}" if request.negative else None,
    )
    return "\n".join(line for line in (first, second) if line)


def _where(mask: str | None) -> str | None:
    """What of it was repainted."""
    if mask is None:
        return None
    region = Region.from_name(mask)
    if region is None:
        return f"only {mask.removeprefix('mask_').replace('_', ' ')}" if ":" not in mask else None
    band = f", {region.low} to {region.high} Hz" if (region.low, region.high) != (0, 10000) else ""
    return f"only {region.begin / 100:g} to {region.end / 100:g} s{band}"


def _start(request: RiffRequest) -> str | None:
    """What it starts from and how far it went; who made that stands in the credits below."""
    image = request.seed_image
    if image is None or isinstance(request.piece, Layer):
        return None
    strength = f"denoising {format_number(request.denoising)}" if request.denoising else "as it was"
    return strength if image.startswith("sha256:") else f"from `{image}`, {strength}"


def progress_card(
    takes: Sequence[TaskItem], session: str, user_id: int, preview: bytes | None = None
) -> Card:
    """The first message while clips are being made."""
    if len(takes) == 1:
        lines = [str(takes[0])]
    else:
        lines = [f"**{number}** {take}" for number, take in enumerate(takes, 1)]
    embed = discord.Embed(
        title=escape_line(heading_of(takes[0].request)), description="\n".join(lines), colour=MUTED
    )
    uploads: tuple[CardFile, ...] = ()
    if preview is not None:
        uploads = (CardFile(FORMING, preview, "The spectrogram as it forms out of noise"),)
        embed.set_image(url=f"attachment://{FORMING}")
    return Card(embed=embed, files=uploads, build_view=partial(cancel_view, session, user_id))


def summary_card(takes: Sequence[TaskItem]) -> Card:
    """The first message when several takes were made: each has a message of its own below."""
    made = [take.clip for take in takes if take.clip is not None]
    seeds = ", ".join(f"`{clip.request.seed}`" for clip in made)
    lines = [f"{len(made)} takes below · seeds {seeds}" if len(made) > 1 else f"seed {seeds}"]
    lines += [take.failure for take in takes if take.failure is not None]
    embed = discord.Embed(
        title=escape_line(heading_of(takes[0].request)), description="\n".join(lines), colour=ACCENT
    )
    return Card(embed=embed)
