"""The record index in SQL: each call is one transaction of plain functions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from typing import TypeVar

from agent.errors import StorageDamaged
from relay.store import index_keeping as keeping
from relay.store import index_letters, index_writing, removing
from relay.store import index_reading as reading
from relay.store.base import (
    BatchHeader,
    Changes,
    Counted,
    Found,
    FoundLetters,
    LetterCause,
    LetterFilter,
    Need,
    Place,
    RecordFilter,
    RunRow,
    Scope,
)
from relay.store.sql import Sql

T = TypeVar("T")


class SqlRecordIndex(ABC):
    def __init__(self) -> None:
        self.damaged = False  # something of it could not be read: `remake` is due
        self.on_damage: Callable[[], None] = _nobody_listens

    @abstractmethod
    async def _reading(self, work: Callable[[Sql], T]) -> T: ...

    async def _keeping(self, work: Callable[[Sql], T]) -> T:
        """Reads for those who keep the index: many rows at once, behind which no reader should wait."""
        return await self._reading(work)

    @abstractmethod
    async def _writing(self, work: Callable[[Sql], T]) -> T: ...

    @abstractmethod
    def _apply(self, db: Sql, changes: Changes) -> None: ...

    @abstractmethod
    def _reset(self, db: Sql) -> None: ...

    async def position(self) -> int:
        return await self._look(index_writing.position)

    async def apply(self, changes: Changes) -> None:
        await self._write(lambda db: self._apply(db, changes))

    async def reset(self, *, complete_at: int = 0) -> None:
        await self._write(lambda db: self._empty(db, complete_at))

    def _empty(self, db: Sql, complete_at: int) -> None:
        self._reset(db)
        keeping.incomplete_until(db, complete_at)

    async def needs(self, batches: Sequence[BatchHeader]) -> list[Need]:
        return await self._look(lambda db: [keeping.need(db, batch) for batch in batches])

    async def forget(self, batches: Sequence[BatchHeader]) -> None:
        await self._write(lambda db: keeping.forget(db, batches))

    async def forget_tenant(self, tenant: str, limit: int) -> int:
        return await self._write(lambda db: removing.remove_from_index(db, tenant, limit))

    async def _show(self, work: Callable[[Sql], T]) -> T:
        """For readers: what is not complete would tell them that records are gone."""

        def shown(db: Sql) -> T:
            keeping.refuse_incomplete(db)
            return work(db)

        return await self._read(shown)

    async def _read(self, work: Callable[[Sql], T]) -> T:
        with self._noting_damage():
            return await self._reading(work)

    async def _look(self, work: Callable[[Sql], T]) -> T:
        with self._noting_damage():
            return await self._keeping(work)

    async def _write(self, work: Callable[[Sql], T]) -> T:
        with self._noting_damage():
            return await self._writing(work)

    @contextmanager
    def _noting_damage(self) -> Iterator[None]:
        try:
            yield
        except StorageDamaged:
            self.damaged = True
            self.on_damage()
            raise

    async def find(self, tenant: str, entity: str, wanted: RecordFilter, after: Place, limit: int) -> Found:
        return await self._show(lambda db: reading.find(db, tenant, entity, wanted, after, limit))

    async def living(self, wanted: Mapping[Scope, Sequence[str]]) -> dict[Scope, set[str]]:
        return await self._look(lambda db: reading.living(db, wanted))

    async def runs(
        self, tenant: str, *, connection: str, status: str, before: str, limit: int
    ) -> list[RunRow]:
        return await self._show(lambda db: reading.runs(db, tenant, connection, status, before, limit))

    async def run(self, tenant: str, run: str) -> RunRow | None:
        return await self._show(lambda db: reading.run(db, tenant, run))

    async def last_runs(self, tenant: str, connection: str) -> list[RunRow]:
        return await self._show(lambda db: reading.last_runs(db, tenant, connection))

    async def dead_letters(
        self, tenant: str, wanted: LetterFilter, *, after: Place, limit: int
    ) -> FoundLetters:
        return await self._show(lambda db: index_letters.page(db, tenant, wanted, after, limit))

    async def letter_causes(self, tenant: str, wanted: LetterFilter, *, most: int) -> Counted:
        """A few thousand at a time, between which others read."""
        sums: dict[tuple[str, str, str, str], LetterCause] = {}
        after: Place | None = Place()
        for _ in range(0, most, index_letters.COUNTED_AT_ONCE):
            if after is None:
                break
            some, after = await self._counted(tenant, wanted, after)
            for cause in some:
                _add_up(sums, cause)
        causes = sorted(sums.values(), key=lambda cause: (-cause.count, astuple(cause)))
        return Counted(causes, whole=after is None)

    async def _counted(
        self, tenant: str, wanted: LetterFilter, after: Place
    ) -> tuple[list[LetterCause], Place | None]:
        return await self._show(lambda db: index_letters.count(db, tenant, wanted, after))


def _add_up(sums: dict[tuple[str, str, str, str], LetterCause], cause: LetterCause) -> None:
    name = (cause.connection, cause.entity, cause.field, cause.reason)
    known = sums.get(name)
    if known is not None:
        cause = replace(
            known, count=known.count + cause.count, oldest=min(known.oldest, cause.oldest),
            newest=max(known.newest, cause.newest),
        )  # fmt: skip
    sums[name] = cause


def _nobody_listens() -> None:
    return
