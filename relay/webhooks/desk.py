"""What the API asks of webhooks that takes more than the store: secrets, targets, and the test button."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agent.clock import Clock
from agent.model.run import rfc3339
from relay.bus.base import Bus
from relay.bus.subjects import EVENTS
from relay.events import TEST_TYPE, event_body
from relay.identities import new_id
from relay.webhooks.base import Endpoint, Wish
from relay.webhooks.courier import Courier, Outcome
from relay.webhooks.dispatcher import SECRET_UNREADABLE
from relay.webhooks.keyring import Keyring
from relay.webhooks.signing import SECRET_BYTES, key_of, shown, signed_headers
from relay.webhooks.store import WebhookStore
from relay.webhooks.targets import Rules, parse_target

MOST_ENDPOINTS: Final = 20  # of one tenant
MOST_TESTS: Final = 4  # under way at once, of all tenants


@dataclass(frozen=True, slots=True)
class Shown:
    """An endpoint with its new secret, which is shown this once."""

    endpoint: Endpoint
    secret: str

    def __repr__(self) -> str:
        return f"Shown({self.endpoint.id}, ***)"


class TooManyTests(Exception):
    """Others are being tested; ask again in a moment."""


class WebhookDesk:
    def __init__(
        self, store: WebhookStore, courier: Courier, keyring: Keyring, rules: Rules, *, bus: Bus, clock: Clock
    ) -> None:
        self.store = store
        self._courier = courier
        self._keyring = keyring
        self._rules = rules
        self._bus = bus
        self._clock = clock
        self._testing = 0

    def check(self, url: str) -> None:
        """Raises TargetRefused. What the name resolves to is looked at with each connection."""
        parse_target(url, self._rules)

    def changed(self) -> None:
        self._bus.publish(EVENTS)

    async def create(self, tenant: str, wish: Wish, *, enabled: bool, secret: str | None) -> Shown | None:
        """None: the tenant has as many as it may have. Raises NotASecret for one that was brought along."""
        now = self._clock.utcnow()
        key = _key(secret)
        endpoint = Endpoint(
            id=new_id("wep", now),
            tenant=tenant,
            wish=wish,
            enabled=enabled,
            begins_after=0,
            version=1,
            created_at=now,
            updated_at=now,
        )
        sealed = self._keyring.close(tenant, endpoint.id, key)
        if not await self.store.add(endpoint, sealed, most=MOST_ENDPOINTS):
            return None
        self.changed()
        return Shown(endpoint, shown(key))

    async def rotate(
        self, tenant: str, endpoint_id: str, *, overlap: timedelta, secret: str | None
    ) -> tuple[Shown, datetime] | None:
        """None: there is no such endpoint. The moment is the end of the old secret."""
        now = self._clock.utcnow()
        key, until = _key(secret), now + overlap
        sealed = self._keyring.close(tenant, endpoint_id, key)
        found = await self.store.rotate(tenant, endpoint_id, sealed, now=now, old_until=until)
        if found is None:
            return None
        self.changed()
        return Shown(found, shown(key)), until

    async def test(self, endpoint: Endpoint) -> Outcome:
        """Send an event of the type `webhook.test` now, past all queues. Raises TooManyTests."""
        if self._testing >= MOST_TESTS:
            raise TooManyTests
        self._testing += 1
        try:
            return await self._test(endpoint)
        finally:
            self._testing -= 1

    async def _test(self, endpoint: Endpoint) -> Outcome:
        now = self._clock.utcnow()
        kept = [one for one in await self.store.secrets(endpoint.id) if one.lives(now)]
        opened = [self._keyring.open(endpoint.tenant, endpoint.id, one) for one in kept]
        keys = [key for key in opened if key is not None]
        if not keys:
            return Outcome(0.0, failure=SECRET_UNREADABLE)
        message = new_id("evt", now)
        body = event_body(
            {
                "id": message,
                "type": TEST_TYPE,
                "timestamp": rfc3339(now),
                "connection": None,
                "agent": None,
                "subject": endpoint.id,
                "data": {"endpoint": endpoint.id},
            }
        )
        headers = signed_headers(message, now, body, keys)
        return await self._courier.post(endpoint.id, endpoint.wish.url, headers, body)


def _key(secret: str | None) -> bytes:
    return secrets.token_bytes(SECRET_BYTES) if secret is None else key_of(secret)
