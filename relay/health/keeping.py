"""Health and alerts in the store: each call is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from relay.health.alerts import Alert
from relay.health.facts import AgentFacts, ConnectionFacts
from relay.health.noted import Notes
from relay.health.rules import Rule, Rules, Setting
from relay.store import alerts, health
from relay.store.health import AgentWithConnections
from relay.store.sql import Engine, Sql


class HealthStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def write_health(self, notes: Notes) -> None:
        await self._engine.write(lambda db: health.write_down(db, notes))

    async def fleet(self, tenant: str, now: datetime) -> tuple[Rules, list[AgentWithConnections]]:
        """Every agent of the tenant with its connections, and the rules they are held against."""
        return await self._engine.read(lambda db: (alerts.rules(db, tenant), health.fleet(db, tenant, now)))

    async def agent(
        self, tenant: str, agent: str, now: datetime
    ) -> tuple[Rules, AgentWithConnections] | None:
        def work(db: Sql) -> tuple[Rules, AgentWithConnections] | None:
            found = health.one_agent(db, tenant, agent, now)
            return None if found is None else (alerts.rules(db, tenant), found)

        return await self._engine.read(work)

    async def connection(
        self, tenant: str, connection: str, now: datetime
    ) -> tuple[Rules, AgentFacts, ConnectionFacts, int | None] | None:
        """With the position of its batch that was stored last."""

        def work(db: Sql) -> tuple[Rules, AgentFacts, ConnectionFacts, int | None] | None:
            found = health.one_connection(db, tenant, connection, now)
            if found is None:
                return None
            return alerts.rules(db, tenant), *found, health.last_position(db, tenant, connection)

        return await self._engine.read(work)

    async def tenants(self) -> list[str]:
        """Those that have agents."""
        return await self._engine.read(alerts.tenants)

    async def rules(self, tenant: str) -> Rules:
        return await self._engine.read(lambda db: alerts.rules(db, tenant))

    async def set_rule(self, tenant: str, rule: Rule, setting: Setting | None, now: datetime) -> None:
        """None: back to the default."""

        def work(db: Sql) -> None:
            if setting is None:
                alerts.reset_rule(db, tenant, rule)
            else:
                alerts.set_rule(db, tenant, rule, setting, now)

        await self._engine.write(work)

    async def standing(self, tenant: str) -> list[Alert]:
        return await self._engine.read(lambda db: alerts.standing(db, tenant))

    async def alert(self, tenant: str, alert_id: str) -> Alert | None:
        return await self._engine.read(lambda db: alerts.alert(db, tenant, alert_id))

    async def alerts(
        self,
        tenant: str,
        *,
        standing: bool | None,
        agent: str,
        connection: str,
        before: str,
        limit: int,
    ) -> list[Alert]:
        return await self._engine.read(
            lambda db: alerts.page(
                db,
                tenant,
                standing=standing,
                agent=agent,
                connection=connection,
                before=before,
                limit=limit,
            )
        )

    async def change_alerts(self, raised: Sequence[Alert], cleared: Sequence[Alert], now: datetime) -> int:
        return await self._engine.write(lambda db: alerts.change(db, raised, cleared, now))
