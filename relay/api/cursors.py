"""Opaque cursors: a place in change order, or the id that a page ended with.

Each bears a mark of its tenant's. It keeps no secret, for a cursor shows nothing but what its reader may see anyhow:
it tells a cursor that got to the wrong tenant from one that is right. Those of before there were marks are taken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from http import HTTPStatus
from typing import Any, Final

import orjson

from relay.acting import acting
from relay.api.problems import Problem
from relay.store.base import Place

_MAX_LENGTH: Final = 200  # characters; ours are under 80
_MARK_BYTES: Final = 6
_LARGEST: Final = 2**63 - 1


def encode_place(place: Place) -> str:
    return _encode(["p", place.position, place.row, _mark()])


def decode_place(cursor: str) -> Place:
    if not cursor:
        return Place()
    match _decode(cursor):
        case ["p", int(position), int(row), *marks] if (
            _ours(marks) and 0 <= position <= _LARGEST and -1 <= row <= _LARGEST
        ):
            return Place(position, row)
    raise _strange()


def encode_id(last: str) -> str:
    return _encode(["i", last, _mark()])


def decode_id(cursor: str) -> str:
    if not cursor:
        return ""
    match _decode(cursor):
        case ["i", str(last), *marks] if last and _ours(marks):
            return last
    raise _strange()


def _mark() -> str:
    return hashlib.blake2b(acting().tenant.encode(), digest_size=_MARK_BYTES).hexdigest()


def _ours(marks: list[Any]) -> bool:
    return marks in ([], [_mark()])


def _encode(value: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def _decode(cursor: str) -> Any:
    if len(cursor) > _MAX_LENGTH:
        raise _strange()
    try:
        return orjson.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValueError) as error:
        raise _strange() from error


def _strange() -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The cursor is not one that this list gave out.")
