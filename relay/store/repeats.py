"""Idempotency keys of writes that are no commands, with their answers, in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from relay.store.base import to_micros
from relay.store.sql import Sql


@dataclass(frozen=True, slots=True)
class ClaimedKey:
    tenant: str
    key: bytes  # its hash: what somebody takes for a key is nobody's business
    request: bytes  # hash of what a repeat must have in common
    at: datetime


class KeyClaim(StrEnum):
    NEW = "new"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"  # under way, or ended with the process that worked on it
    CONFLICT = "conflict"  # it stands for another request
    TOO_MANY = "too_many"


def claim(db: Sql, claimed: ClaimedKey, since: datetime, most: int) -> tuple[KeyClaim, bytes]:
    """Keys from before `since` are forgotten; of one tenant at most `most` are kept."""
    db.change("DELETE FROM kept_answers WHERE tenant = ? AND at < ?", (claimed.tenant, to_micros(since)))
    known = db.row(
        "SELECT request, answer FROM kept_answers WHERE tenant = ? AND key = ?", (claimed.tenant, claimed.key)
    )
    if known is None:
        return _add(db, claimed, most), b""
    request, answer = known
    if request != claimed.request:
        return KeyClaim.CONFLICT, b""
    return (KeyClaim.UNANSWERED, b"") if answer is None else (KeyClaim.ANSWERED, answer)


def _add(db: Sql, claimed: ClaimedKey, most: int) -> KeyClaim:
    if db.value("SELECT count(*) FROM kept_answers WHERE tenant = ?", (claimed.tenant,)) >= most:
        return KeyClaim.TOO_MANY
    added = db.change(
        "INSERT INTO kept_answers (tenant, key, request, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (claimed.tenant, claimed.key, claimed.request, to_micros(claimed.at)),
    )
    return KeyClaim.NEW if added else KeyClaim.UNANSWERED


def keep(db: Sql, claimed: ClaimedKey, answer: bytes) -> None:
    db.change(
        "UPDATE kept_answers SET answer = ? WHERE tenant = ? AND key = ?",
        (answer, claimed.tenant, claimed.key),
    )


def release(db: Sql, claimed: ClaimedKey) -> None:
    db.change(
        "DELETE FROM kept_answers WHERE tenant = ? AND key = ? AND answer IS NULL",
        (claimed.tenant, claimed.key),
    )
