"""Discord's limits, one by one: what is just allowed passes, one more is refused at its field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.loopback import commands, components, forms
from tests.support.loopback.errors import ApiError, Json, LoopbackFailure
from tests.support.loopback.forms import Draft
from tests.support.loopback.messages import COMPONENTS_V2, mentions


def button(**changes: object) -> Json:
    return {"type": 2, "style": 1, "label": "Go", "custom_id": "go", **changes}


def row(*parts: Json) -> Json:
    return {"type": 1, "components": [*parts]}


def select(**changes: object) -> Json:
    options = [{"label": "a", "value": "a"}]
    return {"type": 3, "custom_id": "pick", "options": options, **changes}


def text(content: str) -> Json:
    return {"type": 10, "content": content}


FINE = [
    Draft(content="x" * 2000),
    Draft(embeds=[{"title": "t" * 256, "description": "d" * 4096}]),
    Draft(embeds=[{"fields": [{"name": "n", "value": "v" * 1024}] * 5}]),
    Draft(embeds=[{"image": {"url": "attachment://a.png"}}], filenames=["a.png"]),
    Draft(content="x", components=[row(*(button(custom_id=str(n)) for n in range(5)))]),
    Draft(content="x", components=[row(button(custom_id="c" * 100, label="l" * 80))]),
    Draft(content="x", components=[row(select(placeholder="p" * 150))]),
    Draft(
        content="x", components=[row({"type": 2, "style": 5, "label": "web", "url": "http://a"})]
    ),
    Draft(components=[text("t" * 4000)], flags=COMPONENTS_V2),
]


@pytest.mark.parametrize("draft", FINE)
def test_what_discord_allows(draft: Draft) -> None:
    forms.check_draft(draft)


REFUSED = [
    (Draft(content="x" * 2001), "content"),
    (Draft(embeds=[{"title": "t" * 257}]), "embeds.0.title"),
    (Draft(embeds=[{"description": "d" * 3001}] * 2), "embeds"),
    (Draft(embeds=[{"title": "x"}] * 11), "embeds"),
    (Draft(embeds=[{"fields": [{"name": "", "value": "v"}]}]), "embeds.0.fields.0.name"),
    (Draft(embeds=[{"footer": {"text": "f" * 2049}}]), "embeds.0.footer.text"),
    (Draft(embeds=[{"image": {"url": "attachment://b.png"}}]), "embeds.0.image.url"),
    (Draft(embeds=[{"title": "x", "url": "ftp://a"}]), "embeds.0.url"),
    (Draft(filenames=["a"] * 11), "files"),
    (Draft(content="x", components=[row(button())] * 6), "components"),
    (Draft(content="x", components=[button()]), "components.0.type"),
    (Draft(content="x", components=[row(button(), select())]), "components.0"),
    (
        Draft(content="x", components=[row(button(custom_id="c" * 101))]),
        "components.0.components.0.custom_id",
    ),
    (Draft(content="x", components=[row(button(label=""))]), "components.0.components.0"),
    (Draft(content="x", components=[row(button(), button())]), "components"),
    (Draft(content="x", components=[row(select(options=[]))]), "components.0.components.0.options"),
    (Draft(content="x", components=[text("hi")], flags=COMPONENTS_V2), "content"),
    (Draft(components=[text("t" * 4001)], flags=COMPONENTS_V2), "components"),
    (Draft(components=[text("t")] * 41, flags=COMPONENTS_V2), "components"),
]


@pytest.mark.parametrize(("draft", "path"), REFUSED)
def test_what_discord_refuses(draft: Draft, path: str) -> None:
    with pytest.raises(ApiError) as caught:
        forms.check_draft(draft)
    assert caught.value.body["code"] == 50035
    assert errors_at(caught.value, path)


def errors_at(error: ApiError, path: str) -> Any:
    node: Any = error.body["errors"]
    for key in path.split("."):
        node = node[key]
    return node["_errors"]


def test_an_empty_message_is_refused() -> None:
    with pytest.raises(ApiError, match="50006"):
        forms.check_draft(Draft())


def test_unmodelled_fields_are_no_secret() -> None:
    with pytest.raises(LoopbackFailure, match="poll"):
        forms.check_keys({"poll": {}})
    with pytest.raises(LoopbackFailure, match="type 99"):
        forms.check_draft(Draft(content="x", components=[row(), {"type": 99}]))


def test_every_file_needs_its_entry() -> None:
    forms.check_body({"attachments": [{"id": 0}]}, files=1)
    with pytest.raises(ApiError, match="no attachment entry"):
        forms.check_body({"attachments": []}, files=1)


@pytest.mark.parametrize(
    ("allowed", "pinged"),
    [
        (None, {"7", "everyone"}),
        ({"parse": []}, set()),
        ({"parse": ["users"]}, {"7"}),
        ({"parse": [], "users": ["7"]}, {"7"}),
        ({"parse": ["everyone"]}, {"everyone"}),
    ],
)
def test_whom_a_message_pings(allowed: Json | None, pinged: set[str]) -> None:
    assert mentions("<@7> and @everyone", allowed, {7: None}) == pinged


def label(**changes: object) -> Json:
    field = {"type": 4, "style": 1, "custom_id": "f", "label": "inner", **changes}
    return {"type": 18, "label": "Prompt", "component": field}


def test_modals() -> None:
    modal = {"title": "Remix", "custom_id": "m", "components": [label(value="v" * 1000)]}
    components.check_modal(modal)
    variants: list[Json] = [
        {"title": "t" * 46},
        {"components": []},
        {"components": [label(), label()]},
        {"components": [label(value="v" * 11, max_length=10)]},
        {"components": [label(placeholder="p" * 101)]},
    ]
    for wrong in variants:
        with pytest.raises(ApiError, match="50035"):
            components.check_modal({**modal, **wrong})


def command(**changes: object) -> Json:
    return {"name": "riff", "description": "make one", "options": [], "id": "1", **changes}


def option(**changes: object) -> Json:
    return {"name": "prompt", "description": "what", "type": 3, **changes}


def test_commands() -> None:
    commands.check([command(options=[option(required=True), option(name="seed", type=4)])])
    for wrong in (
        {"name": "Riff"},
        {"name": "two words"},
        {"description": ""},
        {"description": "d" * 101},
        {"options": [option(), option()]},
        {"options": [option(), option(name="late", required=True)]},
        {"options": [option(name=f"o{n}") for n in range(26)]},
        {"options": [option(choices=[{"name": "c", "value": "c"}] * 26)]},
        {"description_localizations": {"de": "d" * 101}},
    ):
        with pytest.raises(ApiError, match="50035"):
            commands.check([command(**wrong)])
    with pytest.raises(ApiError, match="repeat"):
        commands.check([command(), command()])


def test_a_call_of_a_grouped_command() -> None:
    sub = {"type": 1, "name": "start", "description": "go", "options": [option()]}
    found, chain = commands.find([command(name="jam", options=[sub])], "jam start")
    data = commands.call(found, chain, {"prompt": "funk"})
    assert data["options"] == [
        {
            "type": 1,
            "name": "start",
            "options": [{"type": 3, "name": "prompt", "value": "funk"}],
        }
    ]


def test_suggestions() -> None:
    commands.check_suggestions(option(), [{"name": "n" * 100, "value": "v"}] * 25)
    for wrong in ([{"name": "n", "value": "v"}] * 26, [{"name": "n" * 101, "value": "v"}]):
        with pytest.raises(ApiError, match="50035"):
            commands.check_suggestions(option(), wrong)
