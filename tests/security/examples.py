"""An id of acme's for every path parameter of the API, and one that nobody has; a body for each request that needs one.

Whoever adds a route with a new parameter, or with a body that must not be empty, adds its example here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from relay.events import Event, EventType, event_id
from relay.health.alerts import Alert
from relay.health.rules import Rule
from relay.identities import new_id
from relay.lifecycle import CommandState
from relay.store import alerts, deliveries, events
from relay.store.sql import Sql
from tests.unit.relay.api.serving import Served
from tests.unit.relay.making import NOW, Sender


@dataclass(frozen=True)
class Example:
    theirs: str  # acme's, made by `examples`
    nobodys: str  # of the same form


KEYS: Final = frozenset(
    {"key", "stream", "connection", "entity", "rule", "tenant"}
)  # names that anybody may choose: no secret in themselves

Body = Any | Callable[[dict[str, Example], bool], Any]
_CHANGES: Final = [{"path": ["notes"], "spec": "Comment"}]
_ENTITIES: Final = ("purchase-orders", "work-orders", "inventory-items", "vendors", "assets")
_OF: Final = "/api/v1/connections/{connection}"
_MAPPING: Final = f"{_OF}/streams/{{stream}}/mapping"


def _records() -> dict[str, Body]:
    found: dict[str, Body] = {}
    for entity in _ENTITIES:
        found[f"POST {_OF}/{entity}"] = {}
        found[f"PATCH {_OF}/{entity}/{{key:key}}"] = {"notes": "x"}
        found[f"POST {_OF}/{entity}/{{key:key}}/status"] = {"status": "approved"}
    return found


BODIES: Final[dict[str, Body]] = {
    **_records(),
    "POST /api/v1/enrolment-codes": {"agentName": "plant"},
    "PUT /api/v1/alert-rules/{rule}": {"threshold": 600},
    "POST /api/v1/sync-runs": lambda known, theirs: {
        "connection": known["connection"].theirs if theirs else known["connection"].nobodys
    },
    "POST /api/v1/usage/moves": lambda known, theirs: {
        "source": known["connection"].theirs if theirs else known["connection"].nobodys,
        "target": known["connection"].theirs if theirs else known["connection"].nobodys,
    },
    "POST /api/v1/webhook-endpoints": {"url": "http://127.0.0.1:8999/x"},
    "PATCH /api/v1/webhook-endpoints/{endpoint}": {"description": "x"},
    "POST /api/v1/webhook-endpoints/{endpoint}/replay": {"since": "2026-01-05T11:00:00Z"},
    "POST /api/v1/tokens": {"name": "x", "scopes": ["read"]},
    "POST /api/v1/admin/tenants": {"id": "initech"},
    "PATCH /api/v1/admin/tenants/{tenant}": {"disabled": False},
    "POST /api/v1/admin/tenants/{tenant}/tokens": {"name": "x", "scopes": ["read"]},
    f"POST {_OF}/syncs": {},
    f"POST {_MAPPING}/preview": {"changes": _CHANGES},
    f"PATCH {_MAPPING}": {"changes": _CHANGES, "basedOn": 3},
    f"POST {_MAPPING}/revert": {"to": 2},
}


def headers_of(method: str, *, theirs: bool) -> dict[str, str]:
    """Every change may be repeated; a key of its own for each try, so that none is taken for another's repeat."""
    if method == "GET":
        return {}
    return {"Idempotency-Key": "walk-theirs" if theirs else "walk-nobodys"}


async def examples(api: Served, sender: Sender) -> dict[str, Example]:
    command = (await api.acme.post("/connections/nav/test")).json()["id"]
    bundle = await _bundle(api, sender)
    alert = Alert(
        new_id("alr", NOW), "acme", Rule.AGENT_OFFLINE, sender.agent.id, "", 300, 400, "away", "wait", NOW
    )
    await api.relay.store.engine.write(lambda db: alerts.change(db, [alert], [], NOW))
    asked = await api.acme.post("/webhook-endpoints", json={"url": "http://127.0.0.1:8999/x"})
    assert asked.status_code == 201, asked.text
    endpoint = asked.json()["id"]
    event = Event(event_id("acme", "x"), "acme", NOW, EventType.SYNC_STARTED, {})

    def told(db: Sql) -> None:
        events.tell(db, [event], NOW)
        deliveries.fan_out(db, 10**9, NOW, 100)

    await api.relay.store.engine.write(told)
    listed = (await api.acme.get(f"/webhook-endpoints/{endpoint}/deliveries")).json()["items"]
    code = (await api.acme.post("/enrolment-codes", json={})).json()["id"]
    token = (await api.acme.post("/tokens", json={"name": "t", "scopes": ["read"]})).json()["id"]
    return {
        "agent": _like(sender.agent.id),
        "connection": Example("nav", "non"),
        "key": Example("1", "0"),
        "stream": Example("purchase_orders", "none"),
        "command": _like(command),
        "command of /api/v1/commands/{command}/bundle": _like(bundle),  # not every command has one
        "run": Example("run-1", "run-0"),
        "entity": Example("purchase_order", "purchase_order"),  # a word of the API's own
        "rule": Example(Rule.AGENT_OFFLINE.value, Rule.AGENT_OFFLINE.value),  # likewise
        "alert": _like(alert.id),
        "event": _like(event.id),
        "endpoint": _like(endpoint),
        "delivery": _like(listed[0]["id"]),
        "code": Example(code, "00000"),
        "token": Example(token, "0" * len(token)),
        "tenant": Example("acme", "none"),
    }


async def _bundle(api: Served, sender: Sender) -> str:
    """A command whose outcome is a diagnostics bundle."""
    command = str((await api.acme.post(f"/agents/{sender.agent.id}/diagnostics-bundle")).json()["id"])
    told = {"zip": base64.b64encode(b"PK").decode(), "sha256": hashlib.sha256(b"PK").hexdigest()}
    await api.relay.store.answer_command(sender.agent.id, command, CommandState.SUCCEEDED, told, NOW)
    return command


def _like(known: str) -> Example:
    """An id of the same form and length that nobody has."""
    prefix, _, rest = known.rpartition("_")
    return Example(known, f"{prefix}_{'0' * len(rest)}")
