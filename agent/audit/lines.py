"""One line of the audit log as text, and the hash that ties it to the line before. Pure.

    {"n":7,"moment":"...","action":"...","actor":{"origin":"...","name":"..."},"facts":{...},"hash":"<64 hex digits>"}

The hash covers the hash of the line before and every byte of its own line up to `,"hash":`, so nothing has to be
brought into a standard form again before it is checked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from agent.audit.trail import Actor, Origin

GENESIS: Final = "0" * 64  # stands for the line before the first one
MAX_LINE_BYTES: Final = 32 * 1024  # twice what `bounded` in facts.py lets through

BEGUN: Final = "log_begun"
FILE_BEGUN: Final = "file_begun"
BROKEN: Final = "chain_broken"
CHECKPOINT: Final = "checkpoint"
HEADERS: Final = frozenset({BEGUN, FILE_BEGUN, BROKEN})  # the first line of a file is one of these

_DOMAIN: Final = b"groundwire audit line 1\n"
_TAIL: Final = re.compile(rb',"hash":"([0-9a-f]{64})"\}\Z')


@dataclass(frozen=True, slots=True)
class Line:
    n: int
    moment: datetime
    action: str
    actor: Actor
    facts: Mapping[str, Any]
    hash: str
    covered: bytes = field(repr=False)  # the bytes that the hash is over, besides the hash before

    def follows(self, previous: str) -> bool:
        """Whether this line is as it was written, directly behind the line with that hash."""
        return self.hash == chained(previous, self.covered)

    def as_document(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "moment": render_moment(self.moment),
            "action": self.action,
            "actor": {"origin": self.actor.origin.value, "name": self.actor.name},
            "facts": dict(self.facts),
            "hash": self.hash,
        }


def make_line(
    previous: str, n: int, moment: datetime, action: str, actor: Actor, facts: Mapping[str, Any]
) -> tuple[bytes, str]:
    """The bytes of a line without its line end, and its hash."""
    content = {
        "n": n,
        "moment": render_moment(moment),
        "action": action,
        "actor": {"origin": actor.origin.value, "name": actor.name},
        "facts": facts,
    }
    covered = orjson.dumps(content)[:-1]
    found = chained(previous, covered)
    return covered + b',"hash":"' + found.encode() + b'"}', found


def chained(previous: str, covered: bytes) -> str:
    return hashlib.sha256(_DOMAIN + previous.encode() + b"\n" + covered).hexdigest()


def parse_line(raw: bytes) -> Line:
    """Read a line, without its line end. Raises ValueError for what can be none; the hash is not checked here."""
    tail = _TAIL.search(raw)
    if tail is None or len(raw) > MAX_LINE_BYTES:
        raise ValueError("not a line of the audit log")
    body = orjson.loads(raw)
    try:
        actor = Actor(Origin(body["actor"]["origin"]), str(body["actor"]["name"]))
        n, facts, action = body["n"], body["facts"], body["action"]
        moment = datetime.fromisoformat(body["moment"])
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError("not a line of the audit log") from error
    if type(n) is not int or not isinstance(facts, dict) or not isinstance(action, str):
        raise ValueError("not a line of the audit log")
    if moment.tzinfo is None:
        raise ValueError("a moment without its time zone")
    return Line(n, moment, action, actor, facts, tail[1].decode(), raw[: tail.start()])


def render_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
