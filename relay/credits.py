"""Connection credits over an engine: each call is one transaction, which nobody else's can pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.acting import Actor, acting
from relay.deeds import Action, Deed, Outcome
from relay.events import Event, EventType, event_id
from relay.store import accounts, audit, events, usage
from relay.store.accounts import access_changed
from relay.store.base import Agent, ConnectionStatus
from relay.store.sql import Engine, Sql
from relay.store.usage import Held, HistoryLine, Pool
from relay.usage import Ledger, Prices, Standing, UsageAction, UsageChange

_DEEDS = {
    UsageAction.TAKEN: Action.CREDITS_TAKEN,
    UsageAction.RETURNED: Action.CREDITS_RETURNED,
    UsageAction.REFUSED: Action.CREDITS_REFUSED,
    UsageAction.POOL_CHANGED: Action.POOL_CHANGED,
}

_FREEING = frozenset({UsageAction.RETURNED, UsageAction.POOL_CHANGED})  # others may be taken now


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Connections of an agent, by the name that it has for them, of which nothing is taken; and why."""

    names: frozenset[str]
    reason: str


class Credits:
    def __init__(self, engine: Engine, prices: Prices) -> None:
        self._engine = engine
        self._prices = prices

    async def pool(self, tenant: str) -> Pool:
        return await self._engine.read(lambda db: usage.pool(db, tenant, self._prices.default_pool))

    async def connections(self, tenant: str, after: str, limit: int) -> list[Held]:
        return await self._engine.read(lambda db: usage.connections(db, tenant, after, limit))

    async def counts(self, tenant: str) -> Mapping[Standing, tuple[int, int]]:
        return await self._engine.read(lambda db: usage.counts(db, tenant))

    async def history(self, tenant: str, before: int | None, limit: int) -> list[HistoryLine]:
        return await self._engine.read(lambda db: usage.history(db, tenant, before, limit))

    async def told(
        self,
        agent: Agent,
        statuses: Sequence[ConnectionStatus],
        configured: Collection[str] | None,
        now: datetime,
        *,
        refusable: bool,
    ) -> bool:
        """What an agent says of its connections: these are there, and with `configured` no others are.

        Returns whether that may have changed anything.
        """
        by = acting()

        def change(db: Sql) -> None:
            if not _still_in(db, agent):
                return
            ids = usage.ids_by_name(db, agent.id)
            ledger = usage.open_ledger(db, agent.tenant, ids.values(), self._prices.default_pool)
            self._tell(ledger, agent, ids, statuses, refusable=refusable)
            if configured is not None:
                ledger.gone([ids[name] for name in ids if name not in configured], "not configured")
            self._save(db, agent.tenant, ledger, by, now)

        # Agents speak often and rarely of something new: what needs no write waits for none.
        news = await self._engine.read(lambda db: self._is_news(db, agent, statuses, configured))
        if news:
            await self._engine.write(change)
        return news

    def _is_news(
        self,
        db: Sql,
        agent: Agent,
        statuses: Sequence[ConnectionStatus],
        configured: Collection[str] | None,
    ) -> bool:
        ids = usage.ids_by_name(db, agent.id)
        known = {one.id: one for one in usage.of_agent(db, agent.id)}
        for status in statuses:
            found = known.get(ids.get(status.name, ""))
            settled = found is not None and found.standing in (Standing.ESTABLISHED, Standing.RELEASED)
            if not settled or (found and status.system not in (None, found.system)):
                return True
        gone = () if configured is None else set(ids) - set(configured)
        return any(
            (found := known.get(ids[name])) is not None and found.standing is not Standing.DISCONNECTED
            for name in gone
        )

    def _tell(
        self,
        ledger: Ledger,
        agent: Agent,
        ids: Mapping[str, str],
        statuses: Sequence[ConnectionStatus],
        *,
        refusable: bool,
    ) -> None:
        for status in statuses:
            if (connection_id := ids.get(status.name)) is not None:
                ledger.told(connection_id, agent.id, status.system, self._prices, refusable=refusable)

    async def try_again(self, agent: Agent, now: datetime) -> HeldBack:
        """Give what was refused its credits where there are some by now, and say what is still held back."""
        by = acting()

        def change(db: Sql) -> None:
            if not _still_in(db, agent):
                return
            refused = [one for one in usage.of_agent(db, agent.id) if one.standing is Standing.REFUSED]
            ledger = usage.open_ledger(
                db, agent.tenant, [one.id for one in refused], self._prices.default_pool
            )
            for one in refused:
                ledger.told(one.id, agent.id, one.system, self._prices)
            self._save(db, agent.tenant, ledger, by, now)

        if await self._engine.read(lambda db: self._some_would_fit(db, agent)):
            await self._engine.write(change)
        return await self._engine.read(lambda db: self._held_back(db, agent))

    def _some_would_fit(self, db: Sql, agent: Agent) -> bool:
        pool = usage.pool(db, agent.tenant, self._prices.default_pool)
        return any(
            one.standing is Standing.REFUSED
            and (pool.size is None or pool.in_use + one.price.credits <= pool.size)
            for one in usage.of_agent(db, agent.id)
        )

    def _held_back(self, db: Sql, agent: Agent) -> HeldBack:
        standing = {one.id: one for one in usage.of_agent(db, agent.id) if one.standing.held_back}
        names = {
            name: standing[found]
            for name, found in usage.ids_by_name(db, agent.id).items()
            if found in standing
        }
        pool = usage.pool(db, agent.tenant, self._prices.default_pool)
        refused = [
            f"{name} needs {one.price.credits}"
            for name, one in sorted(names.items())
            if one.standing is Standing.REFUSED
        ]
        reasons = []
        if refused:
            used = f"{pool.in_use} of {pool.size} connection credits are in use"
            reasons.append(f"{used}, and {', '.join(refused)}; release others or have the pool enlarged")
        if len(refused) < len(names):
            reasons.append("credits were released by the platform, which can give them again")
        return HeldBack(frozenset(names), ". ".join(reasons))

    async def release(self, tenant: str, connection_id: str, now: datetime) -> Held | None:
        """Take its credits away: its batches wait at its agent. None: there is no such connection."""
        return await self._change(tenant, connection_id, now, lambda ledger: ledger.release(connection_id))

    async def give(self, tenant: str, connection_id: str, now: datetime) -> Held | None:
        """Raises TooFewCredits."""
        return await self._change(tenant, connection_id, now, lambda ledger: ledger.give(connection_id))

    async def move(self, tenant: str, source: str, target: str, now: datetime) -> bool:
        """From one connection to another, or, with TooFewCredits, not at all. False: one of them is not there."""
        by = acting()

        def change(db: Sql) -> bool:
            ledger = usage.open_ledger(db, tenant, (source, target), self._prices.default_pool)
            if len(ledger.connections) < len({source, target}):
                return False
            if ledger.connections[target].standing is Standing.DISCONNECTED:
                return False  # it would be given nothing
            ledger.release(source, "moved")
            ledger.give(target, "moved")
            self._save(db, tenant, ledger, by, now)
            access_changed(db)
            return True

        return await self._engine.write(change)

    async def resize(self, tenant: str, size: int | None, now: datetime) -> None:
        by = acting()

        def change(db: Sql) -> None:
            ledger = usage.open_ledger(db, tenant, (), self._prices.default_pool)
            if ledger.pool != size or not ledger.given:
                ledger.resize(size)
                self._save(db, tenant, ledger, by, now)

        await self._engine.write(change)

    async def _change(
        self, tenant: str, connection_id: str, now: datetime, work: Callable[[Ledger], None]
    ) -> Held | None:
        by = acting()

        def change(db: Sql) -> Held | None:
            ledger = usage.open_ledger(db, tenant, (connection_id,), self._prices.default_pool)
            work(ledger)
            self._save(db, tenant, ledger, by, now)
            access_changed(db)
            return usage.connection(db, tenant, connection_id)

        return await self._engine.write(change)

    def _save(self, db: Sql, tenant: str, ledger: Ledger, by: Actor, now: datetime) -> None:
        """With the lines of the audit log, the events, and a word to the links, where anything changed."""
        if not ledger.changed and not ledger.history:
            return
        usage.save(db, tenant, ledger, by, now)
        audit.note(db, *(_deed(tenant, change, by, now) for change in ledger.history))
        exhausted = [
            _exhausted(tenant, ledger, change, now)
            for change in ledger.history
            if change.action is UsageAction.REFUSED
        ]
        events.tell(db, exhausted, now)
        if any(change.action in _FREEING for change in ledger.history):
            access_changed(db)


def _still_in(db: Sql, agent: Agent) -> bool:
    """What the last session of a revoked agent still says must take nothing: nobody would give it back."""
    found = accounts.agent(db, agent.id)
    return found is not None and found.lineage == agent.lineage


def _deed(tenant: str, change: UsageChange, by: Actor, now: datetime) -> Deed:
    facts = {"credits": change.credits, "in_use": change.in_use, "pool": change.pool, "why": change.why}
    refused = change.action is UsageAction.REFUSED
    outcome = Outcome.REFUSED if refused else Outcome.DONE
    return Deed(tenant, _DEEDS[change.action], change.connection, now, by, facts, outcome)


def _exhausted(tenant: str, ledger: Ledger, change: UsageChange, now: datetime) -> Event:
    return Event(
        id=event_id(tenant, "pool_exhausted", change.connection, now.isoformat()),
        tenant=tenant,
        at=now,
        type=EventType.USAGE_POOL_EXHAUSTED,
        data={"needed": change.credits, "inUse": change.in_use, "pool": change.pool},
        connection=change.connection,
        agent=ledger.connections[change.connection].agent,
        subject=change.connection,
    )
