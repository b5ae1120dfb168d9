"""Messages that the bot writes in channels with its own token, and the CDN they are served from."""

from __future__ import annotations

from aiohttp import web

from tests.support.loopback import posting
from tests.support.loopback.errors import (
    ApiError,
    Form,
    Json,
    LoopbackFailure,
    not_yours,
    unknown_message,
)
from tests.support.loopback.messages import Message
from tests.support.loopback.rest.router import Route
from tests.support.loopback.state import State
from tests.support.loopback.uploads import read_body
from tests.support.loopback.world import Channel, VoiceChannel


class ChannelRoutes:
    """Routes under /channels, and direct conversations."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """The table."""
        messages = "/channels/{channel_id}/messages"
        one = messages + "/{message_id}"
        return [
            Route("get_channel", "GET", "/channels/{channel_id}", self.get),
            Route("voice_status", "PUT", "/channels/{channel_id}/voice-status", self.status),
            Route("create_dm", "POST", "/users/@me/channels", self.open_direct),
            Route("send_message", "POST", messages, self.send, bucket="send_message"),
            Route("edit_message", "PATCH", one, self.edit, bucket="edit_message"),
            Route("delete_message", "DELETE", one, self.delete, bucket="delete_message"),
        ]

    async def get(self, request: web.Request) -> Json:
        """GET a channel."""
        channel = self._channel(request)
        channel.require(view_channel=True)
        return channel.payload()

    async def status(self, request: web.Request) -> None:
        """PUT the line under a voice channel's name."""
        channel = self._channel(request)
        if not isinstance(channel, VoiceChannel):
            raise ApiError(400, 50024, "Cannot execute action on this channel type", breach=True)
        channel.require(view_channel=True, set_voice_channel_status=True)
        status = (await read_body(request)).data["status"]
        form = Form()
        form.length("status", status, 0, 500)
        form.check()
        channel.status = status
        channel.statuses.append(status)
        self._state.pulse.beat()

    async def open_direct(self, request: web.Request) -> Json:
        """POST: the direct conversation with a user."""
        recipient = int((await read_body(request)).data["recipient_id"])
        return self._state.direct_channel(self._state.users[recipient]).payload()

    async def send(self, request: web.Request) -> Json:
        """POST a message."""
        body = await read_body(request)
        channel = self._channel(request)
        channel.require(view_channel=True, send_messages=True)
        if body.files:
            channel.require(attach_files=True)
        return posting.post(self._state, channel, body).payload()

    async def edit(self, request: web.Request) -> Json:
        """PATCH one of the bot's messages."""
        body = await read_body(request)
        message = self._message(request)
        if message.author is not self._state.bot:
            raise not_yours()
        if body.files:
            message.channel.require(attach_files=True)
        posting.write(self._state, message, body)
        return message.payload()

    async def delete(self, request: web.Request) -> None:
        """DELETE a message; those of others need a permission that the bot does not ask for."""
        message = self._message(request)
        if message.author is not self._state.bot:
            message.channel.require(manage_messages=True)
        posting.delete(message)

    def _channel(self, request: web.Request) -> Channel:
        return self._state.channel(int(request.match_info["channel_id"]))

    def _message(self, request: web.Request) -> Message:
        channel = self._channel(request)
        channel.require(view_channel=True)
        message = self._state.messages.get(int(request.match_info["message_id"]))
        if message is None or message.deleted or message.channel is not channel:
            raise unknown_message()
        if message.is_ephemeral:
            raise unknown_message()
        return message


def mount_cdn(app: web.Application, state: State) -> None:
    """Serve uploaded files at the addresses that their messages name, until those expire."""

    async def serve(request: web.Request) -> web.Response:
        file = state.files.get(int(request.match_info["file_id"]))
        if file is None or file.filename != request.match_info["name"]:
            state.fail(LoopbackFailure(f"no file is served at {request.path}"))
            return web.Response(status=404)
        if int(request.query.get("ex", "0"), 16) < state.clock.now():
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=file.content, content_type=file.payload()["content_type"])

    app.router.add_get("/attachments/{channel_id}/{file_id}/{name}", serve)
