"""JSON objects as the wire allows them: bounded, no duplicate keys, no deep nesting, no NaN."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from agent.protocol.faults import MAX_DEPTH, Fault, ProtocolFault

# A string always matches, closed or not, so the scan stays linear on hostile input.
_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse_object(text: str) -> dict[str, Any]:
    _refuse_deep(text)
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolFault(Fault.MALFORMED, "not valid JSON") from error
    if not isinstance(value, dict):
        raise ProtocolFault(Fault.MALFORMED, "not a JSON object")
    return value


def _refuse_deep(text: str) -> None:
    depth = 0
    for token in _TOKENS.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ProtocolFault(Fault.MALFORMED, f"nested deeper than {MAX_DEPTH}")
        elif first in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ProtocolFault(Fault.MALFORMED, "a key appears twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ProtocolFault(Fault.MALFORMED, f"{name} is not JSON")
