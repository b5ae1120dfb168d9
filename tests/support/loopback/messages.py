"""Messages as Discord keeps them, and the parts of them that a person sees and touches."""

from __future__ import annotations

import copy
import datetime
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.loopback.clock import born
from tests.support.loopback.errors import Json, LoopbackFailure
from tests.support.loopback.world import Channel, User

EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 15
BUTTON, TEXT_DISPLAY = 2, 10


@dataclass(eq=False)
class Attachment:
    """A file that was really uploaded; `content` is what arrived."""

    id: int
    filename: str
    content: bytes
    url: str
    description: str | None = None
    ephemeral: bool = False

    def payload(self) -> Json:
        """The attachment object."""
        kind = mimetypes.guess_type(self.filename)[0] or "application/octet-stream"
        described = {} if self.description is None else {"description": self.description}
        return {
            "id": str(self.id),
            "filename": self.filename,
            "size": len(self.content),
            "url": self.url,
            "proxy_url": self.url,
            "content_type": kind,
            "ephemeral": self.ephemeral,
            **described,
        }


@dataclass(eq=False)
class Message:
    """A message now, and how it came to be so.

    Attributes:
        audience: who alone can see it, if it is ephemeral.
        edited_at: when each edit arrived (Unix seconds at Discord), for the rule of thumb that
            progress is told at most every two seconds.
        pings: the user and role ids (or "everyone", "here") that this message notified.
    """

    id: int
    channel: Channel
    author: User
    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    flags: int = 0
    audience: User | None = None
    interaction: Json | None = None
    reference: Json | None = None
    edited_at: list[float] = field(default_factory=list)
    pings: set[str] = field(default_factory=set)
    deleted: bool = False

    @property
    def created_at(self) -> float:
        """Unix seconds at Discord."""
        return born(self.id)

    @property
    def is_loading(self) -> bool:
        """The bot "is thinking…": acknowledged, and nothing to read yet."""
        return bool(self.flags & LOADING)

    @property
    def is_ephemeral(self) -> bool:
        """Only `audience` sees it."""
        return bool(self.flags & EPHEMERAL)

    @property
    def text(self) -> str:
        """Everything readable, a line each: content, embeds, text displays."""
        return "\n".join(line for line in self._lines() if line)

    def _lines(self) -> Iterator[str]:
        yield self.content
        for embed in self.embeds:
            yield embed.get("author", {}).get("name", "")
            yield embed.get("title", "")
            yield embed.get("description", "")
            for part in embed.get("fields", []):
                yield f"{part['name']}: {part['value']}"
            yield embed.get("footer", {}).get("text", "")
        for component in walk(self.components):
            if component["type"] == TEXT_DISPLAY:
                yield component["content"]

    def file(self, suffix: str) -> Attachment | None:
        """The first attachment whose name ends so, for example `.mp3`."""
        return next((a for a in self.attachments if a.filename.endswith(suffix)), None)

    def buttons(self) -> list[Json]:
        """All buttons, in reading order."""
        return [part for part in walk(self.components) if part["type"] == BUTTON]

    def component(self, named: str) -> Json:
        """The one button or menu with this label, placeholder or custom_id (or a part of it)."""

        def names(part: Json) -> list[str]:
            keys = ("label", "placeholder", "custom_id")
            return [part[key] for key in keys if part.get(key)]

        usable = [part for part in walk(self.components) if part.get("custom_id")]
        exact = [part for part in usable if named in names(part)]
        found = exact or [part for part in usable if any(named in name for name in names(part))]
        if len(found) != 1:
            seen = [names(part) for part in usable]
            raise LoopbackFailure(f"{len(found)} components are called {named!r}; there are {seen}")
        return found[0]

    def payload(self) -> Json:
        """The message object."""
        guild = self.channel.guild
        data: Json = {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "type": 20 if self.interaction else 19 if self.reference else 0,
            "author": self.author.payload(),
            "content": self.content,
            "timestamp": _iso(self.created_at),
            "edited_timestamp": _iso(self.edited_at[-1]) if self.edited_at else None,
            "tts": False,
            "mention_everyone": bool(self.pings & {"everyone", "here"}),
            "mentions": [],
            "mention_roles": [],
            "attachments": [attachment.payload() for attachment in self.attachments],
            "embeds": [self._embed_payload(embed) for embed in self.embeds],
            "components": numbered(self.components),
            "pinned": False,
            "flags": self.flags,
        }
        if guild is not None:
            data["guild_id"] = str(guild.id)
        if self.reference is not None:
            data["message_reference"] = self.reference
        if self.interaction is not None:
            data["interaction_metadata"] = self.interaction
            data["webhook_id"] = self.interaction["application_id"]
            data["application_id"] = self.interaction["application_id"]
        return data

    def _embed_payload(self, embed: Json) -> Json:
        shown = {"type": "rich", **copy.deepcopy(embed)}
        for part in (shown.get(key) for key in ("image", "thumbnail")):
            if part and part["url"].startswith("attachment://"):
                name = part["url"].removeprefix("attachment://")
                part["url"] = next(a.url for a in self.attachments if a.filename == name)
                part["proxy_url"] = part["url"]
        return shown


def walk(components: list[Json]) -> Iterator[Json]:
    """All components, nested ones after the one that holds them."""
    for part in components:
        yield part
        inner: list[Json] = list(part.get("components", []))
        inner += [part[key] for key in ("accessory", "component") if part.get(key)]
        yield from walk(inner)


def numbered(components: list[Json]) -> list[Json]:
    """A copy in which every component has the `id` that Discord would have given it."""
    shown = copy.deepcopy(components)
    for number, part in enumerate(walk(shown), start=1):
        part.setdefault("id", number)
    return shown


def _iso(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat()


def mentions(content: str, allowed: Json | None, known: dict[int, Any]) -> set[str]:
    """Whom a text notifies, given `allowed_mentions` (None: everybody it names)."""
    parse = {"users", "roles", "everyone"} if allowed is None else set(allowed.get("parse", []))
    listed = set() if allowed is None else {str(i) for i in allowed.get("users", [])}
    found = {str(i) for i in known if f"<@{i}>" in content or f"<@!{i}>" in content}
    pinged = found if "users" in parse else found & listed
    broad = {name for name in ("everyone", "here") if f"@{name}" in content}
    return pinged | (broad if "everyone" in parse else set())
