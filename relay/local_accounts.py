"""What the operator does with keys and the audit log at the relay's host: asked of the running relay over its local
socket, or done on the store itself where none runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from agent.clock import Clock
from agent.control import Handler, Progress, caller
from agent.errors import ConfigurationError
from agent.model.run import rfc3339
from relay.acting import Actor, ActorKind, acting_as
from relay.deeds import Check, Head
from relay.identities import create_admin_key, create_code, create_tenant, create_token
from relay.store.administration import Administration
from relay.store.base import Store, TokenScope
from relay.store.keys import Kind

CREATE_TOKEN: Final = "create_token"  # noqa: S105 - a word
CREATE_CODE: Final = "create_code"
CREATE_ADMIN_KEY: Final = "create_admin_key"
LIST_ADMIN_KEYS: Final = "list_admin_keys"
REVOKE_ADMIN_KEY: Final = "revoke_admin_key"
VERIFY_AUDIT: Final = "verify_audit"
READ_LINES: Final = 1_000  # of the audit log at a time

Call = Callable[[Store, Mapping[str, Any], Clock], Awaitable[dict[str, Any]]]


async def _create_token(store: Store, args: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    now = clock.utcnow()
    await create_tenant(store, args["tenant"], now)
    scopes = frozenset(map(TokenScope, args["scopes"]))
    expires = None if args.get("days") is None else now + timedelta(days=args["days"])
    made = await create_token(store, args["tenant"], args["name"], now, scopes=scopes, expires_at=expires)
    return {"secret": made.text}


async def _create_code(store: Store, args: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    lifetime = timedelta(seconds=args["seconds"])
    code, _ = await create_code(
        store, args["tenant"], agent_name=args["agent"], lifetime=lifetime, now=clock.utcnow()
    )
    return {"secret": code.shown}


async def _create_admin_key(store: Store, args: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    return {"secret": (await create_admin_key(store, args["name"], clock.utcnow())).text}


async def _list_admin_keys(store: Store, _args: Mapping[str, Any], _clock: Clock) -> dict[str, Any]:
    found = await Administration(store.engine).keys(Kind.ADMIN, "", "", READ_LINES)
    keys = [
        {
            "id": key.id,
            "name": key.name,
            "createdAt": rfc3339(key.created_at),
            "lastUsedAt": None if key.last_used_at is None else rfc3339(key.last_used_at),
            "revokedAt": None if key.revoked_at is None else rfc3339(key.revoked_at),
        }
        for key in found
    ]
    return {"keys": keys}


async def _revoke_admin_key(store: Store, args: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    found = await Administration(store.engine).revoke_key(Kind.ADMIN, "", args["id"], clock.utcnow())
    if found is None:
        raise ConfigurationError(
            "There is no admin key of this id.", hint="`groundwire relay admin-key list` shows them."
        )
    return {"id": found.id}


async def _verify_audit(store: Store, args: Mapping[str, Any], _clock: Clock) -> dict[str, Any]:
    """Every chain from its first line to its head; `noted` are heads that somebody wrote down earlier."""
    administration = Administration(store.engine)
    noted: Mapping[str, list[Any]] = args.get("noted", {})
    faults: list[str] = []
    heads: dict[str, list[Any]] = {}
    chains, after = list(noted), ""
    while page := await administration.chains(after, READ_LINES):
        chains += page
        after = page[-1]
        if len(page) < READ_LINES:
            break
    for chain in sorted({"", *chains}):
        check = await _checked(administration, chain, noted.get(chain))
        faults += check.faults
        heads[chain] = [check.head.n, check.head.hash]
    return {"faults": faults, "heads": heads}


async def _checked(administration: Administration, chain: str, noted: list[Any] | None) -> Check:
    known = await administration.chain_head(chain)
    check = Check(chain, noted=None if noted is None else Head(int(noted[0]), str(noted[1])))
    while lines := await administration.chain(chain, check.head.n, READ_LINES):
        check.see(line for line in lines if line.n <= known.n)  # others came since
        if len(lines) < READ_LINES or check.head.n >= known.n:
            break
    check.end(known)
    return check


CALLS: Final[Mapping[str, Call]] = {
    CREATE_TOKEN: _create_token,
    CREATE_CODE: _create_code,
    CREATE_ADMIN_KEY: _create_admin_key,
    LIST_ADMIN_KEYS: _list_admin_keys,
    REVOKE_ADMIN_KEY: _revoke_admin_key,
    VERIFY_AUDIT: _verify_audit,
}


async def carry_out(store: Store, name: str, args: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    """As whoever asked, who is at this host."""
    with acting_as(Actor(ActorKind.LOCAL, caller().name)):
        return await CALLS[name](store, args, clock)


def handlers(store: Store, clock: Clock) -> dict[str, Handler]:
    """For the local socket."""

    def handler(name: str) -> Handler:
        async def handle(args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
            return await carry_out(store, name, args, clock)

        return handle

    return {name: handler(name) for name in CALLS}
