"""Discord's rules for messages and embeds; components have their own module.

Limits: the API reference's "Create Message", "Embed Limits" and "Allowed Mentions Object".
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.loopback import components
from tests.support.loopback.errors import Form, Json, LoopbackFailure, empty_message
from tests.support.loopback.messages import COMPONENTS_V2

MAX_CONTENT, MAX_EMBEDS, MAX_EMBED_CHARACTERS, MAX_FILES, MAX_ALT = 2000, 10, 6000, 10, 1024
MESSAGE_KEYS = {
    "content",
    "embeds",
    "components",
    "attachments",
    "flags",
    "allowed_mentions",
    "tts",
    "nonce",
    "enforce_nonce",
    "message_reference",
}
EMBED_KEYS = {
    "title",
    "type",
    "description",
    "url",
    "timestamp",
    "color",
    "footer",
    "image",
    "thumbnail",
    "author",
    "fields",
    "flags",
}


@dataclass
class Draft:
    """A message as it would stand if the request were granted."""

    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    filenames: list[str] = field(default_factory=list)
    flags: int = 0


def check_keys(body: Json) -> None:
    """Fields outside of what the loopback models must not be ignored in silence."""
    unknown = body.keys() - MESSAGE_KEYS
    if unknown:
        raise LoopbackFailure(f"the loopback models no message field called {sorted(unknown)}")


def check_body(body: Json, files: int) -> None:
    """Rules about the request itself: mentions, and attachments that match the files.

    Raises:
        ApiError: 400 / 50035 naming each wrong field.
    """
    form = Form()
    allowed = body.get("allowed_mentions")
    if allowed is not None:
        for name in allowed.get("parse", []):
            form.one_of("allowed_mentions.parse", name, {"users", "roles", "everyone"})
        both = "users" in allowed.get("parse", []) and allowed.get("users")
        form.require(not both, "allowed_mentions", "users is both parsed and listed")
    for index, entry in enumerate(body.get("attachments") or []):
        path = f"attachments.{index}"
        form.length(f"{path}.description", entry.get("description"), 0, MAX_ALT)
    listed = [str(entry.get("id")) for entry in body.get("attachments") or []]
    unlisted = [n for n in range(files) if str(n) not in listed]
    if "attachments" in body:
        form.require(not unlisted, "attachments", f"files {unlisted} have no attachment entry")
    form.length("nonce", str(body.get("nonce") or ""), 0, 25)
    form.check()


def check_draft(draft: Draft) -> None:
    """Rules about the message that would result.

    Raises:
        ApiError: 400 / 50035 naming each wrong field, 400 / 50006 for an empty message.
    """
    form = Form()
    rich = bool(draft.flags & COMPONENTS_V2)
    if rich:
        form.require(not draft.content, "content", "not allowed with IS_COMPONENTS_V2")
        form.require(not draft.embeds, "embeds", "not allowed with IS_COMPONENTS_V2")
    form.length("content", draft.content, 0, MAX_CONTENT)
    form.require(len(draft.filenames) <= MAX_FILES, "files", "Must be 10 or fewer in length.")
    form.require(len(draft.embeds) <= MAX_EMBEDS, "embeds", "Must be 10 or fewer in length.")
    for index, embed in enumerate(draft.embeds):
        _check_embed(form, f"embeds.{index}", embed, draft.filenames)
    total = sum(_characters(embed) for embed in draft.embeds)
    form.require(total <= MAX_EMBED_CHARACTERS, "embeds", "Embed size exceeds maximum size of 6000")
    components.check(form, draft.components, rich=rich, filenames=draft.filenames)
    form.check()
    if not (draft.content or draft.embeds or draft.components or draft.filenames):
        raise empty_message()


def _check_embed(form: Form, path: str, embed: Json, filenames: list[str]) -> None:
    unknown = embed.keys() - EMBED_KEYS
    if unknown:
        raise LoopbackFailure(f"Discord's embeds have no {sorted(unknown)}")
    form.length(f"{path}.title", embed.get("title"), 0, 256)
    form.length(f"{path}.description", embed.get("description"), 0, 4096)
    form.require(0 <= embed.get("color", 0) <= 0xFFFFFF, f"{path}.color", "int out of range")
    if "footer" in embed:
        form.length(f"{path}.footer.text", embed["footer"].get("text"), 1, 2048)
    if "author" in embed:
        form.length(f"{path}.author.name", embed["author"].get("name"), 1, 256)
    fields = embed.get("fields", [])
    form.require(len(fields) <= 25, f"{path}.fields", "Must be 25 or fewer in length.")
    for index, part in enumerate(fields):
        form.length(f"{path}.fields.{index}.name", part.get("name"), 1, 256)
        form.length(f"{path}.fields.{index}.value", part.get("value"), 1, 1024)
    for key in ("image", "thumbnail"):
        if key in embed:
            check_media(form, f"{path}.{key}.url", embed[key].get("url", ""), filenames)
    if embed.get("url"):
        ok = embed["url"].startswith(("http://", "https://"))
        form.require(ok, f"{path}.url", "Not a well formed URL.", "URL_TYPE_INVALID_URL")


def check_media(form: Form, path: str, url: str, filenames: list[str]) -> None:
    """A picture's address: on the web, or a file of this very message."""
    if url.startswith("attachment://"):
        name = url.removeprefix("attachment://")
        form.require(name in filenames, path, f"no attachment is called {name!r} ({filenames})")
    else:
        ok = url.startswith(("http://", "https://"))
        form.require(ok, path, "Not a well formed URL.", "URL_TYPE_INVALID_URL")


def _characters(embed: Json) -> int:
    texts = [embed.get("title"), embed.get("description")]
    texts += [embed.get("footer", {}).get("text"), embed.get("author", {}).get("name")]
    for part in embed.get("fields", []):
        texts += [part.get("name"), part.get("value")]
    return sum(len(text or "") for text in texts)
