"""Chooses the attachment of a message to start from, by name and content type.

Discord sends a content type, or only a name, or neither, and both may be wrong. Nothing is refused
here that might be a sound or a picture: its bytes decide later, as they do for the `upload` option
of a command.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from pathlib import PurePosixPath

import discord

from riffbot.errors import BadRequest


def _suffixes(names: str) -> frozenset[str]:
    return frozenset(names.split())


SOUND_SUFFIXES = _suffixes(
    "mp3 mp2 wav wave w64 rf64 flac ogg oga opus m4a m4b aac ac3 eac3 aif aiff aifc caf au snd mka "
    "wma ape wv tta amr 3ga spx voc sph"
)
VIDEO_SUFFIXES = _suffixes("mp4 m4v mov webm mkv avi 3gp ogv")
PICTURE_SUFFIXES = _suffixes("png jpg jpeg jfif webp gif bmp tif tiff pgm ppm heic heif avif")
OTHER_SUFFIXES = _suffixes(
    "txt md pdf html htm css js py csv xml yml yaml toml log json svg zip rar 7z gz tar exe dll "
    "apk doc docx xls xlsx ppt pptx"
)
"""Suffixes of what is certainly neither a sound nor a picture; unknown ones may be either."""


class AttachmentKind(IntEnum):
    """What an attachment is taken for, in order of preference as a source."""

    SOUND = 0
    VIDEO = 1
    PICTURE = 2
    UNKNOWN = 3
    NEITHER = 4


def classify(attachment: discord.Attachment) -> AttachmentKind:
    """Classify an attachment by its suffix or, where that is unknown, by its content type."""
    suffix = PurePosixPath(attachment.filename).suffix.lower().removeprefix(".")
    for known, kind in (
        (SOUND_SUFFIXES, AttachmentKind.SOUND),
        (VIDEO_SUFFIXES, AttachmentKind.VIDEO),
        (PICTURE_SUFFIXES, AttachmentKind.PICTURE),
    ):
        if suffix in known:
            return kind
    # A content type may have parameters: `audio/ogg; codecs=opus`.
    main_type = (attachment.content_type or "").partition("/")[0].strip().lower()
    by_type = {
        "audio": AttachmentKind.SOUND,
        "video": AttachmentKind.VIDEO,
        "image": AttachmentKind.PICTURE,
    }
    if main_type in by_type and suffix != "svg":  # vector graphics, which is text
        return by_type[main_type]
    return (
        AttachmentKind.NEITHER
        if suffix in OTHER_SUFFIXES or main_type in ("text", "font")
        else AttachmentKind.UNKNOWN
    )


def choose_attachment(message: discord.Message) -> discord.Attachment:
    """Choose the attachment of a message, or of one that it forwards, to start from.

    Sounds before videos, videos before pictures, and those before unknown files.

    Raises:
        BadRequest: there is none.
    """
    found = sorted(iter_attachments(message), key=classify)  # a stable sort
    if not found or classify(found[0]) is AttachmentKind.NEITHER:
        raise BadRequest("There is no sound and no picture in that message that I could remix.")
    return found[0]


def iter_attachments(message: discord.Message) -> Iterator[discord.Attachment]:
    """The attachments of a message, then those of the messages that it forwards."""
    yield from message.attachments
    for snapshot in message.message_snapshots:
        yield from snapshot.attachments
