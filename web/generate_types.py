"""Write what the page shares with Python into web/src/shared/.

The page protocol (riffbot/web/schema.py and bodies.py) becomes protocol.ts, the advice on denoising
(riffbot/clips/denoising_advice.py) denoising_advice.json.

    python web/generate_types.py

Values that the server sends are interfaces without `undefined`, except `NotRequired` fields and a
request's optional fields, which are left out rather than null. In bodies that the server reads a
field with a default is optional, and null counts as left out.
"""

from __future__ import annotations

import inspect
import json
import types
from enum import Enum
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic import BaseModel

from riffbot import request
from riffbot.clips.denoising_advice import DENOISING_RANGES
from riffbot.web import bodies, schema
from riffbot.web.bodies import Body, LenientBody

SHARED = Path(__file__).resolve().parent / "src" / "shared"

HEADER = """\
// The page protocol: JSON between this page and RiffBot's server.
// Generated from riffbot/web/{schema,bodies}.py by `python web/generate_types.py`; do not edit.
"""

NEW_RIFF = """\
/** `POST /api/riffs`: a request, and the id of the riff that it was made from. */
export type NewRiff = Partial<RiffRequest> &
  Pick<RiffRequest, "prompt"> & { parent?: string | null };
"""

REQUEST_MODELS = (
    request.Target,
    request.Extend,
    request.Morph,
    request.Layer,
    request.RiffRequest,
)
"""Parts of a `RiffRequest`, in the order in which they are written."""

_PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


def generate_all() -> dict[str, str]:
    """The files of web/src/shared/ that are written here, by name."""
    return {
        "protocol.ts": generate_protocol(),
        "denoising_advice.json": generate_denoising_advice(),
    }


def generate_denoising_advice() -> str:
    """The ranges of denoising with one sentence each, as a JSON array."""
    ranges = [{"start": one.start, "advice": one.advice} for one in DENOISING_RANGES]
    return json.dumps(ranges, ensure_ascii=False, indent=2) + "\n"


def generate_protocol() -> str:
    """The types of the page protocol."""
    own = [value for half in (schema, bodies) for value in vars(half).values() if _is_own(value)]
    parts = [HEADER]
    for model in REQUEST_MODELS:
        doc = f"riffbot/request.py, `{model.__name__}`"
        parts.append(_interface(model, _sent_fields(model), doc))
    parts.append(NEW_RIFF)
    for value in own:
        fields = _typed_dict_fields(value) if is_typeddict(value) else _read_fields(value)
        parts.append(_interface(value, fields, value.__doc__ or ""))
    return "\n".join(parts)


def _is_own(value: object) -> bool:
    if value in (Body, LenientBody):
        return False
    return inspect.isclass(value) and value.__module__ in (schema.__name__, bodies.__name__)


def _interface(cls: Any, fields: dict[str, str], doc: str) -> str:
    bases = [base for base in getattr(cls, "__orig_bases__", cls.__bases__) if _is_own(base)]
    extends = f" extends {', '.join(base.__name__ for base in bases)}" if bases else ""
    inherited = {name for base in bases for name in get_type_hints(base)}
    lines = [f"  {name}: {ts};" for name, ts in fields.items() if name.rstrip("?") not in inherited]
    return "\n".join(
        [*_comment(doc), f"export interface {cls.__name__}{extends} {{", *lines, "}", ""]
    )


def _comment(doc: str) -> list[str]:
    lines = inspect.cleandoc(doc).splitlines()
    if len(lines) == 1:
        return [f"/** {lines[0]} */"]
    return ["/**", *(f" * {line}".rstrip() for line in lines), " */"]


def _typed_dict_fields(cls: Any) -> dict[str, str]:
    total = cls.__total__
    fields = {}
    for name, hint in get_type_hints(cls, include_extras=True).items():
        optional = get_origin(hint) is NotRequired or not total
        inner = get_args(hint)[0] if get_origin(hint) is NotRequired else hint
        fields[f"{name}{'?' * optional}"] = _type(inner)
    return fields


def _sent_fields(model: type[BaseModel]) -> dict[str, str]:
    """Fields of a model as `model_dump(exclude_none=True)` writes them."""
    fields = {}
    for name, field in model.model_fields.items():
        kinds = [kind for kind in _alternatives(field.annotation) if kind != "null"]
        optional = "null" in _alternatives(field.annotation)
        fields[f"{name}{'?' * optional}"] = " | ".join(kinds)
    return fields


def _read_fields(model: type[Body]) -> dict[str, str]:
    """Fields of a body as a browser may send them."""
    fields = {}
    for name, field in model.model_fields.items():
        kinds = _alternatives(field.annotation)
        if not field.is_required():
            kinds = [*dict.fromkeys([*kinds, "null"])]
        fields[f"{name}{'' if field.is_required() else '?'}"] = " | ".join(kinds)
    return fields


def _alternatives(hint: Any) -> list[str]:
    """The TypeScript types that a hint stands for."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        model = next((meta for meta in arguments[1:] if _is_model(meta)), arguments[0])
        return _alternatives(model)
    if origin in (Union, types.UnionType):
        return [ts for argument in arguments for ts in _alternatives(argument)]
    if origin is Literal:
        return [json.dumps(value) for value in arguments]
    if origin is list:
        inner = _type(arguments[0])
        return [f"({inner})[]" if " | " in inner else f"{inner}[]"]
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return [json.dumps(member.value) for member in hint]
    if hint in _PLAIN:
        return [_PLAIN[hint]]
    if is_typeddict(hint) or _is_model(hint):
        return [hint.__name__]
    raise TypeError(f"no TypeScript for {hint!r}")


def _type(hint: Any) -> str:
    return " | ".join(_alternatives(hint))


def _is_model(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, BaseModel)


if __name__ == "__main__":
    for name, text in generate_all().items():
        (SHARED / name).write_text(text, "utf-8")
