"""The dispatcher over the real store and a courier of the test's own, in a time that passes only when all wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from agent.errors import TransientError
from relay.bus.base import Hint
from relay.events import EventType
from relay.store.administration import Administration
from relay.store.base import Tenant
from relay.webhooks.base import DeliveryState, Result
from relay.webhooks.courier import Outcome
from relay.webhooks.dispatcher import SECRET_UNREADABLE, Dispatcher
from relay.webhooks.keyring import Keyring
from relay.webhooks.pacing import MAX_WIDTH
from relay.webhooks.plan import MAX_ATTEMPTS
from relay.webhooks.store import WebhookStore
from tests.unit.relay.making import NOW
from tests.unit.relay.webhooks.making import ALL_INDEXED, KEYRING, Hooks, hooks

WELL = Outcome(0.01, 200)
BADLY = Outcome(0.01, 500)
Answer = Callable[["Sent"], Awaitable[Outcome]]


@dataclass(frozen=True)
class Sent:
    endpoint: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return dict(orjson.loads(self.body))

    @property
    def number(self) -> int:
        return int(self.event["data"]["number"])


@dataclass
class FakeCourier:
    answer: Answer
    sent: list[Sent] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    most: Counter[str] = field(default_factory=Counter)
    _now: Counter[str] = field(default_factory=Counter)

    async def post(self, endpoint: str, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        one = Sent(endpoint, url, headers, body)
        self.sent.append(one)
        self._now[endpoint] += 1
        self.most[endpoint] = max(self.most[endpoint], self._now[endpoint])
        try:
            return await self.answer(one)
        finally:
            self._now[endpoint] -= 1
            self.came.set()

    def numbers(self, endpoint: str = "") -> list[int]:
        return [one.number for one in self.sent if not endpoint or one.endpoint == endpoint]


class QuietBus:
    """Hints come when a test gives one; otherwise nothing moves the clock."""

    def __init__(self) -> None:
        self._hinted = asyncio.Event()

    def publish(self, subject: str, data: Mapping[str, Any] | None = None) -> None:
        self._hinted.set()

    @contextmanager
    def subscribe(self, pattern: str) -> Iterator[QuietBus]:
        yield self

    async def next(self, *, within: float | None = None) -> Hint | None:
        await self._hinted.wait()
        self._hinted.clear()
        return Hint("events")

    async def run(self) -> None:
        return


async def well(_: Sent) -> Outcome:
    return WELL


async def badly(_: Sent) -> Outcome:
    return BADLY


@dataclass
class Running:
    hooks: Hooks
    courier: FakeCourier
    bus: QuietBus

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(60):
            while not await condition():
                await asyncio.sleep(0)  # noqa: TID251 - a turn, no time

    async def settled(self, count: int, tenant: str = "acme", endpoint: str = "a") -> None:
        async def done() -> bool:
            found = await self.hooks.webhooks.deliveries(tenant, endpoint, state=None, before="", limit=1_000)
            ended = [one for one in found if one.delivery.finished_at is not None]
            return len(ended) >= count

        await self.until(done)


@asynccontextmanager
async def dispatching(there: Hooks, answer: Answer, *, keyring: Keyring = KEYRING) -> AsyncIterator[Running]:
    courier, bus = FakeCourier(answer), QuietBus()

    async def indexed() -> int:
        return ALL_INDEXED

    dispatcher = Dispatcher(
        there.webhooks,
        courier,  # type: ignore[arg-type]
        keyring,
        indexed=indexed,
        bus=bus,
        clock=there.clock,
        chance=lambda: 0.0,
    )
    running = asyncio.create_task(dispatcher.run())
    try:
        yield Running(there, courier, bus)
    finally:
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled(), running.exception()


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Hooks]:
    async with hooks(tmp_path) as made:
        yield made


async def test_what_is_told_is_delivered_once(there: Hooks) -> None:
    await there.endpoint(name="a")
    told = await there.tell(*["nav"] * 50)

    async with dispatching(there, well) as running:
        await running.settled(50)

        assert sorted(running.courier.numbers()) == list(range(1, 51))
        assert {one.headers["webhook-id"] for one in running.courier.sent} == {event.id for event in told}


async def test_what_comes_while_it_runs_is_delivered_with_the_hint(there: Hooks) -> None:
    await there.endpoint(name="a")
    async with dispatching(there, well) as running:
        for count in (1, 2, 3):
            await there.tell()
            running.bus.publish("events")
            await running.settled(count)


async def test_lanes_keep_their_order_whatever_fails(there: Hooks) -> None:
    """Each third attempt fails; the order within a connection is that of the events, and lanes go on by themselves."""
    await there.endpoint(name="a", ordered=True)
    await there.tell(*["nav", "sap", "ax"] * 10)
    attempts = 0

    async def answer(_: Sent) -> Outcome:
        nonlocal attempts
        attempts += 1
        return BADLY if attempts % 3 == 0 else WELL

    async with dispatching(there, answer) as running:
        await running.settled(30)

        for connection in ("nav", "sap", "ax"):
            seen = [one.number for one in running.courier.sent if one.event["connection"] == connection]
            firsts = list(dict.fromkeys(seen))
            assert firsts == sorted(firsts)
            assert len(firsts) == 10


async def test_a_receiver_that_fails_for_an_hour_is_given_everything_afterwards_in_order(
    there: Hooks,
) -> None:
    await there.endpoint(name="a", ordered=True)
    await there.tell(*["nav"] * 5)
    over = NOW + timedelta(hours=1)

    async def answer(_: Sent) -> Outcome:
        return WELL if there.clock.utcnow() >= over else BADLY

    async with dispatching(there, answer) as running:
        await running.settled(5)

        seen = running.courier.numbers()
        assert seen[seen.count(1) :] == [2, 3, 4, 5]
        assert there.clock.utcnow() >= over


async def test_an_endpoint_that_is_dead_is_tried_for_a_day_then_disabled(there: Hooks) -> None:
    await there.endpoint(name="a")
    await there.endpoint(name="b", types=frozenset({EventType.WEBHOOK_DISABLED}))
    await there.tell()

    async def answer(one: Sent) -> Outcome:
        return WELL if one.endpoint == "b" else BADLY

    async with dispatching(there, answer) as running:
        await running.settled(1)
        running.bus.publish("events")
        await running.settled(1, endpoint="b")

        assert [one.endpoint for one in running.courier.sent] == ["a"] * MAX_ATTEMPTS + ["b"]
        assert there.clock.utcnow() - NOW > timedelta(hours=18)


async def test_endpoints_that_hang_hold_up_nobody(there: Hooks) -> None:
    """A hundred of them, more than there are places for, and one that answers."""
    for number in range(100):
        await there.endpoint(name=f"hangs-{number}")
    await there.endpoint(name="a")
    await there.tell(*["nav"] * 100)

    async def answer(one: Sent) -> Outcome:
        if one.endpoint != "a":
            await asyncio.Event().wait()
        return WELL

    async with dispatching(there, answer) as running:
        await running.settled(100)

        assert sorted(running.courier.numbers("a")) == list(range(1, 101))


async def _any(running: Running, endpoint: str) -> bool:
    return bool(running.courier.numbers(endpoint))


async def test_no_endpoint_has_more_on_its_way_than_its_width(there: Hooks) -> None:
    await there.endpoint(name="a")
    await there.tell(*["nav"] * 200)

    async def answer(_: Sent) -> Outcome:
        for _ in range(5):
            await asyncio.sleep(0)  # noqa: TID251 - a turn, no time
        return WELL

    async with dispatching(there, answer) as running:
        await running.settled(200)

        assert 1 < running.courier.most["a"] <= MAX_WIDTH


async def test_one_that_is_disabled_meanwhile_is_given_nothing_more(there: Hooks) -> None:
    endpoint = await there.endpoint(name="a")
    await there.tell()
    async with dispatching(there, well) as running:
        await running.settled(1)
        await there.webhooks.change(endpoint, endpoint.wish, enabled=False, now=NOW)
        await there.tell()
        running.bus.publish("events")
        await there.endpoint(name="b")
        await there.tell()
        running.bus.publish("events")
        await running.settled(1, endpoint="b")

        assert running.courier.numbers("a") == [1]


@pytest.mark.parametrize("ordered", [False, True])
async def test_a_dispatcher_that_ends_at_any_moment_loses_nothing_and_keeps_the_order(
    there: Hooks, *, ordered: bool
) -> None:
    """What was on its way is delivered again: at least once, and in the order of the lane."""
    await there.endpoint(name="a", ordered=ordered)
    await there.tell(*["nav"] * 20)
    seen: list[int] = []
    for stop in range(1, 12):

        async def answer(one: Sent, stop: int = stop) -> Outcome:
            seen.append(one.number)
            if len(running.courier.sent) > stop:
                await asyncio.Event().wait()
            return WELL

        async with dispatching(there, answer) as running:
            await running.until(partial(_enough, running, stop))
    async with dispatching(there, well) as running:
        await running.settled(20)
        seen += running.courier.numbers()

    assert set(seen) == set(range(1, 21))
    if ordered:
        firsts = list(dict.fromkeys(seen))
        assert firsts == sorted(firsts)


async def _enough(running: Running, stop: int) -> bool:
    if len(running.courier.sent) > stop:
        return True
    found = await running.hooks.webhooks.deliveries(
        "acme", "a", state=DeliveryState.DELIVERED, before="", limit=100
    )
    return len(found) == 20


class RefusingStore(WebhookStore):
    """Writes down no outcome for a while, and is read all the same."""

    refusals = 20

    async def settle(self, results: Sequence[Result], now: datetime) -> None:
        if self.refusals == 0:
            await super().settle(results, now)
            return
        self.refusals -= 1
        await self.events_waiting()  # whoever looked for deliveries before this has been answered behind it
        raise TransientError("The database is away.")


@pytest.mark.parametrize("ordered", [False, True])
async def test_nothing_is_sent_again_while_its_outcome_cannot_be_written_down(
    there: Hooks, *, ordered: bool
) -> None:
    refusing = replace(there, webhooks=RefusingStore(there.store.engine))
    await there.endpoint(name="a", ordered=ordered)
    await there.tell(*["nav"] * 5)
    async with dispatching(refusing, well) as running:
        await running.settled(5)

        assert running.courier.numbers() == [1, 2, 3, 4, 5]


async def test_two_signatures_while_a_secret_is_being_changed(there: Hooks) -> None:
    await there.endpoint(name="a")
    sealed = KEYRING.close("acme", "a", b"n" * 32)
    until = NOW + timedelta(hours=1)
    await there.webhooks.rotate("acme", "a", sealed, now=NOW, old_until=until)
    await there.tell()
    async with dispatching(there, well) as running:
        await running.settled(1)
        there.clock.advance(3_600)
        await there.tell()
        running.bus.publish("events")
        await running.settled(2)

        assert [len(one.headers["webhook-signature"].split()) for one in running.courier.sent] == [2, 1]


async def test_without_its_secret_nothing_is_sent_and_the_log_says_why(there: Hooks) -> None:
    await there.endpoint(name="a")
    await there.tell()
    async with dispatching(there, well, keyring=Keyring(bytes(32))) as running:
        await running.settled(1)

        [one] = await there.webhooks.deliveries("acme", "a", state=None, before="", limit=1)
        assert {attempt.failure for attempt in one.delivery.attempts} == {SECRET_UNREADABLE}
        assert running.courier.sent == []


async def test_a_fault_of_ours_in_one_delivery_ends_no_other(there: Hooks) -> None:
    await there.endpoint(name="a")
    await there.tell("nav", "nav")

    async def answer(one: Sent) -> Outcome:
        if one.number == 1 and there.clock.utcnow() == NOW:
            raise TypeError("ours")
        return WELL

    async with dispatching(there, answer) as running:
        await running.settled(2)


async def test_a_clock_that_jumps_back_puts_nothing_off(there: Hooks) -> None:
    await there.endpoint(name="a")
    await there.tell()
    attempts = 0

    async def answer(_: Sent) -> Outcome:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            return BADLY
        return WELL

    async with dispatching(there, answer) as running:
        await running.until(lambda: _any(running, "a"))
        there.clock.step_wall_clock(-10 * 86_400)
        await running.settled(1)

        assert attempts == 2
        assert there.clock.monotonic() < 86_400


async def test_nothing_is_sent_for_a_disabled_tenant_and_what_came_meanwhile_follows_when_it_is_enabled(
    there: Hooks,
) -> None:
    """G175: what was on its way ends; nobody else waits."""
    administration = Administration(there.store.engine)
    for tenant, name in (("acme", "a"), ("globex", "b")):
        await there.store.add_tenant(Tenant(tenant, NOW))
        await there.endpoint(name=name, tenant=tenant, ordered=True)
        await there.tell(tenant=tenant)
    async with dispatching(there, well) as running:
        await running.settled(1)
        await running.settled(1, "globex", "b")
        await administration.enable_tenant("acme", NOW, enabled=False)
        for tenant in ("acme", "globex"):
            await there.tell("nav", "nav", tenant=tenant)
        running.bus.publish("events")
        await running.settled(3, "globex", "b")
        assert running.courier.numbers("a") == [1]

        await administration.enable_tenant("acme", NOW, enabled=True)
        running.bus.publish("events")
        await running.settled(3)

        assert running.courier.numbers("a") == [1, 3, 4]
