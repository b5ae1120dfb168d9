"""Discord's rules for message components and modals ("Component Reference")."""

from __future__ import annotations

from collections import Counter

from tests.support.loopback.errors import Form, Json, LoopbackFailure
from tests.support.loopback.messages import walk

ROW, BUTTON, TEXT_SELECT, TEXT_INPUT = 1, 2, 3, 4
SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER = 9, 10, 11, 12, 13, 14, 17
LABEL, FILE_UPLOAD = 18, 19
RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX = 21, 22, 23
SELECTS = {3, 5, 6, 7, 8}
V2_TOP = {ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR, CONTAINER}
V2_ANY = V2_TOP | SELECTS | {BUTTON, THUMBNAIL}
MODAL_FIELDS = SELECTS | {TEXT_INPUT, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX}
MAX_ROWS, MAX_V2, MAX_V2_CHARACTERS = 5, 40, 4000
LINK, PREMIUM = 5, 6


def check(form: Form, components: list[Json], *, rich: bool, filenames: list[str]) -> None:
    """Note in `form` what is wrong with a message's components.

    Args:
        rich: the message is a Components V2 one.
        filenames: the message's attachments, for `attachment://` addresses.
    """
    everything = list(walk(components))
    if rich:
        _check_v2(form, components, everything, filenames)
    else:
        form.require(len(components) <= MAX_ROWS, "components", "Must be 5 or fewer in length.")
        for index, row in enumerate(components):
            form.one_of(f"components.{index}.type", row["type"], {ROW})
    for index, row in enumerate(components):
        for path, part in _paths(f"components.{index}", row):
            _check_part(form, path, part)
    _check_unique(form, everything)


def _paths(path: str, part: Json) -> list[tuple[str, Json]]:
    found = [(path, part)]
    for index, inner in enumerate(part.get("components", [])):
        found += _paths(f"{path}.components.{index}", inner)
    for key in ("accessory", "component"):
        if part.get(key):
            found += _paths(f"{path}.{key}", part[key])
    return found


def _check_part(form: Form, path: str, part: Json) -> None:
    match part["type"]:
        case 1:
            _check_row(form, path, part)
        case 2:
            _check_button(form, path, part)
        case kind if kind in SELECTS:
            _check_select(form, path, part)
        case kind if kind not in V2_ANY:
            raise LoopbackFailure(f"the loopback models no message component of type {kind}")


def _check_row(form: Form, path: str, row: Json) -> None:
    inner = row["components"]
    kinds = {part["type"] for part in inner}
    buttons = kinds == {BUTTON} and 1 <= len(inner) <= 5
    select = bool(kinds & SELECTS) and len(inner) == 1
    form.require(buttons or select, path, "a row holds one to five buttons, or one menu")


def _check_button(form: Form, path: str, button: Json) -> None:
    style = button.get("style", 0)
    form.one_of(f"{path}.style", style, {1, 2, 3, 4, LINK, PREMIUM})
    form.length(f"{path}.label", button.get("label"), 0, 80)
    named = button.get("label") or button.get("emoji") or style == PREMIUM
    form.require(bool(named), path, "A button must have a label or an emoji")
    if style == LINK:
        form.length(f"{path}.url", button.get("url"), 1, 512)
        form.require("custom_id" not in button, path, "a link has no custom_id")
    elif style != PREMIUM:
        form.length(f"{path}.custom_id", button.get("custom_id"), 1, 100)


def _check_select(form: Form, path: str, select: Json) -> None:
    form.length(f"{path}.custom_id", select.get("custom_id"), 1, 100)
    form.length(f"{path}.placeholder", select.get("placeholder"), 0, 150)
    low, high = select.get("min_values", 1), select.get("max_values", 1)
    form.require(0 <= low <= high <= 25, path, "min_values and max_values do not fit")
    if select["type"] == TEXT_SELECT:
        _check_options(form, path, select.get("options", []))


