"""What platforms are told, put together: the events and who brings them to webhooks."""

from __future__ import annotations

import asyncio
import random
import ssl

import truststore

from agent.clock import Clock
from agent.errors import ConfigurationError
from relay.bus.base import Bus
from relay.leadership import Leadership, led
from relay.observing import Observer
from relay.settings import RelaySettings
from relay.settings import Webhooks as WebhookSettings
from relay.store.base import RecordIndex
from relay.store.sql import Engine
from relay.telling import BatchTeller, PresenceTeller
from relay.webhooks.courier import Courier
from relay.webhooks.desk import WebhookDesk
from relay.webhooks.dispatcher import Dispatcher
from relay.webhooks.keyring import load_keyring
from relay.webhooks.store import EventStore, WebhookStore
from relay.webhooks.sweeping import Sweeper
from relay.webhooks.targets import Rules


class News:
    def __init__(
        self,
        settings: RelaySettings,
        engine: Engine,
        index: RecordIndex,
        bus: Bus,
        *,
        clock: Clock,
        observer: Observer | None = None,
    ) -> None:
        hooks = settings.webhooks
        rules = Rules(hooks.allow_http, hooks.allow_networks)
        keyring = load_keyring(settings.webhook_key_path)
        store, events = WebhookStore(engine), EventStore(engine)
        self._courier = Courier(rules, _tls(hooks), clock=clock)
        self._dispatcher = Dispatcher(
            store,
            self._courier,
            keyring,
            indexed=index.position,
            bus=bus,
            clock=clock,
            chance=random.SystemRandom().random,
            observer=observer,
        )
        self._presence = PresenceTeller(engine, bus, clock=clock)
        self._sweeper = Sweeper(
            events, store, clock=clock, event_days=hooks.event_days, log_days=hooks.log_days
        )
        self._tasks: list[asyncio.Task[None]] = []
        self.teller = BatchTeller(events, index.living, bus, clock=clock)
        self.desk = WebhookDesk(store, self._courier, keyring, rules, bus=bus, clock=clock)

    def start(self, group: asyncio.TaskGroup, leadership: Leadership) -> None:
        for work, run in (
            ("webhooks", self._dispatcher.run),
            ("presence", self._presence.run),
            ("sweeping", self._sweeper.run),
        ):
            self._tasks.append(group.create_task(led(leadership, work, run), name=work))

    async def stop(self) -> None:
        """What is on its way is delivered again by the next life: it is not settled."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._courier.close()


def _tls(settings: WebhookSettings) -> ssl.SSLContext:
    if settings.ca_file is None:
        context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(settings.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"The file of certificate authorities cannot be used: {error}",
                where="webhooks.ca_file",
                hint="Name a PEM file that the relay may read.",
            ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
