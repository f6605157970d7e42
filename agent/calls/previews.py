"""The call `preview`: what syncs would ask of their sources, answered by the running agent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from agent.clock import Clock
from agent.connections import Connections
from agent.control import Handler, Progress
from agent.errors import ConfigurationError, GroundwireError
from agent.outbox.store import Outbox
from agent.policies.in_force import Leaves
from agent.previewing import MAX_RECORDS, Wanted, beside_each_other, preview, unasked
from agent.settings import ConnectionSettings
from agent.sync.cursor import read_checkpoint


class PreviewCalls:
    def __init__(self, connections: Connections, outbox: Outbox, leaving: Leaves, clock: Clock) -> None:
        self._connections = connections
        self._outbox = outbox
        self._leaving = leaving
        self._clock = clock

    def handlers(self) -> Mapping[str, Handler]:
        return {"preview": self._preview}

    async def _preview(self, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """`streams` as for `sync`; `records` of each. Through drivers of its own, so that no run has to end first."""
        del progress
        texts, records = args.get("streams") or [], args.get("records", 5)
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ConfigurationError("streams is a list of texts")
        if type(records) is not int or not 1 <= records <= MAX_RECORDS:
            raise ConfigurationError(f"records is a number from 1 to {MAX_RECORDS}")
        wanted: dict[str, dict[str, None]] = {}
        for text in texts or [one.settings.name for one in self._connections]:
            connection, slash, stream = text.partition("/")
            # Also those of which the policy lets nothing leave: what it says of them is shown too.
            every = list(self._connections.settings(connection).streams)
            chosen = self._connections.choose(connection, [stream] if slash else every)
            wanted.setdefault(connection, {}).update(dict.fromkeys(name for _, name in chosen))
        looks = [
            partial(self._of, self._connections.settings(connection), list(names), records)
            for connection, names in wanted.items()
        ]
        return {"streams": await beside_each_other(looks)}

    async def _of(self, settings: ConnectionSettings, names: list[str], records: int) -> list[dict[str, Any]]:
        try:
            return await self._look(settings, names, records)
        except GroundwireError as error:
            return unasked(settings, names, error, now=self._clock.utcnow())

    async def _look(
        self, settings: ConnectionSettings, names: list[str], records: int
    ) -> list[dict[str, Any]]:
        chosen = [
            Wanted(
                settings.streams[name],
                read_checkpoint(await self._outbox.last_checkpoint(f"{settings.name}/{name}")),
            )
            for name in names
        ]
        driver = self._connections.make_driver(settings)
        try:
            return await preview(driver, settings, chosen, self._leaving, clock=self._clock, records=records)
        finally:
            await driver.aclose()
