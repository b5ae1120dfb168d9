"""Everything after the first answer: `@original`, follow-ups, and the token's fifteen minutes."""

from __future__ import annotations

from aiohttp import web

from tests.support.loopback import posting
from tests.support.loopback.errors import Json, token_expired, unknown_message, unknown_webhook
from tests.support.loopback.interactions import Interaction
from tests.support.loopback.messages import EPHEMERAL, Message
from tests.support.loopback.ratelimits import WEBHOOK
from tests.support.loopback.rest.router import Handler, Route
from tests.support.loopback.state import State
from tests.support.loopback.uploads import Body, read_body


class WebhookRoutes:
    """Routes under /webhooks/{application}/{token}: no bot token, all in one bucket a token."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """The table."""
        hook = "/webhooks/{application_id}/{token}"
        original, one = f"{hook}/messages/@original", hook + r"/messages/{message_id:\d+}"

        def route(name: str, method: str, path: str, handle: Handler) -> Route:
            return Route(name, method, path, handle, bucket=WEBHOOK, needs_token=False)

        return [
            route("followup", "POST", hook, self.follow_up),
            route("get_answer", "GET", original, self.get),
            route("edit_answer", "PATCH", original, self.edit),
            route("delete_answer", "DELETE", original, self.delete),
            route("edit_answer", "PATCH", one, self.edit),
            route("delete_answer", "DELETE", one, self.delete),
        ]

    async def follow_up(self, request: web.Request) -> Json | None:
        """POST a further message; the first after a deferral takes the place of "thinking…"."""
        body = await read_body(request)
        interaction = self._interaction(request)
        original = interaction.original
        if original is not None and original.is_loading and not original.deleted:
            posting.write(self._state, original, _as_edit(body))
            message = original
        else:
            message = posting.post(self._state, interaction.channel, body, interaction=interaction)
            interaction.followups.append(message)
        interaction.pulse.beat()
        return message.payload() if request.query.get("wait") == "1" else None

    async def get(self, request: web.Request) -> Json:
        """GET a message of this interaction."""
        return self._message(request)[1].payload()

    async def edit(self, request: web.Request) -> Json:
        """PATCH a message of this interaction."""
        body = await read_body(request)
        interaction, message = self._message(request)
        posting.write(self._state, message, body)
        interaction.pulse.beat()
        return message.payload()

    async def delete(self, request: web.Request) -> None:
        """DELETE a message of this interaction."""
        interaction, message = self._message(request)
        posting.delete(message)
        interaction.pulse.beat()

    def _interaction(self, request: web.Request) -> Interaction:
        """The acknowledged, living interaction that a token belongs to."""
        token = request.match_info["token"]
        found = self._state.by_token.get(token)
        if found is None or int(request.match_info["application_id"]) != self._state.application_id:
            raise unknown_webhook()
        if self._state.clock.now() > found.expires:
            raise token_expired()
        if found.acknowledged is None:
            raise unknown_webhook()
        return found

    def _message(self, request: web.Request) -> tuple[Interaction, Message]:
        interaction = self._interaction(request)
        wanted = request.match_info.get("message_id")
        for message in interaction.messages:
            if message is interaction.original if wanted is None else message.id == int(wanted):
                return interaction, message
        raise unknown_message()


def _as_edit(body: Body) -> Body:
    """A follow-up that takes the place of "thinking…": its ephemeral flag is ignored, says
    Discord's reference ("Create Followup Message"), since whom a message is for cannot change."""
    flags = int((body.data or {}).get("flags") or 0)
    return Body({**(body.data or {}), "flags": flags & ~EPHEMERAL}, body.files)
