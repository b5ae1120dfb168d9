"""Filling in a modal: what the client checks, and what it sends."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from tests.support.loopback.components import LABEL, TEXT_INPUT, modal_fields
from tests.support.loopback.errors import Json, LoopbackFailure


def filled(modal: Json, values: Mapping[str, str]) -> Json:
    """The `data` of a submitted modal.

    Args:
        values: by custom_id or label; a field that is not named keeps what it was prefilled with.

    Raises:
        LoopbackFailure: no such field, or Discord's client would refuse the text.
    """
    answers = {field["custom_id"]: _answer(field, values) for field in modal_fields(modal)}
    names = {name for field in modal_fields(modal) for name in (field["custom_id"], field["label"])}
    unknown = values.keys() - names
    if unknown:
        raise LoopbackFailure(f"the modal has no field {sorted(unknown)}; it has {sorted(names)}")
    return {"custom_id": modal["custom_id"], "components": _sent(modal, answers)}


def _answer(field: Json, values: Mapping[str, str]) -> str:
    if field["type"] != TEXT_INPUT:
        raise LoopbackFailure(f"the loopback fills in no modal field of type {field['type']}")
    text = values.get(field["custom_id"], values.get(field["label"], field.get("value") or ""))
    low = field.get("min_length") or (1 if field.get("required", True) else 0)
    if not low <= len(text) <= field.get("max_length", 4000) and (text or low):
        raise LoopbackFailure(f"Discord's client refuses {text!r} for {field}")
    return text


def _sent(modal: Json, answers: Mapping[str, str]) -> list[Json]:
    number = 0

    def answer(field: Json) -> Json:
        nonlocal number
        number += 1
        custom_id = field["custom_id"]
        return {
            "id": number,
            "type": TEXT_INPUT,
            "custom_id": custom_id,
            "value": answers[custom_id],
        }

    sent = []
    for part in copy.deepcopy(modal["components"]):
        number += 1
        shell = {"id": number, "type": part["type"]}
        if part["type"] == LABEL:
            sent.append({**shell, "component": answer(part["component"])})
        elif "components" in part:
            sent.append({**shell, "components": [answer(field) for field in part["components"]]})
        else:
            sent.append(shell)
    return sent
