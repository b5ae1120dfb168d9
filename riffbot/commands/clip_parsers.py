"""The parsers of `riff`, `remix`, `inpaint`, `extend`, `morph`, `layer`, `draw` and `jam`."""

from __future__ import annotations

from pathlib import Path

from riffbot.commands.arguments import (
    PROMPT_HELP,
    Parser,
    Subparsers,
    add_command,
    add_count,
    add_generation_flags,
    add_mask,
    add_model,
    add_output_flags,
    add_overwrite,
    add_prompt_or_recipe,
    add_size_flags,
    add_source,
    parse_integer,
    parse_number,
)


def add_clip_commands(commands: Subparsers) -> None:
    """Add the commands that make clips and jams."""
    for add in (
        _add_riff,
        _add_remix,
        _add_inpaint,
        _add_extend,
        _add_morph,
        _add_layer,
        _add_draw,
        _add_jam,
    ):
        add(commands)


def _add_takes_options(parser: Parser, *, denoising: float = 0.75) -> None:
    """Add what every command takes that makes takes of one request."""
    add_generation_flags(parser, denoising=denoising)
    add_count(parser)
    add_output_flags(parser)


def _add_riff(commands: Subparsers) -> None:
    riff = add_command(commands, "riff", "clips.riff", "make clips from a prompt")
    add_prompt_or_recipe(
        riff, "make again what a .json, .png or .mp3 of RiffBot holds; other options change it"
    )
    riff.add_argument(
        "--batch",
        metavar="REQUESTS.jsonl",
        help="one JSON object a line: prompt, seed, …; files are named 0001.mp3, … (- reads stdin)",
    )
    riff.add_argument(
        "--seed-image", metavar="NAME|FILE", help="picture or sound to start from (img2img)"
    )
    add_mask(riff)
    _add_takes_options(riff)
    add_size_flags(riff)


def _add_remix(commands: Subparsers) -> None:
    remix = add_command(commands, "remix", "clips.remix", "change a clip towards a prompt")
    add_source(remix)
    remix.add_argument("prompt", metavar="PROMPT", help=PROMPT_HELP)
    add_mask(remix)
    _add_takes_options(remix)


def _add_inpaint(commands: Subparsers) -> None:
    inpaint = add_command(commands, "inpaint", "clips.inpaint", "repaint a stretch of a clip")
    add_source(inpaint)
    inpaint.add_argument("prompt", metavar="PROMPT", help=PROMPT_HELP)
    inpaint.add_argument(
        "--from", dest="begin_s", metavar="S", type=parse_number, help="second it begins"
    )
    inpaint.add_argument(
        "--to", dest="end_s", metavar="S", type=parse_number, help="second it ends"
    )
    inpaint.add_argument(
        "--where", default="", metavar="WORDS", help="“bar 2”, “beats 5-8”, “second half”, …"
    )
    add_mask(inpaint)
    inpaint.add_argument("--low", metavar="HZ", type=parse_number, help="lowest pitch (default: 0)")
    inpaint.add_argument(
        "--high", metavar="HZ", type=parse_number, help="highest pitch (default: 10000)"
    )
    _add_takes_options(inpaint, denoising=1.0)


def _add_extend(commands: Subparsers) -> None:
    extend = add_command(commands, "extend", "clips.extend", "let a clip go on by whole measures")
    add_source(extend, seconds=False)
    extend.add_argument("prompt", metavar="PROMPT", nargs="?", help="where it goes (default: on)")
    extend.add_argument(
        "--seconds",
        metavar="S",
        type=parse_number,
        help="length of the whole, up to 360",
    )
    extend.add_argument("--bars", metavar="N", type=parse_integer, help="measures to add")
    extend.add_argument("--backward", action="store_true", help="what is new comes before it")
    _add_takes_options(extend)


def _add_morph(commands: Subparsers) -> None:
    morph = add_command(commands, "morph", "clips.morph", "walk from one prompt or clip to another")
    morph.add_argument("first", metavar="PROMPT_A", help=f"or FILE|ID; {PROMPT_HELP}")
    morph.add_argument("second", metavar="PROMPT_B", help="where the walk ends, or FILE|ID")
    morph.add_argument(
        "--clips",
        metavar="N",
        type=parse_integer,
        default=5,
        help="its length in clips, 2 … 64 (5)",
    )
    morph.add_argument(
        "--seed-image",
        metavar="NAME|FILE",
        help="picture or sound that keeps the beat on the way",
    )
    morph.add_argument(
        "--target-seed", type=parse_integer, help="seed at the far end (default: the same)"
    )
    add_generation_flags(morph)
    add_output_flags(morph)
    add_size_flags(morph)


def _add_layer(commands: Subparsers) -> None:
    layer = add_command(commands, "layer", "clips.layer", "mix two clips of one tempo")
    layer.add_argument("first", metavar="FILE|ID", help="the clip that sets the tempo")
    layer.add_argument("second", metavar="FILE|ID", help="the clip that goes with it")
    layer.add_argument(
        "--gain", metavar="DB", type=parse_number, default=0.0, help="level of the second"
    )
    add_output_flags(layer)


def _add_draw(commands: Subparsers) -> None:
    draw = add_command(commands, "draw", "clips.draw", "hear any picture")
    draw.add_argument(
        "drawing", metavar="PICTURE", help="PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
    )
    draw.add_argument("prompt", metavar="PROMPT", nargs="?", help="paint over it towards this")
    draw.add_argument(
        "--seconds", metavar="S", type=parse_number, help="its length (default: its shape)"
    )
    _add_takes_options(draw)


def _add_jam(commands: Subparsers) -> None:
    jam = add_command(commands, "jam", "jam.jam", "play on and on, one beat through every change")
    add_prompt_or_recipe(jam, "make again the stretch that a kept riff's .mp3 or .png holds")
    jam.add_argument(
        "--then",
        metavar="SECONDS:PROMPT",
        action="append",
        help="move to another prompt at this second; as often as you like",
    )
    jam.add_argument(
        "--seconds", metavar="S", type=parse_number, default=60.0, help="how long (default: 60)"
    )
    jam.add_argument(
        "--out", metavar="FILE", type=Path, help="where to write: .flac, .wav, .ogg or .mp3"
    )
    jam.add_argument(
        "--seed-image", metavar="NAME|FILE", help="picture or sound that locks tempo and measure"
    )
    jam.add_argument(
        "--bpm", type=parse_number, help="take the bundled seed image nearest to this tempo"
    )
    jam.add_argument(
        "--realtime",
        action="store_true",
        help="play in time, as a voice channel hears it, and report how well that went",
    )
    jam.add_argument(
        "--busy", action="store_true", help="with --realtime: keep a line of riffs waiting beside"
    )
    add_generation_flags(jam)
    add_model(jam)
    add_overwrite(jam)
