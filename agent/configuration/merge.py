"""How tables lie over each other: a connection file over its system's profile, a stream's sync over its connection's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.configuration.model import SCHEDULE_KEYS

RawTable = Mapping[str, Any]


def over_profile(profile: RawTable, connection: RawTable) -> dict[str, Any]:
    """Lay a connection file over its system's profile. What the file says wins.

    Options merge at every depth. A stream's `read`, `map` and `write` merge by their first keys only: half of one
    field's recipe with half of another would be a third that nobody wrote.
    """
    merged: dict[str, Any] = {**profile, **connection}
    merged["options"] = _deep(_table(profile, "options"), _table(connection, "options"))
    merged["secrets"] = {**_table(profile, "secrets"), **_table(connection, "secrets")}
    merged["limits"] = {**_table(profile, "limits"), **_table(connection, "limits")}
    merged["sync"] = over_sync(_table(profile, "sync"), _table(connection, "sync"))
    known, own = _table(profile, "streams"), _table(connection, "streams")
    merged["streams"] = {
        name: _over_stream(_table(known, name), _table(own, name)) for name in dict.fromkeys((*known, *own))
    }
    return merged


def over_sync(base: RawTable, over: RawTable) -> dict[str, Any]:
    """Lay one sync table over another; a schedule of any kind replaces the schedule below it."""
    if any(key in over for key in SCHEDULE_KEYS):
        base = {key: value for key, value in base.items() if key not in SCHEDULE_KEYS}
    return {**base, **over}


def _over_stream(base: RawTable, over: RawTable) -> dict[str, Any]:
    merged: dict[str, Any] = {**base, **over}
    for part in ("read", "map", "write"):
        merged[part] = {**_table(base, part), **_table(over, part)}
    if "sync" in base or "sync" in over:
        merged["sync"] = over_sync(_table(base, "sync"), _table(over, "sync"))
    return merged


def _deep(base: RawTable, over: RawTable) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = (
            _deep(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _table(table: RawTable, name: str) -> RawTable:
    value = table.get(name)
    return value if isinstance(value, Mapping) else {}
