"""Application commands: Discord's rules when they are registered, and how a client calls them.

A client (the picker above the message box) refuses what does not fit an option before anything is
sent, so `call` does too: such a test is wrong, not the bot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.loopback.errors import Form, Json, LoopbackFailure

CHAT, USER_MENU, MESSAGE_MENU = 1, 2, 3
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, NUMBER, ATTACHMENT = 1, 2, 3, 4, 5, 10, 11
NAME = re.compile(r"^[-_'\w]{1,32}$")
MOST = {CHAT: 100, USER_MENU: 15, MESSAGE_MENU: 15}
MAX_CHARACTERS = 8000
LOWEST, HIGHEST = -(2**53), 2**53
"""Numbers in options are doubles: beyond these an integer cannot be sent."""


def check(commands: list[Json]) -> None:
    """Rules of the bulk overwrite.

    Raises:
        ApiError: 400 / 50035 naming each wrong field.
    """
    form = Form()
    for kind, most in MOST.items():
        count = sum(command.get("type", CHAT) == kind for command in commands)
        form.require(count <= most, "commands", f"{count} commands of type {kind}, {most} allowed")
    seen = [(command.get("type", CHAT), command["name"]) for command in commands]
    form.require(len(set(seen)) == len(seen), "commands", "names repeat")
    for index, command in enumerate(commands):
        if command.get("type", CHAT) == CHAT:
            _check_node(form, str(index), command, depth=0)
            size = _characters(command)
            form.require(size <= MAX_CHARACTERS, str(index), f"{size} characters, 8000 allowed")
        else:
            form.length(f"{index}.name", command["name"], 1, 32)
            form.require(not command.get("description"), str(index), "menus have no description")
    form.check()


def _check_node(form: Form, path: str, node: Json, *, depth: int) -> None:
    for name in [node["name"], *(node.get("name_localizations") or {}).values()]:
        good = bool(NAME.match(name)) and name == name.lower()
        message = f"Command name {name!r} is invalid"
        form.require(good, f"{path}.name", message, "APPLICATION_COMMAND_INVALID_NAME")
    for text in [node.get("description"), *(node.get("description_localizations") or {}).values()]:
        form.length(f"{path}.description", text, 1, 100)
    options = node.get("options", [])
    form.require(len(options) <= 25, f"{path}.options", "Must be 25 or fewer in length.")
    names = [option["name"] for option in options]
    form.require(len(set(names)) == len(names), f"{path}.options", "names repeat")
    needed = [bool(option.get("required")) for option in options]
    ordered = needed == sorted(needed, reverse=True)
    form.require(ordered, f"{path}.options", "Required options must be placed before optional ones")
    for index, option in enumerate(options):
        inner = f"{path}.options.{index}"
        _check_node(form, inner, option, depth=depth + 1)
        form.require(option["type"] != GROUP or depth == 0, inner, "groups do not nest")
        _check_choices(form, inner, option)


def _check_choices(form: Form, path: str, option: Json) -> None:
    choices = option.get("choices") or []
    form.require(len(choices) <= 25, f"{path}.choices", "Must be 25 or fewer in length.")
    both = choices and option.get("autocomplete")
    form.require(not both, path, "choices and autocomplete exclude each other")
    for index, choice in enumerate(choices):
        form.length(f"{path}.choices.{index}.name", choice["name"], 1, 100)


def check_suggestions(option: Json, choices: list[Json]) -> None:
    """Rules for an autocomplete answer.

    Raises:
        ApiError: 400 / 50035 naming each wrong field.
    """
    form = Form()
    form.require(len(choices) <= 25, "data.choices", "Must be 25 or fewer in length.")
    kinds: dict[int, tuple[type, ...]] = {STRING: (str,), INTEGER: (int,), NUMBER: (int, float)}
    for index, choice in enumerate(choices):
        path = f"data.choices.{index}"
        form.length(f"{path}.name", choice.get("name"), 1, 100)
        form.require(isinstance(choice.get("value"), kinds[option["type"]]), path, "wrong type")
        if option["type"] == STRING:
            form.length(f"{path}.value", choice.get("value"), 1, 100)
    form.check()


def _characters(node: Json) -> int:
    def longest(key: str) -> int:
        texts = [node.get(key) or "", *(node.get(f"{key}_localizations") or {}).values()]
        return max(len(text) for text in texts)

    own = longest("name") + longest("description")
    own += sum(
        len(choice["name"]) + len(str(choice["value"])) for choice in node.get("choices") or []
    )
    return own + sum(_characters(option) for option in node.get("options", []))


def find(commands: list[Json], path: str, kind: int = CHAT) -> tuple[Json, list[Json]]:
    """The command called `path` ("riff", "jam start") and the chain of options down to it."""
    first, *rest = path.split(" ") if kind == CHAT else [path]
    for command in commands:
        if command["name"] == first and command.get("type", CHAT) == kind:
            chain, node = [], command
            for name in rest:
                node = next(o for o in node["options"] if o["name"] == name)
                chain.append(node)
            return command, chain
    names = sorted(command["name"] for command in commands)
    raise LoopbackFailure(f"no command is called {first!r}; registered are {names}")


def call(
    command: Json, chain: list[Json], given: Mapping[str, object], *, typing: str | None = None
) -> Json:
    """The `data` of an interaction that calls a slash command.

    Args:
        given: option name → value; of an option that takes a file, its attachment id.
        typing: the option that the person is typing in, for an autocomplete interaction.

    Raises:
        LoopbackFailure: Discord's client would not send that.
    """
    leaf = chain[-1] if chain else command
    options = list(_options(leaf, given, typing))
    for node in reversed(chain):
        options = [{"type": node["type"], "name": node["name"], "options": options}]
    return {"id": command["id"], "name": command["name"], "type": CHAT, "options": options}


def _options(leaf: Json, given: Mapping[str, object], typing: str | None) -> Iterator[Json]:
    known = {option["name"]: option for option in leaf.get("options", [])}
    unknown = given.keys() - known.keys()
    if unknown:
        raise LoopbackFailure(f"/{leaf['name']} has no option {sorted(unknown)}, only {[*known]}")
    for name, option in known.items():
        if name in given:
            focus = {"focused": True} if name == typing else {}
            value = given[name] if typing else _fitting(option, given[name])
            yield {"type": option["type"], "name": name, "value": value, **focus}
        elif option.get("required") and typing is None:
            raise LoopbackFailure(f"/{leaf['name']} needs {name}")


def _fitting(option: Json, value: Any) -> Any:
    match option["type"]:
        case 3:
            low, high = option.get("min_length", 0), option.get("max_length", 6000)
            fits = isinstance(value, str) and low <= len(value) <= high
        case 4:
            fits = isinstance(value, int) and _in_range(option, value)
        case 5:
            fits = isinstance(value, bool)
        case 10:
            fits = isinstance(value, int | float) and _in_range(option, value)
        case 11:
            fits = isinstance(value, str)
        case kind:
            raise LoopbackFailure(f"the loopback models no option of type {kind}")
    allowed = [choice["value"] for choice in option.get("choices") or []]
    if not fits or (allowed and value not in allowed):
        raise LoopbackFailure(f"Discord's client refuses {value!r} for {option}")
    return value


def _in_range(option: Json, value: float) -> bool:
    return bool(option.get("min_value", LOWEST) <= value <= option.get("max_value", HIGHEST))
