"""The first answer to an interaction ("Receiving and Responding", Interaction Callback)."""

from __future__ import annotations

import time

from aiohttp import web

from tests.support.loopback import commands, components, posting
from tests.support.loopback.errors import (
    ApiError,
    Json,
    LoopbackFailure,
    already_acknowledged,
    unknown_interaction,
)
from tests.support.loopback.interactions import Answer, Interaction, Kind
from tests.support.loopback.messages import EPHEMERAL, LOADING, Message
from tests.support.loopback.rest.router import Route
from tests.support.loopback.state import State
from tests.support.loopback.uploads import Body, read_body

ANSWERS = {
    Kind.COMMAND: {Answer.REPLY, Answer.DEFER_REPLY, Answer.ASK},
    Kind.COMPONENT: set(Answer) - {Answer.SUGGEST},
    Kind.AUTOCOMPLETE: {Answer.SUGGEST},
    Kind.MODAL: {Answer.REPLY, Answer.DEFER_REPLY, Answer.DEFER_UPDATE, Answer.UPDATE},
}
"""Which first answers an interaction may have."""


class CallbackRoutes:
    """The one route of first answers."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """The table."""
        path = "/interactions/{interaction_id}/{token}/callback"
        return [Route("callback", "POST", path, self.answer, needs_token=False)]

    async def answer(self, request: web.Request) -> Json | None:
        """POST the first answer."""
        body = await read_body(request)
        interaction = self._open(request)
        kind = Answer(body.data["type"])
        if kind not in ANSWERS[interaction.kind]:
            message = f"a {interaction.kind.name} has no answer of type {kind.name}"
            raise ApiError(400, 50035, message, breach=True)
        data: Json = body.data.get("data") or {}
        loading = self._apply(interaction, kind, Body(data, body.files))
        interaction.answer, interaction.acknowledged = kind, time.monotonic()
        interaction.pulse.beat()
        if request.query.get("with_response") != "1":
            return None
        return self._resource(interaction, kind, loading=loading)

    def _open(self, request: web.Request) -> Interaction:
        found = self._state.interactions.get(int(request.match_info["interaction_id"]))
        if found is None or found.token != request.match_info["token"]:
            raise unknown_interaction()
        if found.acknowledged is not None:
            raise already_acknowledged()
        if time.monotonic() - found.sent > self._state.acknowledge_s:
            raise unknown_interaction()
        return found

    def _apply(self, interaction: Interaction, kind: Answer, body: Body) -> bool:
        """Do what the answer says; True when a loading message was put up."""
        match kind:
            case Answer.REPLY:
                interaction.original = posting.post(
                    self._state, interaction.channel, body, interaction=interaction
                )
            case Answer.DEFER_REPLY:
                interaction.original = self._thinking(interaction, body.data)
            case Answer.DEFER_UPDATE | Answer.UPDATE:
                if interaction.source is None:
                    raise ApiError(400, 50035, "there is no message to update", breach=True)
                interaction.original = interaction.source
                if kind is Answer.UPDATE:
                    posting.write(self._state, interaction.source, body)
            case Answer.SUGGEST:
                option = self._focused(interaction)
                commands.check_suggestions(option, body.data["choices"])
                interaction.suggestions = body.data["choices"]
            case Answer.ASK:
                components.check_modal(body.data)
                interaction.modal = body.data
        return kind is Answer.DEFER_REPLY

    def _thinking(self, interaction: Interaction, data: Json) -> Message:
        unknown = data.keys() - {"flags"}
        if unknown or data.get("flags", 0) & ~EPHEMERAL:
            raise LoopbackFailure(f"the loopback models no deferral with {data}")
        flags = LOADING | data.get("flags", 0)
        message = Message(
            self._state.ids.mint(),
            interaction.channel,
            self._state.bot,
            flags=flags,
            interaction=interaction.mark(self._state.application_id),
            audience=interaction.user if flags & EPHEMERAL else None,
        )
        posting.place(self._state, message)
        return message

    def _focused(self, interaction: Interaction) -> Json:
        """The option that the person is typing in, which is focused at some depth."""
        todo = list(interaction.data["options"])
        while todo:
            option: Json = todo.pop()
            if option.get("focused"):
                return option
            todo += option.get("options", [])
        raise LoopbackFailure("no option is focused")

    def _resource(self, interaction: Interaction, kind: Answer, *, loading: bool) -> Json:
        original = interaction.original
        about: Json = {"id": str(interaction.id), "type": interaction.kind}
        resource: Json = {"type": kind}
        if original is not None:
            about["response_message_id"] = str(original.id)
            about["response_message_loading"] = loading
            about["response_message_ephemeral"] = original.is_ephemeral
            if kind in {Answer.REPLY, Answer.UPDATE}:
                resource["message"] = original.payload()
        return {"interaction": about, "resource": resource}
