"""The first page: whether all is well, what is not, and what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.console.page import Page, Visit

# Where a finding of agent/standing.py is looked into: its code, or the part of it before the dot, and the page.
_LOOKED_INTO: Final[Mapping[str, str]] = {
    "outbox.dead_letters": "dead-letters",
    "outbox": "in-flight",
    "configuration": "settings",
    "audit": "audit",
    "policy": "policy",
}
_WORST_FIRST: Final = (
    "needs_reauthorisation",
    "needs_person",
    "retrying",
    "running",
    "paused",
    "idle",
)


async def show(visit: Visit) -> Mapping[str, Any]:
    status = await visit.ask("status")
    streams = status["outbox"]["streams"]
    return {
        "status": status,
        "findings": [{**one, "page": page_of(one)} for one in status["verdict"]["findings"]],
        "rows": [connection_row(one, streams) for one in sorted(status["connections"], key=_urgency)],
        "share": _share(status["figures"]["backlog"]),
    }


def page_of(finding: Mapping[str, Any]) -> str:
    """The page on which a finding is looked into; empty where there is none."""
    group = finding["code"].partition(".")[0]
    if group in {"connection", "stream"}:
        return f"connections/{_connection_of(finding['where'])}"
    return _LOOKED_INTO.get(finding["code"]) or _LOOKED_INTO.get(group, "")


def connection_row(connection: Mapping[str, Any], streams: Mapping[str, Any]) -> dict[str, Any]:
    """A connection with what its streams come to."""
    own = [streams.get(f"{connection['name']}/{one['name']}") or {} for one in connection["streams"]]
    runs = [one["lastRun"] for one in connection["streams"] if one["lastRun"]]
    next_looks = [one["nextRunAt"] for one in connection["streams"] if one["nextRunAt"]]
    return {
        **{name: connection[name] for name in ("name", "system", "state", "paused")},
        "streams": len(connection["streams"]),
        "faulty": sum(1 for one in connection["streams"] if one["error"]),
        "last": max((run["startedAt"] for run in runs), default=None),
        "next": min(next_looks, default=None),
        "batches": sum(one.get("pending_batches", 0) for one in own),
        "bytes": sum(one.get("pending_bytes", 0) for one in own),
        "letters": sum(one.get("dead_letters", 0) for one in own),
    }


def _connection_of(where: str) -> str:
    return where.partition("/")[0].partition(":")[0]


def _urgency(connection: Mapping[str, Any]) -> tuple[int, str]:
    state = connection["state"]
    return (_WORST_FIRST.index(state) if state in _WORST_FIRST else len(_WORST_FIRST), connection["name"])


def _share(backlog: Mapping[str, Any]) -> float:
    """How much of the room that the outbox may take is taken, of 1."""
    room: Sequence[int] = (backlog["bytes"], backlog["high_water_bytes"])
    return min(room[0] / room[1], 1.0) if room[1] else 0.0


PAGE: Final = Page(path="", title="Overview", template="overview.html", show=show, group="Now")
