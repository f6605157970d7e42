"""Webhook endpoints and their secrets, in SQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import orjson

from relay.events import Event, EventType
from relay.ids import new_id
from relay.store import events
from relay.store.base import from_micros, to_micros
from relay.store.sql import Sql
from relay.webhooks.base import DisabledReason, Endpoint, SealedSecret, Wish, disabled_reason_of

MOST_SECRETS: Final = 2  # of one endpoint that are in force: the newest and the one before it

_ENDPOINT: Final = (
    "SELECT id, tenant, url, description, types, connections, ordered, enabled, begins_after, version, created_at, "
    "updated_at, failing_since, last_success_at, disabled_at, disabled_reason FROM webhook_endpoints "
)


def add(sql: Sql, endpoint: Endpoint, sealed: bytes, *, most: int) -> bool:
    """False: the tenant has as many as it may have."""
    count = sql.value(
        "SELECT count(*) FROM webhook_endpoints WHERE tenant = ? AND deleted_at IS NULL", (endpoint.tenant,)
    )
    if int(count) >= most:
        return False
    begins_after = events.number(sql, "events")
    now = to_micros(endpoint.created_at)
    sql.execute(
        "INSERT INTO webhook_endpoints (id, tenant, url, description, types, connections, ordered, enabled, "
        "begins_after, version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            endpoint.id, endpoint.tenant, *_wish(endpoint.wish), int(endpoint.enabled), begins_after,
            endpoint.version, now, now,
        ),
    )  # fmt: skip
    _add_secret(sql, endpoint, 1, sealed, endpoint.created_at)
    return True


def one(sql: Sql, tenant: str, endpoint_id: str) -> Endpoint | None:
    row = sql.row(_ENDPOINT + "WHERE tenant = ? AND id = ? AND deleted_at IS NULL", (tenant, endpoint_id))
    return None if row is None else _endpoint(row)


def of_tenant(sql: Sql, tenant: str) -> list[Endpoint]:
    rows = sql.execute(_ENDPOINT + "WHERE tenant = ? AND deleted_at IS NULL ORDER BY id", (tenant,))
    return [_endpoint(row) for row in rows]


def enabled(sql: Sql, tenants: Collection[str] | None = None) -> list[Endpoint]:
    """Of these tenants, or of all."""
    if tenants is None:
        rows = sql.execute(_ENDPOINT + "WHERE enabled = 1 AND deleted_at IS NULL")
    else:
        marks = ", ".join("?" * len(tenants))
        rows = sql.execute(
            _ENDPOINT + f"WHERE tenant IN ({marks}) AND enabled = 1 AND deleted_at IS NULL ORDER BY id",
            tuple(tenants),
        )
    return [_endpoint(row) for row in rows]


def served(sql: Sql) -> list[Endpoint]:
    """Those that are to be sent to now. What is for those of a disabled tenant waits until it is enabled."""
    disabled = {name for (name,) in sql.execute("SELECT id FROM tenants WHERE disabled_at IS NOT NULL")}
    return [endpoint for endpoint in enabled(sql) if endpoint.tenant not in disabled]


def change(sql: Sql, known: Endpoint, wish: Wish, *, enabled_now: bool, now: datetime) -> Endpoint | None:
    """None: it was changed or deleted meanwhile. One that is enabled begins with what is told from then on."""
    changed = sql.change(
        "UPDATE webhook_endpoints SET url = ?, description = ?, types = ?, connections = ?, ordered = ?, "
        "version = version + 1, updated_at = ? WHERE tenant = ? AND id = ? AND version = ? AND deleted_at IS NULL",
        (*_wish(wish), to_micros(now), known.tenant, known.id, known.version),
    )
    if not changed:
        return None
    if known.wish.ordered and not wish.ordered:
        sql.execute(
            "UPDATE webhook_deliveries SET state = 'pending', lane = NULL "
            "WHERE endpoint = ? AND state IN ('pending', 'waiting')",
            (known.id,),
        )
    if enabled_now and not known.enabled:
        sql.execute(
            "UPDATE webhook_endpoints SET enabled = 1, begins_after = ?, failing_since = NULL, disabled_at = NULL, "
            "disabled_reason = NULL WHERE id = ?",
            (events.number(sql, "events"), known.id),
        )
    elif known.enabled and not enabled_now:
        _switch_off(sql, known.id, DisabledReason.BY_REQUEST, now)
    return one(sql, known.tenant, known.id)


def disable(sql: Sql, endpoint: Endpoint, reason: DisabledReason, now: datetime) -> bool:
    """With notice: an event that the tenant's other endpoints are told of. False: it was disabled already."""
    if not _switch_off(sql, endpoint.id, reason, now):
        return False
    since = endpoint.failing_since
    told = Event(
        id=new_id("evt", now),
        tenant=endpoint.tenant,
        at=now,
        type=EventType.WEBHOOK_DISABLED,
        subject=endpoint.id,
        data={
            "endpoint": endpoint.id,
            "description": endpoint.wish.description,
            "reason": reason.value,
            "failingSince": None if since is None else since.isoformat().replace("+00:00", "Z"),
        },
    )
    events.tell(sql, [told], now)
    return True


