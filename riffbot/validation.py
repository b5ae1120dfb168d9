"""Validates a person's values with pydantic, and describes the first error in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from riffbot.errors import BadRequest, shorten

ModelT = TypeVar("ModelT", bound=BaseModel)


def validate(
    model: type[ModelT],
    fields: Mapping[str, object],
    *,
    strict: bool | None = None,
    context: Any = None,
) -> ModelT:
    """Build a model from untrusted values.

    Args:
        strict: accept no value of another type: no `"1"` for 1.
        context: passed to the model's validators.

    Raises:
        BadRequest: one sentence that names the first invalid field and what it may be.
    """
    try:
        return model.model_validate(fields, strict=strict, context=context)
    except ValidationError as error:
        raise BadRequest(describe_validation_error(error)) from error


def describe_validation_error(error: ValidationError) -> str:
    """Describe pydantic's first error as one sentence for a person.

    It quotes at most some characters of the value, however long that is.
    """
    first = error.errors(include_url=False)[0]
    field = shorten(".".join(map(str, first["loc"])))
    value = first.get("input")
    limits = first.get("ctx", {})
    name = field.replace("_", " ")
    match first["type"]:
        case "missing":
            return f"The request needs a {field}."
        case "extra_forbidden":
            return f"There is no setting called “{field}”; please check its spelling."
        case "string_too_short":
            return f"The {field} is empty: write what you want to hear, for example “funky sax”."
        case "string_too_long":
            return (
                f"The {field} is too long: please keep it under {limits['max_length']} characters."
            )
        case "greater_than_equal":
            limit = f"{limits['ge']:.10g}"
            return f"{field.capitalize()} must be {limit} or more, not {_format_value(value)}."
        case "less_than_equal":
            limit = f"{limits['le']:.10g}"
            return f"{field.capitalize()} must be {limit} or less, not {_format_value(value)}."
        case "string_pattern_mismatch":
            return f"“{shorten(str(value))}” is no {name} that I know."
        case "json_invalid":
            return "That is not a riff's recipe: the JSON cannot be read."
        case "value_error":
            return f"{str(limits['error']).capitalize()}."
        case "string_unicode":
            return f"The {name} has half of a character in it: please type it anew."
        case kind if kind in _EXPECTED and field:
            return f"The {name} must be {_EXPECTED[kind]}, not {_format_value(value)}."
        case _:
            where = f"{field}: " if field else ""
            return f"{where}{shorten(first['msg'], 120)} (got {_format_value(value)})."


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of some digits",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
"""Pydantic's error types for a value of the wrong type, and what was expected."""


def _format_value(value: object) -> str:
    """Format an invalid value in at most some 40 characters; never raises."""
    if isinstance(value, int) and abs(value) >= 10**20:  # str() refuses 4,300 digits
        return "a number of more than 20 digits"
    if isinstance(value, str):  # in quotes, which Discord's markdown goes by
        return f"“{shorten(value)}”"
    if isinstance(value, int | float) or value is None:
        return shorten(repr(value))
    return "a list" if isinstance(value, list | tuple) else "an object"
