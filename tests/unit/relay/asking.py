"""Every request that asks an agent for something, and the command it makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

ODD_KEYS: Final = (
    "4011", "a/b", "~1~2", "a%7Eb", "100%", "%2F", "ä ö/ü", "x/status", "y/read", "?a=b&c#d", "+ +", "line\nbreak",
    "//", "日本", "a\\b", "'; --", "end\n",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str  # with {agent} where the agent's id belongs
    kind: str
    args: dict[str, Any]
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def of_connection(path: str, kind: str, body: Any = None, **args: Any) -> Asked:
    return Asked("POST", f"/connections/nav/{path}", kind, {"connection": "nav", **args}, body)


def _write(method: str, path: str, kind: str, body: Any = None, **args: Any) -> Asked:
    headers = {"Idempotency-Key": f"key of {kind}"}
    full = {"connection": "nav", "entity": "purchase_order", **args}
    return Asked(method, f"/connections/nav/purchase-orders{path}", kind, full, body, headers)


ORDER: Final = {
    "vendorKey": "V1",
    "lineItems": [{"quantity": "0.1000000000000000055511151231257827", "price": "3"}],
}
CHANGES: Final = [{"path": ["notes"], "spec": "Comment"}]
MAPPING: Final = "/connections/nav/streams/orders/mapping"

ASKED: Final = (
    of_connection("syncs", "sync", {}),
    of_connection("syncs", "sync", {"entities": ["vendor"], "streams": ["a"]}, entities=["vendor"], streams=["a"]),
    of_connection("syncs", "resync", {"full": True}),
    of_connection("syncs", "resync", {"since": "2026-01-05"}, since="2026-01-05"),
    of_connection("pause", "pause"),
    of_connection("resume", "resume"),
    of_connection("test", "test", {}),
    of_connection("discover", "discover"),
    of_connection("discover", "discover", {"tables": ["dbo.Orders"]}, tables=["dbo.Orders"]),
    of_connection("dead-letters/requeue", "requeue"),
    of_connection(
        "dead-letters/requeue", "requeue", {"keys": ["1~2"], "stream": "orders"}, keys=["1~2"], stream="orders"
    ),
    of_connection("streams/orders/mapping/read", "read_mapping", stream="orders"),
    of_connection(
        "streams/orders/mapping/preview",
        "preview_mapping",
        {"changes": CHANGES, "rows": 5},
        stream="orders",
        changes=CHANGES,
        rows=5,
    ),
    of_connection("streams/orders/mapping/revert", "revert_mapping", {"to": 2}, stream="orders", to=2),
    Asked(
        "PATCH",
        MAPPING,
        "change_mapping",
        {"connection": "nav", "stream": "orders", "changes": CHANGES, "based_on": 3, "note": "why"},
        {"changes": CHANGES, "basedOn": 3, "note": "why"},
    ),
    Asked(
        "PATCH",
        MAPPING,
        "change_mapping",
        {"connection": "nav", "stream": "orders", "changes": CHANGES, "based_on": 7},
        {"changes": CHANGES},
        {"If-Match": '"7"'},
    ),
    _write("POST", "", "create", ORDER, record=ORDER),
    _write("PATCH", "/4011", "update", {"notes": "gate 4"}, key="4011", record={"notes": "gate 4"}),
    _write("DELETE", "/4011", "delete", key="4011"),
    _write("POST", "/4011/status", "set_status", {"status": "approved"}, key="4011", status="approved"),
    _write("POST", "/4011/read", "read_record", key="4011"),
    Asked("POST", "/agents/{agent}/diagnostics", "diagnostics", {}),
    Asked("POST", "/agents/{agent}/diagnostics-bundle", "diagnostics_bundle", {}),
    Asked("POST", "/agents/{agent}/diagnostics-bundle", "diagnostics_bundle", {"list": True}, {"list": True}),
)  # fmt: skip
