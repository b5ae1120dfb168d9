"""Which attachment of a message one can start from.

Discord tells an attachment's type, or only its name, or neither; all three may be wrong. Nothing is
refused here that might be a sound or a picture: in the end its bytes decide, as they do for the
`upload` option of a command.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from pathlib import PurePosixPath

import discord

from riffbot.errors import BadRequest


def _suffixes(names: str) -> frozenset[str]:
    return frozenset(names.split())


SOUNDS = _suffixes(
    "mp3 mp2 wav wave w64 rf64 flac ogg oga opus m4a m4b aac ac3 eac3 aif aiff aifc caf au snd mka "
    "wma ape wv tta amr 3ga spx voc sph"
)
VIDEOS = _suffixes("mp4 m4v mov webm mkv avi 3gp ogv")
PICTURES = _suffixes("png jpg jpeg jfif webp gif bmp tif tiff pgm ppm heic heif avif")
OTHERS = _suffixes(
    "txt md pdf html htm css js py csv xml yml yaml toml log json svg zip rar 7z gz tar exe dll "
    "apk doc docx xls xlsx ppt pptx"
)
"""Names of what is surely neither; whatever else there is may be one."""


class AttachmentKind(IntEnum):
    """What an attachment is taken for, the best to start from first."""

    SOUND = 0
    VIDEO = 1
    PICTURE = 2
    UNKNOWN = 3
    NEITHER = 4


def classify(attachment: discord.Attachment) -> AttachmentKind:
    """What type and name of an attachment make of it; the name decides where it is a known one."""
    suffix = PurePosixPath(attachment.filename).suffix.lower().removeprefix(".")
    for known, kind in (
        (SOUNDS, AttachmentKind.SOUND),
        (VIDEOS, AttachmentKind.VIDEO),
        (PICTURES, AttachmentKind.PICTURE),
    ):
        if suffix in known:
            return kind
    # `audio/ogg; codecs=opus` is a type, too.
    told = (attachment.content_type or "").partition("/")[0].strip().lower()
    by_type = {
        "audio": AttachmentKind.SOUND,
        "video": AttachmentKind.VIDEO,
        "image": AttachmentKind.PICTURE,
    }
    if told in by_type and suffix != "svg":  # which is a text, whatever its type
        return by_type[told]
    return (
        AttachmentKind.NEITHER
        if suffix in OTHERS or told in ("text", "font")
        else AttachmentKind.UNKNOWN
    )


def choose_attachment(message: discord.Message) -> discord.Attachment:
    """The attachment of a message, or of what it forwards, that one can start from.

    A sound before a film, a film before a picture, and any of them before what cannot be told.

    Raises:
        BadRequest: there is none.
    """
    found = sorted(
        iter_attachments(message), key=classify
    )  # stable: the first of a kind comes first
    if not found or classify(found[0]) is AttachmentKind.NEITHER:
        raise BadRequest("There is no sound and no picture in that message that I could remix.")
    return found[0]


def iter_attachments(message: discord.Message) -> Iterator[discord.Attachment]:
    """What a message carries, then what is in the messages that it forwards."""
    yield from message.attachments
    for snapshot in message.message_snapshots:
        yield from snapshot.attachments
