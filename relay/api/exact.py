"""Bodies read such that nothing in them is altered on the way to an agent.

A number with a fraction is refused instead of passed on: somewhere on its way it would become a binary fraction, and
0.1 is none. The same for integers that not every JSON reader keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from agent.protocol.faults import MAX_SEQ, ProtocolFault
from agent.protocol.strict import parse_object
from relay.api.problems import MAX_FAULTS, Problem

LARGEST_INTEGER: Final = MAX_SEQ  # 2^53 - 1
_JSON: Final = "application/json"
_FRACTION: Final = 'A number with a fraction is not exact in JSON: send it as text, such as "12.50".'
_TOO_LARGE: Final = "An integer beyond 2^53 is not exact in JSON: send it as text."


@dataclass(frozen=True, slots=True)
class _Inexact:
    """Stands where a number was that cannot be taken."""

    why: str


def _fraction(_text: str) -> _Inexact:
    return _Inexact(_FRACTION)


def _integer(text: str) -> int | _Inexact:
    if len(text) > len(str(LARGEST_INTEGER)) + 1 or abs(int(text)) > LARGEST_INTEGER:
        return _Inexact(_TOO_LARGE)
    return int(text)


def read_object(raw: bytes) -> dict[str, Any]:
    """A JSON object whose every value is exactly what was sent; raises Problem for anything else."""
    try:
        text = raw.decode()
        json.dumps(parse_object(text), ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "The body is not UTF-8; send JSON in UTF-8."
        ) from error
    except UnicodeEncodeError as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "The body holds half a character: \\ud800 to \\udfff."
        ) from error
    except ProtocolFault as fault:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"The body cannot be taken: {fault.message}."
        ) from fault
    found: dict[str, Any] = json.loads(text, parse_float=_fraction, parse_int=_integer)
    faults = [{"where": place, "message": number.why} for place, number in _inexact_numbers(found, "body")]
    if faults:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Amounts and other numbers that are no small integers are sent as text.",
            errors=faults[:MAX_FAULTS],
        )
    return found


def _inexact_numbers(value: Any, place: str) -> Iterator[tuple[str, _Inexact]]:
    if isinstance(value, _Inexact):
        yield place[:200], value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _inexact_numbers(item, f"{place}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _inexact_numbers(item, f"{place}.{number}")


async def _record(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", _JSON).partition(";")[0].strip().lower() != _JSON:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body is to be {_JSON}.")
    return read_object(await request.body())


async def exact_body(request: Request) -> None:
    """For bodies that the framework reads too: it would take what `read_object` refuses. `null` is no body."""
    raw = await request.body()
    if raw.strip() not in {b"", b"null"}:
        read_object(raw)


Record = Annotated[dict[str, Any], Depends(_record)]
