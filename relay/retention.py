"""What the relay forgets: batches of which everything was replaced long ago, and what was answered or settled.

A batch goes when the index has nothing from it any more, so whoever reads the feed from any place, the beginning too,
still ends with every record and every deletion that the lists show: what is missing has a newer version further on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from agent.clock import Clock
from agent.errors import GroundwireError
from relay.settings import Keeping, Retention
from relay.store import dropping
from relay.store.base import BatchHeader, Need, RecordIndex, Store, to_micros

log = structlog.get_logger()

SWEEP_SECONDS: Final = 3_600.0
AT_ONCE: Final = 200  # of batches or commands, in one transaction; appends wait for no more
BREATH_SECONDS: Final = 0.05  # between two transactions
_TOLD_KINDS: Final = frozenset({"run", "dead_letters"})


@dataclass(frozen=True, slots=True)
class Ages:
    """How old what of one tenant has to be to go."""

    replaced: timedelta
    runs: timedelta
    dead_letters: timedelta
    commands: timedelta

    @classmethod
    def of(cls, keeping: Keeping) -> Ages:
        return cls(
            replaced=timedelta(days=keeping.replaced_days),
            runs=timedelta(days=keeping.run_days),
            dead_letters=timedelta(days=keeping.dead_letter_days),
            commands=timedelta(days=keeping.command_days),
        )

    @property
    def least(self) -> timedelta:
        return min(self.replaced, self.runs, self.dead_letters)


def may_go(header: BatchHeader, need: Need, ages: Ages, now: datetime) -> bool:
    """Pure."""
    age = now - header.received_at
    if need is Need.NOTHING:
        return age > ages.replaced
    if need is Need.SHOWN:
        return False
    if header.damaged:  # its letter stands for what cannot be read
        return age > ages.dead_letters
    return age > (ages.runs if header.kind == "run" else ages.dead_letters)


@dataclass(slots=True)
class Dropped:
    batches: int = 0
    commands: int = 0


class Sweeper:
    def __init__(self, store: Store, index: RecordIndex, settings: Retention, *, clock: Clock) -> None:
        self._store = store
        self._index = index
        self._settings = settings
        self._clock = clock

    async def run(self) -> None:
        """For ever; to be led: one process sweeps."""
        while True:
            await self._clock.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except GroundwireError as error:
                log.error("retention_failed", code=error.code, error=str(error), hint=error.hint)  # noqa: TRY400 - no traceback for operators

    async def sweep(self) -> Dropped:
        """Once through everything, a bounded piece at a time."""
        now = self._clock.utcnow()
        dropped = Dropped()
        for tenant in await self._store.engine.read(dropping.tenants):
            ages = Ages.of(self._settings.of(tenant))
            dropped.commands += await self._sweep_commands(tenant, now - ages.commands)
            dropped.batches += await self._sweep_batches(tenant, ages, now)
        if dropped.batches or dropped.commands:
            log.info("retention_swept", batches=dropped.batches, commands=dropped.commands)
        return dropped

    async def _sweep_commands(self, tenant: str, before: datetime) -> int:
        dropped = 0
        while some := await self._store.engine.write(
            lambda db: dropping.drop_commands(db, tenant, to_micros(before), AT_ONCE)
        ):
            dropped += some
            await self._clock.sleep(BREATH_SECONDS)
        return dropped

    async def _sweep_batches(self, tenant: str, ages: Ages, now: datetime) -> int:
        dropped, after = 0, 0
        while headers := await self._store.headers(after, AT_ONCE, tenant=tenant):
            after = headers[-1].position
            dropped += await self._drop(await self._chosen(headers, ages, now))
            if headers[-1].received_at > now - ages.least:
                break  # they come in about the order of their age
            await self._clock.sleep(BREATH_SECONDS)
        return dropped

    async def _chosen(self, headers: Sequence[BatchHeader], ages: Ages, now: datetime) -> list[BatchHeader]:
        old = [header for header in headers if now - header.received_at > ages.least]
        needs = await self._index.needs(old)
        return [header for header, need in zip(old, needs, strict=True) if may_go(header, need, ages, now)]

    async def _drop(self, chosen: Sequence[BatchHeader]) -> int:
        told = [header for header in chosen if header.kind in _TOLD_KINDS or header.damaged]
        if told:
            # First the index: what is still stored is found again by the next sweep, what is not could not be.
            await self._index.forget(told)
        if not chosen:
            return 0
        positions = [header.position for header in chosen]
        return await self._store.engine.write(lambda db: dropping.drop_batches(db, positions))
