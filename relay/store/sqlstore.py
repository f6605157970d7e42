"""The store of record over an engine: each call is one transaction of plain functions in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.acting import acting
from relay.lifecycle import Command, CommandState
from relay.store import accounts, audited, batches, commands, eras
from relay.store.base import (
    Added,
    Agent,
    Appended,
    Batch,
    BatchHeader,
    Cancelling,
    CommandFilter,
    Connection,
    ConnectionStatus,
    Enrolment,
    EnrolmentCode,
    NewBatch,
    StreamEnd,
    StreamPosition,
    Tenant,
)
from relay.store.sql import Engine, Sql


class SqlStore:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._opening = eras.new_mark()

    async def add_tenant(self, tenant: Tenant) -> bool:
        by = acting()
        return await self.engine.write(lambda db: audited.add_tenant(db, tenant, by))

    async def tenant(self, tenant: str) -> Tenant | None:
        return await self.engine.read(lambda db: accounts.tenant(db, tenant))

    async def add_code(self, code: EnrolmentCode) -> None:
        by = acting()
        await self.engine.write(lambda db: audited.add_code(db, code, by))

    async def code(self, code_id: str, now: datetime) -> EnrolmentCode | None:
        return await self.engine.read(lambda db: accounts.code(db, code_id, now))

    async def enrol(self, code_id: str, enrolment: Enrolment, now: datetime) -> Agent | None:
        by = acting()
        return await self.engine.write(lambda db: audited.enrol(db, code_id, enrolment, now, by))

    async def agent(self, agent_id: str) -> Agent | None:
        return await self.engine.read(lambda db: accounts.agent(db, agent_id))

    async def agent_by_key(self, public_key: bytes) -> Agent | None:
        return await self.engine.read(lambda db: accounts.agent_by_key(db, public_key))

    async def agents(self, tenant: str) -> list[Agent]:
        return await self.engine.read(lambda db: accounts.agents(db, tenant))

    async def saw_agent(self, agent_id: str, software: str, now: datetime) -> None:
        await self.engine.write(lambda db: accounts.saw_agent(db, agent_id, software, now))

    async def save_connections(
        self, agent: Agent, statuses: Sequence[ConnectionStatus], now: datetime
    ) -> None:
        await self.engine.write(lambda db: batches.save_connections(db, agent, statuses, now))

    async def connections(self, tenant: str) -> list[Connection]:
        return await self.engine.read(lambda db: batches.connections(db, tenant))

    async def connection(self, tenant: str, connection_id: str) -> Connection | None:
        return await self.engine.read(lambda db: batches.connection(db, tenant, connection_id))

    async def stream_positions(self, tenant: str, connection_id: str) -> list[StreamPosition]:
        return await self.engine.read(lambda db: batches.stream_positions(db, tenant, connection_id))

    async def stream_ends(self, agent: Agent) -> dict[str, StreamEnd]:
        return await self.engine.read(lambda db: batches.stream_ends(db, agent))

    async def append_batches(self, new: Sequence[NewBatch]) -> list[Appended]:
        return await self.engine.write(lambda db: self._append(db, new))

    def _append(self, db: Sql, new: Sequence[NewBatch]) -> list[Appended]:
        eras.note(db, self.opening(db))
        return batches.append(db, new)

    def opening(self, _db: Sql) -> str:
        """Stands for this opening of the store: while it stays the same, no copy was put in its place."""
        return self._opening

    async def last_position(self) -> int:
        return await self.engine.read(batches.last_position)

    async def headers(
        self, after: int, limit: int, *, tenant: str | None = None, connection: str = "", entity: str = ""
    ) -> list[BatchHeader]:
        return await self.engine.read(
            lambda db: batches.headers(db, after, limit, tenant, connection, entity)
        )

    async def batch(self, position: int) -> Batch | None:
        return await self.engine.read(lambda db: batches.batch(db, position))

    async def quarantine(self, position: int, reason: str) -> None:
        """From now on the batch counts as one that cannot be read. It stays."""
        await self.engine.write(lambda db: batches.quarantine(db, position, reason))

    async def add_command(self, command: Command, now: datetime, *, most_open: int) -> Added:
        by = acting()
        return await self.engine.write(lambda db: audited.add_command(db, command, now, most_open, by))

    async def cancel_command(
        self, target: str, cancel: Command, now: datetime, *, most_open: int
    ) -> Cancelling | None:
        by = acting()
        return await self.engine.write(
            lambda db: audited.cancel_command(db, target, cancel, now, most_open, by)
        )

    async def command(self, tenant: str, command_id: str) -> Command | None:
        return await self.engine.read(lambda db: commands.one(db, tenant, command_id))

    async def commands(self, tenant: str, wanted: CommandFilter, *, before: str, limit: int) -> list[Command]:
        return await self.engine.read(lambda db: commands.many(db, tenant, wanted, before, limit))

    async def send_command(
        self, agent: Agent, command_id: str, now: datetime, *, session: str | None = None
    ) -> Command | None:
        """Note that the command goes out now; None: there is nothing to send any more, or not over this session."""
        return await self.engine.write(lambda db: commands.send(db, agent, command_id, now, session))

    async def send_commands(
        self, agent: Agent, now: datetime, *, session: str | None = None
    ) -> list[Command]:
        """Note that all that this agent has not answered go out (again) now, in the order they came."""
        return await self.engine.write(lambda db: commands.send_all(db, agent, now, session))

    async def answer_command(
        self, agent_id: str, command_id: str, state: CommandState, result: Mapping[str, Any], now: datetime
    ) -> bool:
        return await self.engine.write(
            lambda db: commands.answer(db, agent_id, command_id, state, result, now)
        )

    async def expire_commands(self, now: datetime) -> int:
        return await self.engine.write(lambda db: commands.expire(db, now))
