"""What goes wrong at Discord: for the bot an HTTP error in Discord's shape, for the test a failure.

Codes are those of Discord's "Opcodes and Status Codes" page.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class LoopbackFailure(AssertionError):
    """The bot did something that this Discord does not model: add it here before relying on it."""


class BotBrokeARule(AssertionError):
    """The bot was refused for breaking one of Discord's rules, and the test did not expect it."""


class DidNotRespond(AssertionError):
    """No acknowledgement within three seconds: "The application did not respond"."""


class ApiError(Exception):
    """An answer of 4xx in Discord's shape.

    Attributes:
        breach: the bot broke a rule that it could have kept (a form error, a late
            acknowledgement), as opposed to finding the world changed (a deleted channel).
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        errors: Json | None = None,
        breach: bool = False,
    ) -> None:
        super().__init__(f"{status} {code}: {message} {errors or ''}".rstrip())
        self.status = status
        self.breach = breach
        self.body: Json = {"message": message, "code": code}
        if errors is not None:
            self.body["errors"] = errors


def unauthorized() -> ApiError:
    """The bot's token is wrong or missing."""
    return ApiError(401, 0, "401: Unauthorized", breach=True)


def unknown_channel() -> ApiError:
    """The channel is gone, or never was."""
    return ApiError(404, 10003, "Unknown Channel")


def unknown_message() -> ApiError:
    """The message is gone, or never was."""
    return ApiError(404, 10008, "Unknown Message")


def unknown_webhook() -> ApiError:
    """A follow-up to an interaction that was not acknowledged, or that does not exist."""
    return ApiError(404, 10015, "Unknown Webhook", breach=True)


def unknown_interaction() -> ApiError:
    """The acknowledgement came after three seconds (or names nothing)."""
    return ApiError(404, 10062, "Unknown interaction", breach=True)


def already_acknowledged() -> ApiError:
    """A second first answer."""
    return ApiError(400, 40060, "Interaction has already been acknowledged.", breach=True)


def token_expired() -> ApiError:
    """The interaction is older than fifteen minutes."""
    return ApiError(401, 50027, "Invalid Webhook Token")


def missing_permissions() -> ApiError:
    """The bot may not do that in this channel."""
    return ApiError(403, 50013, "Missing Permissions")


def not_yours() -> ApiError:
    """Only the author edits a message."""
    return ApiError(403, 50005, "Cannot edit a message authored by another user", breach=True)


def empty_message() -> ApiError:
    """No content, embed, attachment or component."""
    return ApiError(400, 50006, "Cannot send an empty message", breach=True)


def too_large() -> ApiError:
    """A file over the limit of this server."""
    return ApiError(413, 40005, "Request entity too large", breach=True)


class Form:
    """Collects what is wrong with a request's fields and refuses them all at once."""

    def __init__(self) -> None:
        self._errors: Json = {}

    def fail(self, path: str, code: str, message: str) -> None:
        """Note a complaint about the field at the dotted `path`."""
        node = self._errors
        for key in path.split("."):
            node = node.setdefault(key, {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def require(self, ok: bool, path: str, message: str, code: str = "BASE_TYPE_BAD") -> None:
        """Note `message` unless `ok`."""
        if not ok:
            self.fail(path, code, message)

    def length(self, path: str, value: str | None, low: int, high: int) -> None:
        """A text of `low` to `high` characters; absent counts as empty."""
        size = len(value or "")
        if low == 1 and size == 0:
            self.fail(path, "BASE_TYPE_REQUIRED", "This field is required")
        elif not low <= size <= high:
            message = f"Must be between {low} and {high} in length."
            self.fail(path, "BASE_TYPE_BAD_LENGTH", message)

    def one_of(self, path: str, value: object, choices: set[Any]) -> None:
        """A value out of `choices`."""
        if value not in choices:
            wanted = ", ".join(sorted(map(str, choices)))
            self.fail(path, "BASE_TYPE_CHOICES", f"Value {value!r} must be one of ({wanted}).")

    def check(self) -> None:
        """Raise what was noted as 400 / 50035."""
        if self._errors:
            raise ApiError(400, 50035, "Invalid Form Body", errors=self._errors, breach=True)
