"""Making, editing and deleting messages out of request bodies, with all of Discord's rules."""

from __future__ import annotations

import re

from tests.support.loopback import forms
from tests.support.loopback.errors import ApiError, Json, too_large, unknown_message
from tests.support.loopback.interactions import Interaction
from tests.support.loopback.messages import (
    COMPONENTS_V2,
    EPHEMERAL,
    LOADING,
    Attachment,
    Message,
    mentions,
)
from tests.support.loopback.state import State
from tests.support.loopback.uploads import Body, Upload
from tests.support.loopback.world import Channel

UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
SUPPRESS, SILENT, VOICE = 1 << 2, 1 << 12, 1 << 13
ON_CREATE = SUPPRESS | SILENT | COMPONENTS_V2
ON_EDIT = SUPPRESS | COMPONENTS_V2


def post(
    state: State, channel: Channel, body: Body, *, interaction: Interaction | None = None
) -> Message:
    """A new message of the bot.

    Raises:
        ApiError: as Discord refuses it.
    """
    message = Message(state.ids.mint(), channel, state.bot)
    if interaction is not None:
        message.interaction = interaction.mark(state.application_id)
    write(state, message, body, new=True)
    if message.is_ephemeral and interaction is not None:
        message.audience = interaction.user
    reference = body.data.get("message_reference")
    if reference is not None:
        _check_reference(state, channel, reference)
        message.reference = reference
    message.pings = mentions(message.content, body.data.get("allowed_mentions"), state.users)
    place(state, message)
    return message


def place(state: State, message: Message) -> None:
    """Show a message in its channel (an ephemeral one only to its audience)."""
    state.messages[message.id] = message
    if not message.is_ephemeral:
        message.channel.messages.append(message)
        message.channel.pulse.beat()


def write(state: State, message: Message, body: Body, *, new: bool = False) -> None:
    """Apply a request body to a message, all of it or nothing.

    Raises:
        ApiError: as Discord refuses it.
    """
    data: Json = body.data or {}
    forms.check_keys(data)
    forms.check_body(data, len(body.files))
    if any(len(upload.content) > message.channel.file_limit for upload in body.files.values()):
        raise too_large()
    attachments = _attachments(state, message, data, body.files)
    draft = forms.Draft(
        content=(data["content"] or "") if "content" in data else message.content,
        embeds=(data["embeds"] or []) if "embeds" in data else message.embeds,
        components=(data["components"] or []) if "components" in data else message.components,
        filenames=[attachment.filename for attachment in attachments],
        flags=_flags(message, int(data.get("flags") or 0), new=new),
    )
    forms.check_draft(draft)
    message.content, message.embeds = draft.content, draft.embeds
    message.components, message.attachments = draft.components, attachments
    message.flags = draft.flags & ~LOADING
    state.files.update({attachment.id: attachment for attachment in attachments})
    if not new:
        message.edited_at.append(state.clock.now())
        message.channel.pulse.beat()


def delete(message: Message) -> None:
    """Take a message away.

    Raises:
        ApiError: it is gone already.
    """
    if message.deleted:
        raise unknown_message()
    message.deleted = True
    if message in message.channel.messages:
        message.channel.messages.remove(message)
    message.channel.pulse.beat()


def _flags(message: Message, given: int, *, new: bool) -> int:
    allowed = ON_CREATE if new else ON_EDIT
    if new and message.interaction is not None:
        allowed |= EPHEMERAL
    if given & ~allowed:
        raise ApiError(400, 50035, f"flags {given} not allowed here", breach=True)
    return message.flags | given


def _attachments(
    state: State, message: Message, data: Json, files: dict[int, Upload]
) -> list[Attachment]:
    listed = data.get("attachments")
    described: Json = {str(entry["id"]): entry for entry in listed or []}
    kept = [a for a in message.attachments if listed is None or str(a.id) in described]
    for attachment in kept:
        entry = described.get(str(attachment.id), {})
        attachment.description = entry.get("description", attachment.description)
    return kept + [
        _attachment(state, message, upload, described.get(str(number), {}))
        for number, upload in sorted(files.items())
    ]


def _attachment(state: State, message: Message, upload: Upload, entry: Json) -> Attachment:
    number = state.ids.mint()
    name = UNSAFE.sub("_", entry.get("filename") or upload.filename)
    expires = int(state.clock.now()) + 24 * 3600
    url = f"{state.base_url}/attachments/{message.channel.id}/{number}/{name}?ex={expires:x}"
    description = entry.get("description")
    return Attachment(number, name, upload.content, url, description, message.is_ephemeral)


def _check_reference(state: State, channel: Channel, reference: Json) -> None:
    target = state.messages.get(int(reference["message_id"]))
    here = target is not None and not target.deleted and target.channel is channel
    if not here and reference.get("fail_if_not_exists", True):
        raise ApiError(400, 50035, "MESSAGE_REFERENCE_UNKNOWN_MESSAGE: Unknown message")
