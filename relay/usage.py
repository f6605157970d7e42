"""Pure: connection credits. What a connection costs, and what becomes of a tenant's pool.

A `Ledger` is a tenant's pool with some of its connections, read in a transaction that nobody else's can pass. Its
methods decide; what they changed, and the lines of the history, is written back in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

UNKNOWN_SYSTEM: Final = "unknown"  # of a connection whose agent has not said


class Standing(StrEnum):
    ESTABLISHED = "established"  # holds credits; its batches are taken
    REFUSED = "refused"  # there were too few; tried again by itself
    RELEASED = "released"  # its credits were taken away by the API; stays so until the API gives it some
    DISCONNECTED = "disconnected"  # not in its agent's configuration any more, or its agent was revoked

    @property
    def held_back(self) -> bool:
        """Whether its batches wait at its agent. What a disconnected one still had on its way arrives."""
        return self in (Standing.REFUSED, Standing.RELEASED)


@dataclass(frozen=True, slots=True)
class Installation:
    """Where a system falls: its tier, and whether it runs on the customer's own machines."""

    tier: int
    on_premises: bool


@dataclass(frozen=True, slots=True)
class Price:
    tier: int
    on_premises: bool
    credits: int


@dataclass(frozen=True, slots=True)
class Prices:
    """Credits per tier, and which tier a system is of."""

    tiers: Mapping[int, int]  # what the cloud form costs
    on_premises_factor: int
    unknown: Installation
    default_pool: int | None  # of a tenant that was given none; None: no bound
    systems: Mapping[str, Installation]

    def of(self, system: str | None) -> Price:
        found = self.systems.get(system or UNKNOWN_SYSTEM, self.unknown)
        factor = self.on_premises_factor if found.on_premises else 1
        return Price(found.tier, found.on_premises, self.tiers[found.tier] * factor)


@dataclass(frozen=True, slots=True)
class UsedConnection:
    """A connection as the pool knows it."""

    id: str
    agent: str
    system: str
    price: Price
    standing: Standing

    @property
    def holds(self) -> int:
        return self.price.credits if self.standing is Standing.ESTABLISHED else 0


class UsageAction(StrEnum):
    TAKEN = "taken"
    RETURNED = "returned"
    REFUSED = "refused"
    POOL_CHANGED = "pool_changed"


@dataclass(frozen=True, slots=True)
class UsageChange:
    """A line of the history: how the pool stood behind it."""

    action: UsageAction
    connection: str  # empty: it is about the pool
    credits: int
    in_use: int
    pool: int | None
    why: str


class TooFewCredits(Exception):
    """The pool has not the credits that a connection was to be given."""

    def __init__(self, needed: int, free: int) -> None:
        super().__init__(f"{needed} connection credits are needed, and {free} of the pool are free")
        self.needed = needed
        self.free = free


@dataclass(slots=True)
class Ledger:
    pool: int | None  # None: no bound
    in_use: int
    connections: dict[str, UsedConnection]
    changed: dict[str, UsedConnection] = field(default_factory=dict)
    history: list[UsageChange] = field(default_factory=list)
    given: bool = False  # the pool is this tenant's own, and not what the settings say for everybody

    def fits(self, credits_more: int) -> bool:
        return self.pool is None or self.in_use + credits_more <= self.pool

    @property
    def free(self) -> int | None:
        return None if self.pool is None else max(self.pool - self.in_use, 0)

    def told(
        self, connection_id: str, agent: str, system: str | None, prices: Prices, *, refusable: bool = True
    ) -> None:
        """The agent has the connection in its configuration: establish it, unless it is or must not be.

        `refusable`: the agent knows what a refusal is. What one that does not could not send would fill its outbox,
        and so end the connections that run; it is taken beyond the pool instead.
        """
        known = self.connections.get(connection_id)
        named = system or (known.system if known is not None else UNKNOWN_SYSTEM)
        if known is not None and known.standing is Standing.ESTABLISHED:
            if named != known.system:
                self._reprice(known, named, prices.of(named))
            return
        wanted = UsedConnection(connection_id, agent, named, prices.of(named), Standing.ESTABLISHED)
        if known is not None and known.standing is Standing.RELEASED and refusable:
            self._save(replace(wanted, standing=Standing.RELEASED))
        elif self.fits(wanted.price.credits):
            self._take(wanted, "established")
        elif not refusable:
            self._take(wanted, "established beyond the pool")
        else:
            self._refuse(wanted, known)

    def gone(self, connection_ids: Iterable[str], why: str) -> None:
        """Not configured any more: what they held goes back to the pool."""
        for known in self._known(connection_ids):
            if known.standing is not Standing.DISCONNECTED:
                self._return(known, Standing.DISCONNECTED, why)

    def release(self, connection_id: str, why: str = "released") -> None:
        """Take its credits away until it is given some again."""
        for known in self._known([connection_id]):
            if known.standing in (Standing.ESTABLISHED, Standing.REFUSED):
                self._return(known, Standing.RELEASED, why)

    def give(self, connection_id: str, why: str = "given") -> None:
        """Raises TooFewCredits; one that was disconnected waits for its agent to name it again."""
        for known in self._known([connection_id]):
            if known.standing.held_back:
                if not self.fits(known.price.credits):
                    raise TooFewCredits(known.price.credits, self.free or 0)
                self._take(replace(known, standing=Standing.ESTABLISHED), why)

    def resize(self, pool: int | None) -> None:
        """Below what is in use it touches nothing that runs: only new connections are refused."""
        self.pool, self.given = pool, True
        self._note(UsageAction.POOL_CHANGED, "", 0, "set")

    def _known(self, connection_ids: Iterable[str]) -> list[UsedConnection]:
        return [self.connections[one] for one in connection_ids if one in self.connections]

    def _take(self, connection: UsedConnection, why: str) -> None:
        self.in_use += connection.price.credits
        self._save(connection)
        self._note(UsageAction.TAKEN, connection.id, connection.price.credits, why)

    def _return(self, connection: UsedConnection, standing: Standing, why: str) -> None:
        back = connection.holds
        self.in_use -= back
        self._save(replace(connection, standing=standing))
        if back:
            self._note(UsageAction.RETURNED, connection.id, back, why)

    def _refuse(self, wanted: UsedConnection, known: UsedConnection | None) -> None:
        refused = replace(wanted, standing=Standing.REFUSED)
        if known != refused:  # said once, however often it is tried again
            self._save(refused)
            self._note(UsageAction.REFUSED, refused.id, refused.price.credits, "pool used up")

    def _reprice(self, known: UsedConnection, system: str, price: Price) -> None:
        """Another system behind a connection that runs: it pays the difference, if need be beyond the pool."""
        more = price.credits - known.price.credits
        self.in_use += more
        self._save(replace(known, system=system, price=price))
        if more:
            action = UsageAction.TAKEN if more > 0 else UsageAction.RETURNED
            self._note(action, known.id, abs(more), "other system")

    def _save(self, connection: UsedConnection) -> None:
        if self.connections.get(connection.id) != connection:
            self.connections[connection.id] = self.changed[connection.id] = connection

    def _note(self, action: UsageAction, connection: str, amount: int, why: str) -> None:
        self.history.append(UsageChange(action, connection, amount, self.in_use, self.pool, why))
