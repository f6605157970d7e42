"""From the JSON of a command to the arguments of its kind, or to what is wrong with each field. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, Field, ValidationError

from agent.commands.ports import FieldFault, Refused

MAX_FAULTS: Final = 50  # told of one command
MAX_PART_CHARS: Final = 64  # of a name that the command made up

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"

Name = Annotated[str, Field(pattern=NAME_PATTERN)]  # of a connection or stream
EntityName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
KeyText = Annotated[str, Field(min_length=1, max_length=4_096)]

_MODEL = TypeVar("_MODEL", bound=BaseModel)

# pydantic's words for what is wrong, in ours; the rest is "invalid".
_CODES: Final[Mapping[str, str]] = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "string_type": "not_a_text",
    "int_type": "not_a_number",
    "bool_type": "not_true_or_false",
    "list_type": "not_a_list",
    "dict_type": "not_an_object",
    "model_type": "not_an_object",
    "string_pattern_mismatch": "invalid",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "too_long": "too_long",
    "too_short": "too_short",
}
_MESSAGES: Final[Mapping[str, str]] = {
    "required": "is missing",
    "unknown_field": "is not an argument of this command",
    "not_a_text": "must be a text",
    "not_a_number": "must be a whole number",
    "not_true_or_false": "must be true or false",
    "not_a_list": "must be a list",
    "not_an_object": "must be an object",
    "too_long": "is too long",
    "too_short": "is too short",
}


def read_arguments(model: type[_MODEL], args: Mapping[str, Any]) -> _MODEL:
    """Raises Refused, `bad_arguments`, with a fault for each field."""
    try:
        return model.model_validate(args)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise Refused("bad_arguments", tuple(_fault(one) for one in found[:MAX_FAULTS])) from None


def place(parts: tuple[str | int, ...]) -> str:
    """`("lineItems", 2, "quantity")` as `lineItems[2].quantity`."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + part[:MAX_PART_CHARS]
    return text


def _fault(problem: Mapping[str, Any]) -> FieldFault:
    code = _CODES.get(problem["type"], "invalid")
    # Our own words only: pydantic's could repeat what was sent.
    return FieldFault(place(problem["loc"]), code, _MESSAGES.get(code, "is not valid"))
