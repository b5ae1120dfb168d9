"""The command line: every command with its options and help.

The parsers only read; ranges are checked where the values are defined (`riffbot.request`), so that
the command line, Discord and the page refuse the same values with the same sentences.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from riffbot.commands.arguments import (
    Parser,
    Subparsers,
    add_command,
    add_common_options,
    add_overwrite,
    parse_integer,
    parse_member_id,
)
from riffbot.commands.clip_parsers import add_clip_commands


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
    add_clip_commands(commands)
    _add_converters(commands)
    _add_maintenance_commands(commands)
    return parser


def _add_converters(commands: Subparsers) -> None:
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


def _add_maintenance_commands(commands: Subparsers) -> None:
    add_command(commands, "seed-images", "info.seed_images", "list the seed images")
    _add_doctor(commands)
    health = add_command(
        commands,
        "health",
        "health.health",
        "whether the RiffBot that runs is well",
    )
    health.add_argument(
        "--live", action="store_true", help="only whether a restart might help; a full disk is well"
    )
    _add_bench(commands)
    _add_library(commands)
    _add_privacy(commands)
    _add_admin(commands)
    _add_backups(commands)
    database = add_command(commands, "db", "info.database", "look after the library's database")
    database.add_argument("action", choices=["upgrade"], help="bring its tables up to date")


def _add_admin(commands: Subparsers) -> None:
    admin = commands.add_parser(
        "admin", help="block members and servers, drain, announce, read the audit log"
    )
    verbs = admin.add_subparsers(title="verbs", metavar="VERB", required=True)
    add_command(verbs, "status", "admin.status", "what is blocked, draining, announced, under way")
    block = add_command(verbs, "block", "admin.block", "do not serve a member or a server")
    unblock = add_command(verbs, "unblock", "admin.unblock", "serve it again")
    for parser in (block, unblock):
        parser.add_argument("kind", choices=["member", "server"], help="what to block")
        parser.add_argument(
            "target_id", metavar="ID", type=parse_member_id, help="Discord's id of it"
        )
    block.add_argument("--reason", default="", help="for yourself; nobody else reads it")
    drain = add_command(verbs, "drain", "admin.drain", "before a restart: take nothing new")
    drain.add_argument("state", choices=["on", "off"], help="off takes new riffs again")
    announce = add_command(
        verbs, "announce", "admin.announce", "tell members something, where jams and riffs are"
    )
    announce.add_argument("sentence", help='one sentence; "" withdraws it')
    log = add_command(verbs, "log", "admin.log", "who made, deleted, blocked and changed what")
    log.add_argument("--limit", type=parse_integer, default=50, help="how many (default: 50)")
    log.add_argument(
        "--server", dest="server_id", metavar="ID", type=parse_member_id, help="of a server"
    )
    log.add_argument(
        "--member", dest="member_id", metavar="ID", type=parse_member_id, help="of a member"
    )


def _add_backups(commands: Subparsers) -> None:
    backup = add_command(
        commands, "backup", "backups.backup", "save the whole library, while RiffBot runs"
    )
    backup.add_argument(
        "out", metavar="OUT.zip|DIR", type=Path, help="a file, or a folder for one with the time"
    )
    add_overwrite(backup)
    backup.add_argument(
        "--with-secrets",
        action="store_true",
        help="the settings too, with the bot's token, and the tokens of answers under way",
    )
    restore = add_command(
        commands, "restore", "backups.restore", "put a backup into the data folder and database"
    )
    restore.add_argument("backup", metavar="FILE.zip", type=Path, help="what riffbot backup wrote")
    restore.add_argument(
        "--check", action="store_true", help="only look whether it is whole; restore nothing"
    )
    add_overwrite(restore)
    restore.add_argument(
        "--with-secrets", action="store_true", help="write the settings that are in it to .env, too"
    )


def _add_doctor(commands: Subparsers) -> None:
    doctor = add_command(
        commands, "doctor", "info.doctor", "check what must be right, with remedies"
    )
    doctor.add_argument("--speed", action="store_true", help="also time one clip")
    doctor.add_argument(
        "--deep",
        action="store_true",
        help="look at the library instead: every row, every file and its hash",
    )
    doctor.add_argument(
        "--repair",
        action="store_true",
        help="with --deep: mend what can be mended. Stop RiffBot first",
    )
    doctor.add_argument("--model", metavar="DIR|ID", help="the model to look at")


def _add_bench(commands: Subparsers) -> None:
    bench = add_command(
        commands, "bench", "info.bench", "how fast and how good, beside what others use"
    )
    bench.add_argument(
        "benchmarks",
        metavar="codec|engine|model|jam|voice|remix|library|page|gpu",
        nargs="*",
        help="which to run (default: all of them)",
    )
    bench.add_argument("--clips", type=parse_integer, default=3, help="repetitions (default: 3)")
    bench.add_argument("--model", metavar="DIR|ID", help="the model to time")
    bench.add_argument(
        "--quick",
        "--tiny",
        action="store_true",
        help="as small as can be: runs it, measures nothing",
    )


def _add_library(commands: Subparsers) -> None:
    library = commands.add_parser("library", help="find, trace, export and delete what was made")
    verbs = library.add_subparsers(title="verbs", metavar="VERB", required=True)
    listing = add_command(verbs, "list", "library.list_riffs", "the newest riffs")
    search = add_command(verbs, "search", "library.search_riffs", "riffs by words of their prompts")
    search.add_argument("words", metavar="WORD", nargs="+", help="the last may be unfinished")
    for parser in (listing, search):
        parser.add_argument(
            "--limit", type=parse_integer, default=25, help="how many (default: 25)"
        )
    show = add_command(verbs, "show", "library.show", "everything about a riff")
    lineage = add_command(verbs, "lineage", "library.lineage", "its family tree")
    export = add_command(verbs, "export", "library.export", "write it as a file")
    delete = add_command(
        verbs, "delete", "library.delete", "forget it; what was made from it stays"
    )
    for parser in (show, lineage, export, delete):
        parser.add_argument("riff_id", metavar="ID", help="the riff's id")
    lineage.add_argument("--out", metavar="OUT.png", type=Path, help="draw it, too")
    add_overwrite(lineage)
    export.add_argument("out", metavar="OUT", type=Path, help=".mp4, .mp3, .wav, .zip, …")
    add_overwrite(export)


def _add_privacy(commands: Subparsers) -> None:
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
        dest="member_id",
        metavar="ID",
        type=parse_member_id,
        default=0,
        help="Discord's id of the member (default: whoever makes clips at this machine)",
    )
    delete.add_argument(
        "--member",
        dest="member_id",
        metavar="ID",
        type=parse_member_id,
        required=True,
        help="Discord's id of the member; 0 is everybody who makes clips at this machine or on its "
        "page. Stop RiffBot first",
    )