def _check_options(form: Form, path: str, options: list[Json]) -> None:
    form.require(1 <= len(options) <= 25, f"{path}.options", "Must be between 1 and 25 in length.")
    for index, option in enumerate(options):
        form.length(f"{path}.options.{index}.label", option.get("label"), 1, 100)
        form.length(f"{path}.options.{index}.value", option.get("value"), 1, 100)
        form.length(f"{path}.options.{index}.description", option.get("description"), 0, 100)
    values = Counter(option.get("value") for option in options)
    form.require(not values or max(values.values()) == 1, f"{path}.options", "values repeat")


def _check_v2(form: Form, top: list[Json], everything: list[Json], filenames: list[str]) -> None:
    for index, part in enumerate(top):
        form.one_of(f"components.{index}.type", part["type"], V2_TOP)
    form.require(len(everything) <= MAX_V2, "components", "Must be 40 or fewer in length.")
    text = sum(len(part["content"]) for part in everything if part["type"] == TEXT)
    form.require(text <= MAX_V2_CHARACTERS, "components", "Must be 4000 or fewer characters.")
    for part in everything:
        match part["type"]:
            case 12:
                size = len(part["items"])
                form.require(1 <= size <= 10, "components", "a gallery holds 1 to 10 items")
            case 9:
                size = len(part["components"])
                form.require(1 <= size <= 3, "components", "a section holds 1 to 3 texts")
                form.require("accessory" in part, "components", "a section needs an accessory")
    used = [item["media"]["url"] for part in everything for item in part.get("items", [])]
    used += [part[key]["url"] for part in everything for key in ("file", "media") if key in part]
    missing = {url.removeprefix("attachment://") for url in used if url.startswith("attachment:")}
    missing -= set(filenames)
    form.require(not missing, "components", f"no attachment is called {sorted(missing)}")


def _check_unique(form: Form, parts: list[Json]) -> None:
    ids = Counter(part["custom_id"] for part in parts if part.get("custom_id"))
    twice = sorted(name for name, count in ids.items() if count > 1)
    message = f"Component custom id cannot be duplicated: {twice}"
    form.require(not twice, "components", message, "COMPONENT_CUSTOM_ID_DUPLICATED")


def check_modal(modal: Json) -> None:
    """Rules for the dialog of a modal response.

    Raises:
        ApiError: 400 / 50035 naming each wrong field.
    """
    form = Form()
    form.length("data.title", modal.get("title"), 1, 45)
    form.length("data.custom_id", modal.get("custom_id"), 1, 100)
    parts = modal.get("components", [])
    form.require(1 <= len(parts) <= 5, "data.components", "Must be between 1 and 5 in length.")
    for index, part in enumerate(parts):
        path = f"data.components.{index}"
        form.one_of(f"{path}.type", part["type"], {ROW, LABEL, TEXT})
        if part["type"] == LABEL:
            form.length(f"{path}.label", part.get("label"), 1, 45)
            form.length(f"{path}.description", part.get("description"), 0, 100)
    for field in modal_fields(modal):
        _check_field(form, "data.components", field)
    _check_unique(form, list(walk(parts)))
    form.check()


def modal_fields(modal: Json) -> list[Json]:
    """The inputs of a modal, in order, each with the label that a person reads."""
    fields = []
    for part in modal["components"]:
        if part["type"] == LABEL:
            fields.append({"label": part["label"], **part["component"]})
        fields += part.get("components", [])
    return fields


def _check_field(form: Form, path: str, field: Json) -> None:
    form.one_of(f"{path}.type", field["type"], MODAL_FIELDS)
    form.length(f"{path}.custom_id", field.get("custom_id"), 1, 100)
    if field["type"] == TEXT_INPUT:
        form.one_of(f"{path}.style", field.get("style"), {1, 2})
        form.length(f"{path}.label", field.get("label"), 1, 45)
        form.length(f"{path}.placeholder", field.get("placeholder"), 0, 100)
        form.length(f"{path}.value", field.get("value"), 0, field.get("max_length", 4000))
        form.require(field.get("max_length", 4000) <= 4000, path, "max_length over 4000")
    elif field["type"] in SELECTS:
        _check_select(form, path, field)
