"""Which attachments one can start from: by type, by name, by neither, and in what is forwarded."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cogs.common.attachments import AttachmentKind, choose_attachment, classify
from riffbot.errors import BadRequest
from riffbot.settings import Settings
from tests.cogs.edit.test_remix import beat_wav
from tests.support.simulated_discord import open_room


def attachment(name: str, type_: str | None = None) -> Any:
    return SimpleNamespace(filename=name, content_type=type_)


def message(*attached: Any, forwarded: tuple[Any, ...] = ()) -> Any:
    snapshots = [SimpleNamespace(attachments=list(forwarded))] if forwarded else []
    return SimpleNamespace(attachments=list(attached), message_snapshots=snapshots)


@pytest.mark.parametrize(
    ("name", "type_", "kind"),
    [
        ("a.WEBM", None, AttachmentKind.VIDEO),
        ("a.mov", "video/quicktime", AttachmentKind.VIDEO),
        ("a.caf", None, AttachmentKind.SOUND),
        ("a.mka", "application/octet-stream", AttachmentKind.SOUND),
        ("a.w64", None, AttachmentKind.SOUND),
        ("a.wave", None, AttachmentKind.SOUND),
        ("voice-message", "audio/ogg; codecs=opus", AttachmentKind.SOUND),
        ("recording", None, AttachmentKind.UNKNOWN),
        ("", None, AttachmentKind.UNKNOWN),
        ("a.xyz", "application/octet-stream", AttachmentKind.UNKNOWN),
        ("a.xyz", "audio/x-unheard-of", AttachmentKind.SOUND),
        ("a.heic", "image/heic", AttachmentKind.PICTURE),
        ("notes.txt", "text/plain; charset=utf-8", AttachmentKind.NEITHER),
        ("paper.pdf", "application/pdf", AttachmentKind.NEITHER),
        ("logo.svg", "image/svg+xml", AttachmentKind.NEITHER),
    ],
)
def test_what_an_attachment_is_taken_for(
    name: str, type_: str | None, kind: AttachmentKind
) -> None:
    assert classify(attachment(name, type_)) is kind


def test_sounds_come_before_pictures_and_both_before_what_cannot_be_told() -> None:
    picture, sound, film, unknown, text = (
        attachment("a.png", "image/png"),
        attachment("b", "audio/mpeg"),
        attachment("c.mov"),
        attachment("d"),
        attachment("e.txt", "text/plain"),
    )
    assert choose_attachment(message(text, unknown, picture, film, sound)) is sound
    assert choose_attachment(message(text, unknown, picture, film)) is film
    assert choose_attachment(message(text, unknown, picture)) is picture
    assert choose_attachment(message(text, unknown)) is unknown
    assert choose_attachment(message(text, forwarded=(picture,))) is picture
    for none in (message(), message(text), message(forwarded=(text,))):
        with pytest.raises(BadRequest, match="no sound and no picture"):
            choose_attachment(none)


async def test_a_forwarded_sound_can_be_remixed(settings: Settings) -> None:
    async with open_room(settings) as room:
        other = room.guild.create_text_channel("elsewhere")
        sent = await room.ben.send(other, "listen", attachments=[("drums.wav", beat_wav())])
        forwarded = await room.mia.forward(sent, room.channel)
        assert not forwarded.attachments
        shown = await room.ada.context_menu(room.channel, "Remix this riff", forwarded)
        result = await room.ada.submit_modal(shown, {"prompt": "marimba", "denoising": "0.5"})
        assert "beats at" in result.response.content
        child, upload = await room.services.library.riffs.recent()
        assert (child.kind, upload.kind, child.parent_id) == ("remix", "upload", upload.id)


async def test_a_sound_without_a_name_or_type_is_judged_by_its_bytes(settings: Settings) -> None:
    async with open_room(settings) as room:
        for name, data, word in (
            ("recording", beat_wav(), "beats at"),
            ("take.w64", beat_wav(), "beats at"),
            ("recording", b"no sound at all" * 100, "“recording”"),
        ):
            sent = await room.ben.send(room.channel, "", attachments=[(name, data)])
            shown = await room.ada.context_menu(room.channel, "Remix this riff", sent)
            result = await room.ada.submit_modal(shown, {"prompt": "bells", "denoising": "0.5"})
            said = result.response or result.followups[0]
            assert word in said.content
