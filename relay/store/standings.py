"""What platforms were told last of each connection, in SQL."""

from __future__ import annotations

from datetime import datetime

from relay.connection_events import Standing, connection_events, standing_after
from relay.store import events
from relay.store.base import Agent, ConnectionStatus
from relay.store.sql import Sql


def tell_of_connection(
    sql: Sql, agent: Agent, connection: str, status: ConnectionStatus, now: datetime
) -> None:
    """In the transaction that keeps the status, so that no change of it goes by untold."""
    row = sql.row(
        "SELECT state, error FROM connection_standings WHERE tenant = ? AND connection = ?",
        (agent.tenant, connection),
    )
    told = None if row is None else Standing(*row)
    standing = standing_after(told, status)
    if standing is None:
        return
    sql.execute(
        "INSERT INTO connection_standings (tenant, connection, state, error) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (tenant, connection) DO UPDATE SET state = excluded.state, error = excluded.error",
        (agent.tenant, connection, standing.state, standing.error),
    )
    events.tell(sql, connection_events(agent, connection, told, status, now), now)
