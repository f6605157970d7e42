"""Calls about mappings: to the running agent, or answered in this process where none runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from agent.audit.log import open_trail
from agent.audit.trail import Actor, AuditTrail
from agent.audit.who import current_actor
from agent.calls.audited import audited
from agent.calls.mappings import MappingCalls
from agent.clock import SystemClock
from agent.commandline.drivers import find_connection, hosted
from agent.control import ControlClient, is_running
from agent.errors import AuditUnavailable
from agent.mappings.columns import ColumnWatch, News
from agent.mappings.probe import Probed
from agent.mappings.service import Mappings
from agent.outbox.limits import OUTBOX_FILE
from agent.outbox.store import Outbox
from agent.settings import Settings
from agent.sync.cursor import read_checkpoint

# They change something: while they do, nobody else may hold the state folder.
CHANGING: Final = frozenset({"mapping_change", "mapping_revert", "mapping_adopt", "mapping_accept_columns"})


async def ask(settings: Settings, call: str, args: Mapping[str, Any]) -> dict[str, Any]:
    if await is_running(settings.state_dir):
        client = ControlClient(settings.state_dir)
        if call == "mapping_adopt":
            await client.ask("reload")  # the file was edited just now, and the agent may not have looked yet
        return dict(await client.ask(call, args))
    find_connection(settings, str(args["connection"]))  # says what is wrong with its file, if something is
    if call not in CHANGING:
        return await _answer(settings, call, args, _NothingToWrite(), has_records=False)
    clock = SystemClock()
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with (
        await Outbox.open(settings.state_dir / OUTBOX_FILE, clock=clock) as outbox,
        open_trail(settings.state_dir, clock, settings.audit.retention) as trail,
    ):
        text = await outbox.last_checkpoint(f"{args['connection']}/{args['stream']}")
        return await _answer(settings, call, args, trail, has_records=read_checkpoint(text).initial_done)


async def _answer(
    settings: Settings, call: str, args: Mapping[str, Any], trail: AuditTrail, *, has_records: bool
) -> dict[str, Any]:
    clock = SystemClock()

    @asynccontextmanager
    async def aside(name: str) -> AsyncIterator[Probed]:
        async with hosted(settings, find_connection(settings, name)) as driver:
            yield driver

    async def restart(_name: str) -> None:
        """Nothing runs that would have to be told."""

    mappings = Mappings(
        settings.state_dir, clock, trail, files=lambda: settings.connections, aside=aside, restart=restart
    )
    news = _News(mappings, ColumnWatch(settings.state_dir, clock))
    # What the records at the relay were made with, only the running agent compares; after a change it is another.
    calls = MappingCalls(mappings, news, lambda _connection, _stream: has_records, current_actor)
    return dict(await audited(calls.handlers(), trail)[call](dict(args), lambda _: None))


@dataclass(frozen=True, slots=True)
class _News:
    mappings: Mappings
    watch: ColumnWatch

    def column_news(self, connection: str, stream: str) -> News:
        mapping = self.mappings.read(connection, stream).mapping
        return self.watch.news(connection, stream, mapping.source_columns if mapping is not None else ())

    def accept_columns(self, connection: str, stream: str) -> News:
        return self.watch.accept(connection, stream)


class _NothingToWrite:
    """For what changes nothing: it holds no audit log open, and could not write into it."""

    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        del action, actor, facts
        raise AuditUnavailable
