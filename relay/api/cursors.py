"""Opaque cursors: a place in change order, which is sealed, or the id that a page ended with.

An id bears a mark of its tenant's. It keeps no secret, for a cursor shows nothing but what its reader may see anyhow:
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
from relay.cursors import Bookmark, Cursors, OutlivedCursor, StrangeCursor, Taken

_MAX_LENGTH: Final = 200  # characters; ours are under 80
_MARK_BYTES: Final = 6
LIST: Final = "list"  # what cursors of lists in change order are good for


def place_of(cursors: Cursors, tenant: str, cursor: str) -> Taken:
    """Where a list in change order goes on."""
    try:
        return cursors.take(cursor, tenant, LIST)
    except StrangeCursor as error:
        raise strange_cursor() from error


async def bookmark_of(cursors: Cursors, taken: Taken) -> Bookmark:
    """The means to say where the list goes on behind a page. To be asked for when the page was read."""
    try:
        return await cursors.bear_out(taken)
    except OutlivedCursor as error:
        raise outlived() from error


def outlived() -> Problem:
    return Problem(
        HTTPStatus.GONE,
        "The relay came back from a backup that is older than this cursor. Begin without a cursor, and remove what has "
        "not come again when everything has.",
    )


def encode_id(last: str) -> str:
    return _encode(["i", last, _mark()])


def decode_id(cursor: str) -> str:
    if not cursor:
        return ""
    match _decode(cursor):
        case ["i", str(last), *marks] if last and _ours(marks):
            return last
    raise strange_cursor()


def _mark() -> str:
    return hashlib.blake2b(acting().tenant.encode(), digest_size=_MARK_BYTES).hexdigest()


def _ours(marks: list[Any]) -> bool:
    return marks in ([], [_mark()])


def _encode(value: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def _decode(cursor: str) -> Any:
    if len(cursor) > _MAX_LENGTH:
        raise strange_cursor()
    try:
        return orjson.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValueError) as error:
        raise strange_cursor() from error


def strange_cursor() -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The cursor is not one that this list gave out; send `nextCursor` as it came, or none to begin anew.",
    )
