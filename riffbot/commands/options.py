"""The command line: every command with its options and help.

The parsers only read; ranges are checked where the values are defined (`riffbot.request`), so that
the command line, Discord and the page refuse the same values with the same sentences.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

from riffbot.commands.arguments import (
    PROMPT_HELP,
    Parser,
    add_command,
    add_common_options,
    add_mask,
    add_output_options,
    add_overwrite,
    add_prompt_or_recipe,
    add_request_options,
    add_size_options,
    add_source,
    parse_integer,
    parse_member_id,
    parse_number,
)


def build_parser() -> Parser:
    """Build the parser of the whole command line."""
    parser = Parser(
        prog="riffbot",
        description="Riffusion as a member of your Discord server. Without a command it starts: "
        "on Discord when DISCORD_TOKEN is set, else in a local Discord in your browser.",
    )
    parser.add_argument(
        "--version", action="version", version=f"riffbot {metadata.version('riffbot')}"
    )
    parser.add_argument(
        "--port", type=parse_integer, help="port of the local Discord (default: any free)"
    )
    parser.add_argument(
        "--web-port", type=parse_integer, help="port of the page (default: any free)"
    )
    add_common_options(parser, top=True)
    parser.set_defaults(run="start.start")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    _add_clip_commands(commands)
    _add_jam(commands)
    _add_converters(commands)
    _add_maintenance_commands(commands)
    return parser


def _add_clip_commands(commands: Any) -> None:
    for add in (
        _add_riff,
        _add_remix,
        _add_inpaint,
        _add_extend,
        _add_morph,
        _add_layer,
        _add_draw,
    ):
        add(commands)


def _add_riff(commands: Any) -> None:
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
    add_request_options(riff)
    add_size_options(riff)


def _add_remix(commands: Any) -> None:
    remix = add_command(commands, "remix", "clips.remix", "change a clip towards a prompt")
    add_source(remix)
    remix.add_argument("prompt", metavar="PROMPT", help=PROMPT_HELP)
    add_mask(remix)
    add_request_options(remix)


def _add_inpaint(commands: Any) -> None:
    inpaint = add_command(commands, "inpaint", "clips.inpaint", "repaint a stretch of a clip")
    add_source(inpaint)
    inpaint.add_argument("prompt", metavar="PROMPT", help=PROMPT_HELP)
    inpaint.add_argument(
        "--from", dest="begin", metavar="S", type=parse_number, help="second it begins"
    )
    inpaint.add_argument("--to", dest="end", metavar="S", type=parse_number, help="second it ends")
    inpaint.add_argument(
        "--where", default="", metavar="WORDS", help="“bar 2”, “beats 5-8”, “second half”, …"
    )
    add_mask(inpaint)
    inpaint.add_argument("--low", metavar="HZ", type=parse_number, help="lowest pitch (default: 0)")
    inpaint.add_argument(
        "--high", metavar="HZ", type=parse_number, help="highest pitch (default: 10000)"
    )
    add_request_options(inpaint, denoising=1.0)


def _add_extend(commands: Any) -> None:
    extend = add_command(commands, "extend", "clips.extend", "let a clip go on by whole measures")
    add_source(extend, seconds=False)
    extend.add_argument("prompt", metavar="PROMPT", nargs="?", help="where it goes (default: on)")
    extend.add_argument(
        "--seconds",
        dest="length",
        metavar="S",
        type=parse_number,
        help="length of the whole, up to 360",
    )
    extend.add_argument("--bars", metavar="N", type=parse_integer, help="measures to add")
    extend.add_argument("--backward", action="store_true", help="what is new comes before it")
    add_request_options(extend)


def _add_morph(commands: Any) -> None:
    morph = add_command(commands, "morph", "clips.morph", "walk from one prompt or clip to another")
    morph.add_argument("prompt", metavar="PROMPT_A", help=f"or FILE|ID; {PROMPT_HELP}")
    morph.add_argument("target", metavar="PROMPT_B", help="where the walk ends, or FILE|ID")
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
    add_request_options(morph, count=False)
    add_size_options(morph)


def _add_layer(commands: Any) -> None:
    layer = add_command(commands, "layer", "clips.layer", "mix two clips of one tempo")
    layer.add_argument("source", metavar="FILE|ID", help="the clip that sets the tempo")
    layer.add_argument("other", metavar="FILE|ID", help="the clip that goes with it")
    layer.add_argument(
        "--gain", metavar="DB", type=parse_number, default=0.0, help="level of the second"
    )
    add_output_options(layer)


def _add_draw(commands: Any) -> None:
    draw = add_command(commands, "draw", "clips.draw", "hear any picture")
    draw.add_argument(
        "source", metavar="PICTURE", help="PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
    )
    draw.add_argument("prompt", metavar="PROMPT", nargs="?", help="paint over it towards this")
    draw.add_argument(
        "--seconds", metavar="S", type=parse_number, help="its length (default: its shape)"
    )
    add_request_options(draw)


def _add_jam(commands: Any) -> None:
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
    add_request_options(jam, count=False, out=False)
    add_overwrite(jam)


def _add_converters(commands: Any) -> None:
    sound = add_command(commands, "image-to-audio", "convert.image_to_audio", "hear a spectrogram")
    sound.add_argument("image", metavar="IN.png", type=Path)
    sound.add_argument("audio", metavar="OUT.{wav,mp3,flac,ogg}", type=Path)
    sound.add_argument("--loop", action="store_true", help="let the end flow into the beginning")
    add_overwrite(sound)
    image = add_command(commands, "audio-to-image", "convert.audio_to_image", "see a sound")
    image.add_argument("audio", metavar="IN", type=Path, help="MP3, WAV, FLAC, OGG, …")
    image.add_argument("image", metavar="OUT.png", type=Path)
    image.add_argument("--loop", action="store_true", help="the sound is a loop")
    add_overwrite(image)


def _add_maintenance_commands(commands: Any) -> None:
    add_command(commands, "seed-images", "info.seed_images", "list the seed images")
    _add_doctor(commands)
    _add_bench(commands)
    _add_library(commands)
    _add_privacy(commands)
    database = add_command(commands, "db", "info.database", "look after the library's database")
    database.add_argument("action", choices=["upgrade"], help="bring its tables up to date")


def _add_doctor(commands: Any) -> None:
    doctor = add_command(
        commands, "doctor", "info.doctor", "check what must be right, with remedies"
    )
    doctor.add_argument("--speed", action="store_true", help="also time one clip")
    doctor.add_argument("--model", metavar="DIR|ID", help="the model to look at")


def _add_bench(commands: Any) -> None:
    bench = add_command(
        commands, "bench", "info.bench", "how fast and how good, beside what others use"
    )
    bench.add_argument(
        "what",
        metavar="codec|engine|model|jam|voice|remix|library|page",
        nargs="*",
        help="which to run (default: all of them)",
    )
    bench.add_argument("--clips", type=parse_integer, default=3, help="repetitions (default: 3)")
    bench.add_argument("--model", metavar="DIR|ID", help="the model to time")
    bench.add_argument(
        "--quick", action="store_true", help="as small as can be: runs it, measures nothing"
    )


def _add_library(commands: Any) -> None:
    library = commands.add_parser("library", help="find, trace, export and delete what was made")
    verbs = library.add_subparsers(title="verbs", metavar="VERB", required=True)
    listing = add_command(verbs, "list", "library.list_riffs", "the newest riffs")
    search = add_command(verbs, "search", "library.list_riffs", "riffs by words of their prompts")
    search.add_argument("words", metavar="WORD", nargs="+", help="the last may be unfinished")
    listing.set_defaults(words=None)
    for parser in (listing, search):
        parser.add_argument(
            "--limit", type=parse_integer, default=25, help="how many (default: 25)"
        )
    for name, run, summary in (
        ("show", "library.show", "everything about a riff"),
        ("lineage", "library.lineage", "its family tree"),
        ("export", "library.export", "write it as a file"),
        ("delete", "library.delete", "forget it; what was made from it stays"),
    ):
        parser = add_command(verbs, name, run, summary)
        parser.add_argument("riff", metavar="ID", help="the riff's id")
        if name == "export":
            parser.add_argument("out", metavar="OUT", type=Path, help=".mp4, .mp3, .wav, .zip, …")
            add_overwrite(parser)
        if name == "lineage":
            parser.add_argument("--out", metavar="OUT.png", type=Path, help="draw it, too")
            add_overwrite(parser)


def _add_privacy(commands: Any) -> None:
    privacy = commands.add_parser(
        "privacy", help="what is known about a member: take it, delete it"
    )
    verbs = privacy.add_subparsers(title="verbs", metavar="VERB", required=True)
    export = add_command(verbs, "export", "privacy.export", "everything about a member, as a ZIP")
    export.add_argument("out", metavar="OUT.zip", type=Path, help="where to write it")
    add_overwrite(export)
    delete = add_command(verbs, "delete", "privacy.delete", "forget everything about a member")
    delete.add_argument("--yes", action="store_true", help="there is no way back")
    export.add_argument(
        "--member",
        metavar="ID",
        type=parse_member_id,
        default=0,
        help="Discord's id of the member (default: whoever makes clips at this machine)",
    )
    delete.add_argument(
        "--member",
        metavar="ID",
        type=parse_member_id,
        required=True,
        help="Discord's id of the member; 0 is everybody who makes clips at this machine or on its "
        "page. Stop RiffBot first",
    )
