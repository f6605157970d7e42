"""What of an answer travels: JSON that fits into one frame. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from agent.commands.ports import Answer, FieldFault, State
from agent.policy.decision import Decision

_WORDS: Final[Mapping[str, str]] = {
    "amount_unknown": "the local policy limits amounts, and what this comes to cannot be told: give the currency, and "
    "of each line quantity and price, or a total",
    "currency_not_allowed": "the local policy does not allow this currency",
    "field_not_allowed": "the local policy does not allow this field to be set",
    "status_not_allowed": "the local policy does not allow this status to be set",
}
RESULT_BYTES: Final = 60 * 1024  # a control frame holds 64 KiB, with its other fields


def refusal(code: str, faults: Sequence[FieldFault] = ()) -> Answer:
    return Answer(State.REFUSED, told(code, faults))


def refusal_of(decision: Decision) -> Answer:
    """What the relay learns of a decision: its code and the fields, never its reason."""
    message = _WORDS.get(decision.code, "the local policy does not allow it")
    return refusal(decision.code, [FieldFault(name, decision.code, message) for name in decision.fields])


def told(code: str, faults: Sequence[FieldFault] = ()) -> dict[str, Any]:
    """A code, and which fields it is about."""
    if not faults:
        return {"code": code}
    fields = [{"field": one.field, "code": one.code, "message": one.message} for one in faults]
    while not fits({"code": code, "fields": fields}):
        fields = fields[: len(fields) // 2]
    return {"code": code, "fields": fields}


def fitting(answer: Answer) -> Answer:
    """The answer as it can be stored and sent: what is too large, or no JSON, gives way to a code."""
    try:
        orjson.dumps(dict(answer.result))  # the journal's writer; it knows no integers beyond 64 bits
        fit = fits(answer.result)
    except (TypeError, ValueError, RecursionError):
        return Answer(answer.state, {"code": "unexpected"})
    return answer if fit else Answer(answer.state, {"code": "result_too_large"})


def fits(result: Mapping[str, Any]) -> bool:
    """Whether the result fits into its frame, which is ASCII: other characters take six bytes or more."""
    return size_of(result) <= RESULT_BYTES


def size_of(value: Any) -> int:
    """Bytes of a value in a frame."""
    return len(json.dumps(value, separators=(",", ":"), allow_nan=False))
