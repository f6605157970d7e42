"""Idempotency keys for every write that is no command: the same key with the same request has the same answer.

A key is claimed before the work and its answer kept behind it. An answer may hold what is shown once, such as an
enrolment code, so it is kept sealed with the token that asked: nobody can open it from the store. A request that
ended without an answer (the relay was killed) is never done again: its key says so from then on.

Commands have keys of their own, kept with the command.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request, Response

from agent.clock import Clock
from relay.api.problems import Problem
from relay.store import repeats
from relay.store.repeats import ClaimedKey, KeyClaim
from relay.store.sql import Engine

HEADER: Final = "Idempotency-Key"
MAX_KEY_LENGTH: Final = 200
KEPT: Final = timedelta(hours=24)
MAX_KEPT: Final = 10_000  # keys of one tenant at a time
RETRY_SECONDS: Final = 60
WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
REPLAYED: Final = (b"idempotency-replayed", b"true")
_NONCE_BYTES: Final = 12
_SEAL: Final = b"groundwire kept answer 1"
_KEPT_HEADERS: Final = frozenset({b"content-type", b"location"})


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Repeated(Exception):
    """Ends a request with the answer that its key stands for."""

    def __init__(self, answer: KeptAnswer) -> None:
        super().__init__("repeated")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that this request holds until it is answered."""

    engine: Engine
    held: ClaimedKey
    seal: bytes

    async def keep(self, answer: KeptAnswer) -> None:
        sealed = _sealed(self.seal, answer)
        await self.engine.write(lambda db: repeats.keep(db, self.held, sealed))

    async def release(self) -> None:
        """Nothing was done: the key may be used again."""
        await self.engine.write(lambda db: repeats.release(db, self.held))


def needs_key(route: Any, method: str) -> bool:
    """Whether keys of this route are kept here: those of commands are kept with the command."""
    return method in WRITES and HEADER.lower() not in _header_names(route.dependant)


def _header_names(dependant: Any) -> set[str]:
    names = {str(field.alias).lower() for field in dependant.header_params}
    return names.union(*(_header_names(inner) for inner in dependant.dependencies))


async def claim(request: Request, engine: Engine, tenant: str, token: str, clock: Clock) -> Claim | None:
    """Raises Repeated for a request that was answered before, Problem for a key that cannot be used."""
    key = request.headers.get(HEADER)
    if key is None or not needs_key(request.scope["route"], request.method):
        return None
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{HEADER} has 1 to {MAX_KEY_LENGTH} characters.")
    now = clock.utcnow()
    held = ClaimedKey(tenant, hashlib.sha256(key.encode()).digest(), await _request_hash(request), now)
    seal = hmac.digest(token.encode(), _SEAL + tenant.encode() + b"\0" + held.key, "sha256")
    found, answer = await engine.write(lambda db: repeats.claim(db, held, now - KEPT, MAX_KEPT))
    match found:
        case KeyClaim.NEW:
            return Claim(engine, held, seal)
        case KeyClaim.CONFLICT:
            raise Problem(
                HTTPStatus.CONFLICT,
                "The idempotency key was used for another request; take a new one for this.",
            )
        case KeyClaim.UNANSWERED:
            raise Problem(
                HTTPStatus.CONFLICT,
                "A request with this idempotency key is under way, or ended without an answer. Repeat it in a moment; "
                "if this answer stays, look whether what it asked for is there, and take a new key if it is not.",
                headers={"Retry-After": "1"},
            )
        case KeyClaim.TOO_MANY:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"There are {MAX_KEPT} idempotency keys of the last 24 hours; leave the header out or ask later.",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        case KeyClaim.ANSWERED:
            raise Repeated(_opened(seal, answer))


async def repeated(_request: Request, error: Exception) -> Response:
    """The answer to a request that was answered before."""
    if not isinstance(error, Repeated):
        raise error
    found = Response(error.answer.body, error.answer.status)
    found.raw_headers = [*found.raw_headers, *error.answer.headers, REPLAYED]
    return found


async def _request_hash(request: Request) -> bytes:
    whole = hashlib.sha256()
    for part in (request.method, request.url.path, request.url.query):
        whole.update(part.encode() + b"\0")
    whole.update(await request.body())
    return whole.digest()


def kept(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> KeptAnswer:
    return KeptAnswer(status, [pair for pair in headers if pair[0].lower() in _KEPT_HEADERS], body)


def _sealed(seal: bytes, answer: KeptAnswer) -> bytes:
    head = orjson.dumps([answer.status, [[n.decode(), v.decode("latin-1")] for n, v in answer.headers]])
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(seal).encrypt(nonce, head + b"\n" + answer.body, None)


def _opened(seal: bytes, kept_answer: bytes) -> KeptAnswer:
    try:
        whole = AESGCM(seal).decrypt(kept_answer[:_NONCE_BYTES], kept_answer[_NONCE_BYTES:], None)
    except InvalidTag as error:
        raise Problem(
            HTTPStatus.CONFLICT,
            "The idempotency key was used with another token, which alone can have its answer again.",
        ) from error
    head, _, body = whole.partition(b"\n")
    status, headers = orjson.loads(head)
    return KeptAnswer(status, [(name.encode(), value.encode("latin-1")) for name, value in headers], body)
