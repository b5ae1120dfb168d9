"""What a person at a Discord client does, and what that person then sees."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.support.loopback import commands, modals
from tests.support.loopback.errors import DidNotRespond, Json, LoopbackFailure
from tests.support.loopback.gateway import Gateway
from tests.support.loopback.interactions import TOKEN_LIFE_S, Interaction, Kind
from tests.support.loopback.messages import Attachment, Message
from tests.support.loopback.state import State
from tests.support.loopback.uploads import Upload
from tests.support.loopback.voice.calls import Calls
from tests.support.loopback.world import Channel, User, VoiceChannel


@dataclass(frozen=True)
class Shown:
    """What came of one interaction, kept up to date."""

    interaction: Interaction
    _state: State

    @property
    def acknowledged_s(self) -> float:
        """Seconds from the press to the first answer."""
        assert self.interaction.acknowledged is not None
        return self.interaction.acknowledged - self.interaction.sent

    @property
    def messages(self) -> list[Message]:
        """The answer and its follow-ups, as far as they stand."""
        return self.interaction.messages

    @property
    def message(self) -> Message:
        """The first of them."""
        if not self.messages:
            raise LoopbackFailure("the interaction has no message (a modal, or it was deleted)")
        return self.messages[0]

    @property
    def modal(self) -> Json:
        """The dialog that opened."""
        if self.interaction.modal is None:
            raise LoopbackFailure("no modal was opened")
        return self.interaction.modal

    async def until(
        self, wanted: Callable[[Message], object], *, timeout_s: float = 30.0
    ) -> Message:
        """The first message of this interaction that `wanted` accepts, once there is one."""

        def look() -> Message | None:
            self._state.raise_failures()
            return next((message for message in self.messages if wanted(message)), None)

        what = f"a message of {self.interaction.data}"
        return await self.interaction.pulse.until(look, timeout_s=timeout_s, what=what)

    async def answered(self, *, timeout_s: float = 30.0) -> Message:
        """The answer, once it says more than "thinking…"."""
        return await self.until(lambda message: not message.is_loading, timeout_s=timeout_s)


@dataclass(frozen=True)
class Member:
    """A person in front of a channel."""

    user: User
    channel: Channel
    _state: State
    _gateway: Gateway
    _voice: Calls

    def at(self, channel: Channel) -> Member:
        """The same person, looking at another channel."""
        return replace(self, channel=channel)

    def in_private(self) -> Member:
        """The same person, in the direct conversation with the bot."""
        return self.at(self._state.direct_channel(self.user))

    def join(self, channel: VoiceChannel) -> None:
        """Enter a voice channel."""
        self._voice.join(self.user, channel)

    def leave(self) -> None:
        """Leave the voice channel of this server."""
        assert self.channel.guild is not None
        self._voice.leave(self.user, self.channel.guild)

    async def slash(self, command: str, /, **options: object) -> Shown:
        """Type a slash command and send it; returns when it is acknowledged.

        Args:
            command: "riff", or with its groups "jam start".
            options: by name; a file is given as `Upload(filename, content)`.

        Raises:
            DidNotRespond: no acknowledgement within three seconds.
            LoopbackFailure: Discord's client would not have sent that.
        """
        found, chain = await self._command(command)
        resolved: dict[str, Json] = {}
        given = {name: self._resolve(value, resolved) for name, value in options.items()}
        data = commands.call(found, chain, given)
        if resolved:
            data["resolved"] = {"attachments": resolved}
        return await self._act(Kind.COMMAND, data)

    async def suggestions(
        self, command: str, option: str, text: str, /, **others: object
    ) -> list[Json]:
        """What the picker offers while the person types `text` into an option."""
        found, chain = await self._command(command)
        data = commands.call(found, chain, {**others, option: text}, typing=option)
        shown = await self._act(Kind.AUTOCOMPLETE, data)
        assert shown.interaction.suggestions is not None
        return shown.interaction.suggestions

    async def click(self, message: Message, button: str) -> Shown:
        """Press a button, by its label or custom_id (or a part of it)."""
        part = self._usable(message, button)
        data = {"component_type": part["type"], "custom_id": part["custom_id"]}
        return await self._act(Kind.COMPONENT, data, source=message)

    async def choose(self, message: Message, menu: str, *values: str) -> Shown:
        """Pick from a menu of texts."""
        part = self._usable(message, menu)
        unknown = set(values) - {option["value"] for option in part["options"]}
        if unknown:
            raise LoopbackFailure(f"the menu does not offer {sorted(unknown)}")
        data = {"component_type": part["type"], "custom_id": part["custom_id"]}
        return await self._act(Kind.COMPONENT, {**data, "values": [*values]}, source=message)

    async def submit(self, opened: Shown, **values: str) -> Shown:
        """Fill in the modal that an interaction opened, by custom_id or label, and send it."""
        data = modals.filled(opened.modal, values)
        return await self._act(Kind.MODAL, data, source=opened.interaction.source)

    async def _command(self, path: str) -> tuple[Json, list[Json]]:
        def look() -> list[Json] | None:
            self._state.raise_failures()
            return self._state.registered(self.channel.guild) or None

        known = await self._state.pulse.until(look, timeout_s=10, what="commands to be registered")
        return commands.find(known, path)

    def _resolve(self, value: object, resolved: dict[str, Json]) -> object:
        if not isinstance(value, Upload):
            return value
        number = self._state.ids.mint()
        url = f"{self._state.base_url}/attachments/{self.channel.id}/{number}/{value.filename}"
        file = Attachment(number, value.filename, value.content, f"{url}?ex=ffffffff")
        self._state.files[number] = file
        resolved[str(number)] = file.payload()
        return str(number)

    def _usable(self, message: Message, named: str) -> Json:
        if message.deleted or message.audience not in {None, self.user}:
            raise LoopbackFailure(f"{self.user.name} cannot see that message")
        part = message.component(named)
        if part.get("disabled"):
            raise LoopbackFailure(f"{named!r} is disabled")
        return part

    async def _act(self, kind: Kind, data: Json, *, source: Message | None = None) -> Shown:
        state = self._state
        born = state.clock.now() - (TOKEN_LIFE_S - state.token_life_s)
        number = state.ids.mint(born=born)
        channel = source.channel if source is not None else self.channel
        interaction = Interaction(number, kind, self.user, channel, data, source)
        state.interactions[number] = state.by_token[interaction.token] = interaction
        payload = interaction.payload(state.application_id)
        self._gateway.dispatch("INTERACTION_CREATE", payload, channel.guild)
        shown = Shown(interaction, state)
        await self._acknowledged(interaction)
        return shown

    async def _acknowledged(self, interaction: Interaction) -> None:
        def look() -> bool:
            self._state.raise_failures()
            return interaction.acknowledged is not None

        left = self._state.acknowledge_s - (time.monotonic() - interaction.sent)
        try:
            await interaction.pulse.until(look, timeout_s=max(left, 0), what="an answer")
        except AssertionError as error:
            self._state.raise_failures()
            raise DidNotRespond(
                f"The application did not respond to {self.user.name}: {interaction.data}"
            ) from error
