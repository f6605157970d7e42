"""Everything that watches the relay, put together: the notes of health, alerts, metrics and traces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.clock import Clock
from agent.errors import ConfigurationError
from relay.health.alerting import Alerting
from relay.health.facts import version_of
from relay.health.keeping import HealthStore
from relay.health.notes import HealthNotes
from relay.health.outlook import Outlook, OwnCertificate, none
from relay.leadership import Leadership
from relay.observing import Observer, Observers
from relay.settings import RelaySettings
from relay.store.sql import Engine


class Watching:
    def __init__(self, settings: RelaySettings, engine: Engine, clock: Clock) -> None:
        tls = settings.gateway.tls
        certificate = none if tls is None else OwnCertificate(tls.certificate, clock)
        store = HealthStore(engine)
        self._clock = clock
        self._notes = HealthNotes(store, clock)
        self._tasks: list[asyncio.Task[None]] = []
        self._told: Callable[[], None] = lambda: None
        self.outlook = Outlook(_minimum(settings), certificate)
        self._alerting = Alerting(store, clock, certificate=certificate, changed=self._changed)
        self.observer: Observer = Observers(self._notes)

    def _changed(self) -> None:
        self._told()

    def start(
        self,
        group: asyncio.TaskGroup,
        leadership: Leadership,
        *,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        """`told` is called when an alert has made events."""
        self._told = told
        self._tasks = [
            group.create_task(self._notes.run(), name="health"),
            group.create_task(self._alerting.run(leadership), name="alerts"),
        ]

    async def stop(self) -> None:
        """Behind the gateway: that its agents have left is written down."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
            await self._notes.write()


def _minimum(settings: RelaySettings) -> tuple[int, ...] | None:
    text = settings.health.minimum_agent
    if not text:
        return None
    version = version_of(text)
    if version is None:
        raise ConfigurationError(
            f"{text!r} is not a version.", where="health.minimum_agent", hint='Write it as "1.2.3".'
        )
    return version