def _switch_off(sql: Sql, endpoint_id: str, reason: DisabledReason, now: datetime) -> bool:
    """What waits is given up: from here on it can be replayed, together with what the endpoint was not given."""
    changed = sql.change(
        "UPDATE webhook_endpoints SET enabled = 0, disabled_at = ?, disabled_reason = ?, version = version + 1 "
        "WHERE id = ? AND enabled = 1 AND deleted_at IS NULL",
        (to_micros(now), reason, endpoint_id),
    )
    if changed:
        sql.execute(
            "UPDATE webhook_deliveries SET state = 'failed', finished_at = ? "
            "WHERE endpoint = ? AND state IN ('pending', 'waiting')",
            (to_micros(now), endpoint_id),
        )
    return changed > 0


def delete(sql: Sql, tenant: str, endpoint_id: str, now: datetime) -> bool:
    """Its secrets go at once; its deliveries by and by."""
    changed = sql.change(
        "UPDATE webhook_endpoints SET deleted_at = ?, enabled = 0 WHERE tenant = ? AND id = ? AND deleted_at IS NULL",
        (to_micros(now), tenant, endpoint_id),
    )
    if changed:
        sql.execute("DELETE FROM webhook_secrets WHERE endpoint = ?", (endpoint_id,))
    return changed > 0


def rotate(
    sql: Sql, tenant: str, endpoint_id: str, sealed: bytes, *, now: datetime, old_until: datetime
) -> Endpoint | None:
    """A new secret; the one before it stays in force until then, and those before that do not."""
    found = one(sql, tenant, endpoint_id)
    if found is None:
        return None
    newest = int(
        sql.value("SELECT coalesce(max(number), 0) FROM webhook_secrets WHERE endpoint = ?", (endpoint_id,))
    )
    sql.execute("DELETE FROM webhook_secrets WHERE endpoint = ? AND number < ?", (endpoint_id, newest))
    sql.execute(
        "UPDATE webhook_secrets SET expires_at = ? WHERE endpoint = ?", (to_micros(old_until), endpoint_id)
    )
    _add_secret(sql, found, newest + 1, sealed, now)
    sql.execute("UPDATE webhook_endpoints SET version = version + 1 WHERE id = ?", (endpoint_id,))
    return one(sql, tenant, endpoint_id)


def secrets(sql: Sql, endpoint_id: str) -> list[SealedSecret]:
    """The newest first."""
    rows = sql.execute(
        "SELECT number, sealed, created_at, expires_at FROM webhook_secrets WHERE endpoint = ? ORDER BY number DESC",
        (endpoint_id,),
    )
    return [_secret(row) for row in rows]


def all_secrets(sql: Sql) -> dict[str, list[SealedSecret]]:
    """Of every endpoint that is enabled, the newest first."""
    rows = sql.execute(
        "SELECT s.endpoint, s.number, s.sealed, s.created_at, s.expires_at FROM webhook_secrets s "
        "JOIN webhook_endpoints e ON e.id = s.endpoint WHERE e.enabled = 1 ORDER BY s.number DESC"
    )
    found: dict[str, list[SealedSecret]] = {}
    for endpoint, *row in rows:
        found.setdefault(endpoint, []).append(_secret(row))
    return found


def _add_secret(sql: Sql, endpoint: Endpoint, number: int, sealed: bytes, now: datetime) -> None:
    sql.execute(
        "INSERT INTO webhook_secrets (endpoint, number, tenant, sealed, created_at) VALUES (?, ?, ?, ?, ?)",
        (endpoint.id, number, endpoint.tenant, sealed, to_micros(now)),
    )


def _secret(row: Any) -> SealedSecret:
    number, sealed, created_at, expires_at = row
    return SealedSecret(number, bytes(sealed), from_micros(created_at), _moment(expires_at))


def _wish(wish: Wish) -> tuple[str, str, str, str, int]:
    return (
        wish.url,
        wish.description,
        orjson.dumps(sorted(wish.types)).decode(),
        orjson.dumps(sorted(wish.connections)).decode(),
        int(wish.ordered),
    )


def _endpoint(row: Any) -> Endpoint:
    endpoint_id, tenant, url, description, types, connections, ordered, on, begins_after, version, *rest = row
    created_at, updated_at, failing_since, last_success_at, disabled_at, disabled_reason = rest
    return Endpoint(
        id=endpoint_id,
        tenant=tenant,
        wish=Wish(
            url,
            description,
            frozenset(orjson.loads(types)),
            frozenset(orjson.loads(connections)),
            bool(ordered),
        ),
        enabled=bool(on),
        begins_after=begins_after,
        version=version,
        created_at=from_micros(created_at),
        updated_at=from_micros(updated_at),
        failing_since=_moment(failing_since),
        last_success_at=_moment(last_success_at),
        disabled_at=_moment(disabled_at),
        disabled_reason=None if disabled_reason is None else disabled_reason_of(disabled_reason),
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
