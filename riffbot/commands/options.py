"""What can be typed after `riffbot`: the commands, their options and their help.

A parser here only reads; ranges are checked where the values live (`riffbot.request`), so that
the command line, Discord and the page refuse the same things with the same words.
"""

from __future__ import annotations

import argparse
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from riffbot.errors import BadRequest

PROMPT_HELP = (
    "what to hear; (word:1.3) makes a word count more, (word) a little more, [word] a little less"
)


class Options(argparse.Namespace):
    """The parsed options; `run` names the function that serves them (`clips.riff`)."""

    run: str
    json: bool = False
    overwrite: bool = False
    debug: bool = False

    def __getattr__(self, name: str) -> Any:  # argparse's own attributes are dynamic
        raise AttributeError(name)


class Parser(argparse.ArgumentParser):
    """argparse that complains in one sentence and takes no abbreviated options."""

    def __init__(self, **settings: Any) -> None:
        # `--den` would start to mean something else the day another option begins so.
        super().__init__(**{"allow_abbrev": False, **settings})

    def _print_message(self, message: str, file: Any = None) -> None:
        """As argparse does it, but a full disk is an error: `--help > file` must not say 0."""
        if message:
            (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """Raise BadRequest instead of printing the usage and leaving."""
        what = message.removeprefix("argument ")
        raise BadRequest(f"{what} (see `{self.prog} --help`)")


def parse_integer(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"this needs a whole number, not {text!r}") from None


def parse_member_id(text: str) -> int:
    """A member's id, which has 63 bits in Discord and in databases."""
    if not 0 <= (found := parse_integer(text)) < 2**63:
        raise argparse.ArgumentTypeError(f"this needs Discord's id of a member, not {text[:30]!r}")
    return found


def parse_number(text: str) -> float:
    """A number; not-a-number and infinity are refused by whoever uses it."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"this needs a number, not {text!r}") from None


def build_parser() -> Parser:
    """The whole command line."""
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
    _common(parser, top=True)
    parser.set_defaults(run="start.start")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    _making(commands)
    _converting(commands)
    _looking_after(commands)
    return parser


def _making(commands: Any) -> None:
    riff = _add(commands, "riff", "clips.riff", "make clips from a prompt")
    _prompt_or_file(
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
    _mask(riff)
    _recipe(riff)
    _size(riff)

    remix = _add(commands, "remix", "clips.remix", "change a clip towards a prompt")
    _source(remix)
    remix.add_argument("prompt", metavar="PROMPT", help=PROMPT_HELP)
    _mask(remix)
    _recipe(remix)

    inpaint = _add(commands, "inpaint", "clips.inpaint", "repaint a stretch of a clip")
    _source(inpaint)
    inpaint.add_argument("prompt", metavar="PROMPT", help=PROMPT_HELP)
    inpaint.add_argument(
        "--from", dest="begin", metavar="S", type=parse_number, help="second it begins"
    )
    inpaint.add_argument("--to", dest="end", metavar="S", type=parse_number, help="second it ends")
    inpaint.add_argument(
        "--where", default="", metavar="WORDS", help="“bar 2”, “beats 5-8”, “second half”, …"
    )
    _mask(inpaint)
    inpaint.add_argument("--low", metavar="HZ", type=parse_number, help="lowest pitch (default: 0)")
    inpaint.add_argument(
        "--high", metavar="HZ", type=parse_number, help="highest pitch (default: 10000)"
    )
    _recipe(inpaint, denoising=1.0)

    extend = _add(commands, "extend", "clips.extend", "let a clip go on by whole measures")
    _source(extend, seconds=False)
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
    _recipe(extend)

    morph = _add(commands, "morph", "clips.morph", "walk from one prompt or clip to another")
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
    _recipe(morph, count=False)
    _size(morph)

    layer = _add(commands, "layer", "clips.layer", "mix two clips of one tempo")
    layer.add_argument("source", metavar="FILE|ID", help="the clip that sets the tempo")
    layer.add_argument("other", metavar="FILE|ID", help="the clip that goes with it")
    layer.add_argument(
        "--gain", metavar="DB", type=parse_number, default=0.0, help="level of the second"
    )
    _written(layer)

    draw = _add(commands, "draw", "clips.draw", "hear any picture")
    draw.add_argument(
        "source", metavar="PICTURE", help="PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
    )
    draw.add_argument("prompt", metavar="PROMPT", nargs="?", help="paint over it towards this")
    draw.add_argument(
        "--seconds", metavar="S", type=parse_number, help="its length (default: its shape)"
    )
    _recipe(draw)

    _jamming(commands)


def _jamming(commands: Any) -> None:
    jam = _add(commands, "jam", "jam.jam", "play on and on, one beat through every change")
    _prompt_or_file(jam, "make again the stretch that a kept riff's .mp3 or .png holds")
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
    _recipe(jam, count=False, out=False)
    _overwriting(jam)


def _converting(commands: Any) -> None:
    sound = _add(commands, "image-to-audio", "convert.image_to_audio", "hear a spectrogram")
    sound.add_argument("image", metavar="IN.png", type=Path)
    sound.add_argument("audio", metavar="OUT.{wav,mp3,flac,ogg}", type=Path)
    sound.add_argument("--loop", action="store_true", help="let the end flow into the beginning")
    _overwriting(sound)
    image = _add(commands, "audio-to-image", "convert.audio_to_image", "see a sound")
    image.add_argument("audio", metavar="IN", type=Path, help="MP3, WAV, FLAC, OGG, …")
    image.add_argument("image", metavar="OUT.png", type=Path)
    image.add_argument("--loop", action="store_true", help="the sound is a loop")
    _overwriting(image)


def _looking_after(commands: Any) -> None:
    _add(commands, "seed-images", "info.seed_images", "list the seed images")
    doctor = _add(commands, "doctor", "info.doctor", "check what must be right, with remedies")
    doctor.add_argument("--speed", action="store_true", help="also time one clip")
    doctor.add_argument("--model", metavar="DIR|ID", help="the model to look at")
    bench = _add(commands, "bench", "info.bench", "how fast and how good, beside what others use")
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
    _library(commands)
    _privacy(commands)
    database = _add(commands, "db", "info.database", "look after the library's database")
    database.add_argument("action", choices=["upgrade"], help="bring its tables up to date")


def _library(commands: Any) -> None:
    library = commands.add_parser("library", help="find, trace, export and delete what was made")
    verbs = library.add_subparsers(title="verbs", metavar="VERB", required=True)
    listing = _add(verbs, "list", "library.list_riffs", "the newest riffs")
    search = _add(verbs, "search", "library.list_riffs", "riffs by words of their prompts")
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
        parser = _add(verbs, name, run, summary)
        parser.add_argument("riff", metavar="ID", help="the riff's id")
        if name == "export":
            parser.add_argument("out", metavar="OUT", type=Path, help=".mp4, .mp3, .wav, .zip, …")
            _overwriting(parser)
        if name == "lineage":
            parser.add_argument("--out", metavar="OUT.png", type=Path, help="draw it, too")
            _overwriting(parser)


def _privacy(commands: Any) -> None:
    privacy = commands.add_parser(
        "privacy", help="what is known about a member: take it, delete it"
    )
    verbs = privacy.add_subparsers(title="verbs", metavar="VERB", required=True)
    export = _add(verbs, "export", "privacy.export", "everything about a member, as a ZIP")
    export.add_argument("out", metavar="OUT.zip", type=Path, help="where to write it")
    _overwriting(export)
    delete = _add(verbs, "delete", "privacy.delete", "forget everything about a member")
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


def _add(commands: Any, name: str, run: str, summary: str) -> Parser:
    parser: Parser = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
    parser.set_defaults(run=run)
    _common(parser)
    return parser


def _common(parser: Parser, *, top: bool = False) -> None:
    # SUPPRESS keeps a command's own default from undoing `riffbot --debug riff …`.
    default: Any = False if top else argparse.SUPPRESS
    parser.add_argument(
        "--json", action="store_true", default=default, help="answer in JSON on stdout"
    )
    parser.add_argument(
        "--debug", action="store_true", default=default, help="show the traceback of an error"
    )


def _source(parser: Parser, *, seconds: bool = True) -> None:
    parser.add_argument(
        "source", metavar="FILE|ID", help="PNG, MP3, WAV, FLAC or OGG, or a clip of the library"
    )
    parser.add_argument(
        "--start",
        metavar="S",
        type=parse_number,
        default=0.0,
        help="of a sound: begin at this second",
    )
    if seconds:
        parser.add_argument(
            "--seconds",
            metavar="S",
            type=parse_number,
            help="of a sound: take so much (at most 20.48)",
        )
    parser.add_argument(
        "--loop", action="store_true", help="of a sound: cut a loop of whole beats out of it"
    )


def _prompt_or_file(parser: Parser, again: str) -> None:
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help=PROMPT_HELP)
    parser.add_argument("--from", dest="recipe", metavar="FILE", type=Path, help=again)


def _mask(parser: Parser) -> None:
    parser.add_argument("--mask", metavar="NAME|FILE", help="repaint only where this is white")


def _recipe(
    parser: Parser, *, count: bool = True, denoising: float = 0.75, out: bool = True
) -> None:
    parser.add_argument("--negative", metavar="TEXT", help="what not to hear")
    parser.add_argument("--seed", type=parse_integer, help="0 … 4294967295 (default: a random one)")
    parser.add_argument(
        "--denoising",
        type=parse_number,
        help=f"0 returns the seed image, 1 forgets it (default: {denoising:g})",
    )
    parser.set_defaults(usual_denoising=denoising)
    parser.add_argument(
        "--guidance", type=parse_number, help="how strictly to follow the prompt, 1 … 30"
    )
    parser.add_argument("--steps", type=parse_integer, help="denoising steps, 1 … 200")
    parser.add_argument(
        "--scheduler",
        help="flow for the embedded model; for v1 checkpoints ddim, dpm++ (or dpm), lcm, pndm, "
        "euler, euler_a or lms",
    )
    if count:
        parser.add_argument(
            "--count",
            type=parse_integer,
            default=1,
            help="how many takes: seeds S, S+1, … (default: 1)",
        )
    if out:
        _written(parser)
    else:
        _other_model(parser)


def _written(parser: Parser) -> None:
    parser.add_argument(
        "--out", metavar="DIR", type=Path, default=Path(), help="where to write (default: here)"
    )
    _overwriting(parser)
    _other_model(parser)


def _overwriting(parser: Parser) -> None:
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files that are there already"
    )


def _other_model(parser: Parser) -> None:
    parser.add_argument("--model", metavar="DIR|ID", help="another model for this once")


def _size(parser: Parser) -> None:
    parser.add_argument("--width", type=parse_integer, help="columns of 10 ms, 64 … 2048")
    parser.add_argument("--bpm", type=parse_number, help="tempo, 40 … 240; decides the width")
