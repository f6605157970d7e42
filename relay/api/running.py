"""Sync runs that are under way, put together from what agents tell of their connections and of running commands.

An agent reports a run to the store when it has ended. Until then its connection's status names the run, and the
progress of the command that started it, if one did, has its newest counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from relay import kinds
from relay.api.context import ApiContext
from relay.api.schemas import SyncRunOut
from relay.lifecycle import Command, CommandState
from relay.store.base import CommandFilter, Connection

RUNNING: Final = "running"
SYNC_KINDS: Final = (kinds.SYNC, kinds.RESYNC, kinds.REQUEUE)
MAX_COMMANDS: Final = 100  # of one kind looked at; the newest


async def runs_under_way(ctx: ApiContext, tenant: str, connection: str = "") -> list[SyncRunOut]:
    """The newest first."""
    if connection:
        one = await ctx.store.connection(tenant, connection)
        connections = [] if one is None else [one]
    else:
        connections = await ctx.store.connections(tenant)
    told = [run for found in connections for run in _told(found)]
    if not told:
        return []
    commands = await _running_commands(ctx, tenant, connection)
    return sorted((_newest(run, commands) for run in told), key=lambda run: run.run, reverse=True)


async def starter_of(ctx: ApiContext, tenant: str, run: SyncRunOut) -> Command | None:
    """The command that the run under way belongs to; None: the agent's schedule, or somebody at its host, began it."""
    commands = await _running_commands(ctx, tenant, run.connection)
    return next((one for one in commands if _counts(one, run) is not None), None)


async def _running_commands(ctx: ApiContext, tenant: str, connection: str) -> list[Command]:
    found: list[Command] = []
    for kind in SYNC_KINDS:
        wanted = CommandFilter(connection, kind, CommandState.RUNNING)
        found += await ctx.store.commands(tenant, wanted, before="", limit=MAX_COMMANDS)
    return sorted(found, key=lambda command: command.id, reverse=True)


def _told(connection: Connection) -> Iterator[SyncRunOut]:
    for stream in connection.status.streams:
        report = stream.get("lastRun")
        if not isinstance(report, Mapping) or report.get("status") != RUNNING:
            continue
        try:
            yield SyncRunOut.model_validate(
                {**report, "connection": connection.id, "told_at": connection.updated_at}
            )
        except ValidationError:  # an agent of another version, or gone wrong: it is news, not a record
            continue


def _newest(run: SyncRunOut, commands: Sequence[Command]) -> SyncRunOut:
    for command in commands:
        counts = _counts(command, run)
        if command.connection == run.connection and counts is not None:
            try:
                told = {**run.model_dump(), "counts": counts, "told_at": command.updated_at}
                return SyncRunOut.model_validate(told)
            except ValidationError:
                return run
    return run


def _counts(command: Command, run: SyncRunOut) -> Mapping[str, Any] | None:
    streams = (command.progress or {}).get("streams")
    counts = streams.get(run.stream) if isinstance(streams, Mapping) else None
    return counts if isinstance(counts, Mapping) else None
