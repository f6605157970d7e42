from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from relay.events import EventType, event_document
from relay.store.events import HELD_BACK, EventFilter
from relay.webhooks.attempts import result_of
from relay.webhooks.base import DeliveryState, DisabledReason, Due, Endpoint
from relay.webhooks.courier import Outcome
from relay.webhooks.plan import MAX_ATTEMPTS
from tests.unit.relay.making import NOW
from tests.unit.relay.webhooks.making import KEYRING, SECRET, Hooks, hooks

WELL = Outcome(0.01, 200, "ok")
BADLY = Outcome(0.01, 500, "no")
GONE = Outcome(0.01, 410)


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Hooks]:
    async with hooks(tmp_path) as made:
        yield made


async def due(there: Hooks, endpoint: Endpoint, limit: int = 100) -> list[Due]:
    return (await there.webhooks.look(endpoint.id, there.clock.utcnow(), limit, ())).due


async def tried(there: Hooks, one: Due, outcome: Outcome) -> None:
    now = there.clock.utcnow()
    result = result_of(one.delivery, outcome, begun=now, now=now, chance=0.0)
    await there.webhooks.settle([result], now)


async def tried_to_the_end(there: Hooks, endpoint: Endpoint, outcome: Outcome) -> int:
    """Every attempt of the one delivery that is pending; returns how many there were."""
    attempts = 0
    while (look := await there.webhooks.look(endpoint.id, there.clock.utcnow(), 1, ())).due:
        await tried(there, look.due[0], outcome)
        attempts += 1
        there.clock.advance(30_000)
    return attempts


def numbers(found: list[Due]) -> list[int]:
    return [one.event.event.data["number"] for one in found]


async def shown(there: Hooks, endpoint: Endpoint, state: DeliveryState | None = None) -> list[str]:
    found = await there.webhooks.deliveries(endpoint.tenant, endpoint.id, state=state, before="", limit=100)
    return [one.delivery.state.value for one in found]


async def test_an_endpoint_is_given_what_is_told_from_then_on(there: Hooks) -> None:
    await there.tell()
    endpoint = await there.endpoint()
    await there.tell("nav", "sap")
    await there.fan_out()

    assert numbers(await due(there, endpoint)) == [2, 3]


async def test_an_event_is_put_out_once(there: Hooks) -> None:
    endpoint = await there.endpoint()
    await there.tell()

    assert [await there.fan_out(), await there.fan_out()] == [1, 0]
    assert len(await due(there, endpoint)) == 1


async def test_an_event_with_a_known_id_was_told_already(there: Hooks) -> None:
    told = await there.tell("nav")
    await there.events.tell(told, there.clock.utcnow())

    assert await there.events.last() == 1


async def test_an_endpoint_chooses_types_and_connections(there: Hooks) -> None:
    chosen = await there.endpoint(
        name="a", types=frozenset({EventType.SYNC_FAILED}), connections=frozenset({"nav"})
    )
    everything = await there.endpoint(name="b")
    await there.tell("nav", "sap", None, kind=EventType.SYNC_FAILED)
    await there.tell("nav")
    await there.fan_out()

    assert numbers(await due(there, chosen)) == [1]
    assert numbers(await due(there, everything)) == [1, 2, 3, 4]


async def test_no_tenant_is_given_another_s_events(there: Hooks) -> None:
    acme = await there.endpoint(name="a")
    globex = await there.endpoint(name="b", tenant="globex")
    await there.tell("nav", tenant="acme")
    await there.tell("nav", tenant="globex")
    await there.fan_out()

    assert numbers(await due(there, acme)) == [1]
    assert numbers(await due(there, globex)) == [2]
    page = await there.events.find("globex", EventFilter(), 0, 100, indexed=0, now=NOW)
    assert [one.event.tenant for one in page.events] == ["globex"]
    [known] = await there.webhooks.deliveries("globex", globex.id, state=None, before="", limit=9)
    for tenant, endpoint in (("acme", globex.id), ("acme", acme.id)):
        assert await there.webhooks.delivery(tenant, endpoint, known.delivery.id) is None
    assert await there.webhooks.endpoint("acme", globex.id) is None
    assert not await there.webhooks.delete("acme", globex.id, NOW)


async def test_a_lane_gives_one_at_a_time_in_order_and_lanes_do_not_wait_for_each_other(there: Hooks) -> None:
    endpoint = await there.endpoint(ordered=True)
    await there.tell("nav", "nav", "sap", "nav")
    await there.fan_out()
    await there.tell("nav")
    await there.fan_out()

    nav, sap = await due(there, endpoint)
    assert numbers([nav, sap]) == [1, 3]
    await tried(there, sap, WELL)
    assert numbers(await due(there, endpoint)) == [1]
    for expected in ([2], [4], [5], []):
        await tried(there, nav, WELL)
        found = await due(there, endpoint)
        assert numbers(found) == expected
        nav = found[0] if found else nav


async def test_one_that_fails_holds_its_lane_until_it_is_given_up(there: Hooks) -> None:
    endpoint = await there.endpoint(ordered=True)
    await there.tell("nav", "nav", "sap")
    await there.fan_out()
    nav, sap = await due(there, endpoint)
    await tried(there, nav, BADLY)

    assert numbers(await due(there, endpoint)) == [3]

    there.clock.advance(60)
    await tried(there, sap, WELL)  # the endpoint is not dead
    assert await tried_to_the_end(there, endpoint, BADLY) > MAX_ATTEMPTS  # that one, then the one behind it
    assert (await shown(there, endpoint)).count("failed") == 2


async def test_without_order_one_that_fails_holds_up_nothing(there: Hooks) -> None:
    endpoint = await there.endpoint()
    await there.tell("nav", "nav")
    await there.fan_out()
    await tried(there, (await due(there, endpoint))[0], BADLY)

    assert numbers(await due(there, endpoint)) == [2]


async def test_what_is_on_its_way_is_not_given_twice(there: Hooks) -> None:
    endpoint = await there.endpoint()
    await there.tell("nav", "nav")
    await there.fan_out()
    first = (await due(there, endpoint))[0]

    look = await there.webhooks.look(endpoint.id, NOW, 10, {first.delivery.position})

    assert numbers(look.due) == [2]
    assert look.next_due is None


async def test_an_endpoint_to_which_nothing_goes_for_a_day_is_disabled_with_notice(there: Hooks) -> None:
    dead = await there.endpoint(name="dead")
    await there.tell()
    await there.fan_out()
    there.clock.advance(1)
    lives = await there.endpoint(name="lives", types=frozenset({EventType.WEBHOOK_DISABLED}))

    assert await tried_to_the_end(there, dead, BADLY) == MAX_ATTEMPTS

    found = await there.webhooks.endpoint("acme", "dead")
    assert found is not None
    assert (found.enabled, found.disabled_reason) == (False, DisabledReason.FAILING)
    await there.fan_out()
    [notice] = await due(there, lives)
    assert notice.event.event.data["endpoint"] == "dead"
    assert notice.event.event.data["reason"] == "failing"


async def test_one_answer_in_between_keeps_an_endpoint_enabled(there: Hooks) -> None:
    endpoint = await there.endpoint()
    await there.tell("nav", "nav")
    await there.fan_out()
    bad, good = await due(there, endpoint)
    await tried(there, bad, BADLY)
    there.clock.advance(1)
    await tried(there, good, WELL)
    there.clock.advance(10)

    await tried_to_the_end(there, endpoint, BADLY)

    found = await there.webhooks.endpoint("acme", endpoint.id)
    assert found is not None
    assert found.enabled
    assert sorted(await shown(there, endpoint)) == ["delivered", "failed"]


async def test_an_endpoint_that_is_gone_is_disabled_at_once_and_what_waits_is_given_up(there: Hooks) -> None:
    endpoint = await there.endpoint(ordered=True)
    await there.tell("nav", "nav", "nav")
    await there.fan_out()

    await tried(there, (await due(there, endpoint))[0], GONE)

    found = await there.webhooks.endpoint("acme", endpoint.id)
    assert found is not None
    assert found.disabled_reason is DisabledReason.GONE
    assert await shown(there, endpoint) == ["failed"] * 3
    await there.tell()
    await there.fan_out()
    assert len(await shown(there, endpoint)) == 3


async def test_too_much_for_an_endpoint_that_fails_disables_it(there: Hooks) -> None:
    fails, slow = await there.endpoint(name="fails"), await there.endpoint(name="slow")
    await there.tell("nav", "nav", "nav")
    await there.fan_out()
    await tried(there, (await due(there, fails))[0], BADLY)

    assert await there.webhooks.disable_overfull(3, NOW) == []
    assert await there.webhooks.disable_overfull(2, NOW) == ["fails"]
    assert len(await due(there, slow)) == 3


async def test_a_replay_brings_what_was_not_taken_and_what_came_while_it_was_disabled(there: Hooks) -> None:
    endpoint = await there.endpoint(ordered=True)
    await there.tell("nav", "nav")
    await there.fan_out()
    await tried(there, (await due(there, endpoint))[0], WELL)
    disabled = await there.webhooks.change(endpoint, endpoint.wish, enabled=False, now=NOW)
    assert disabled is not None
    await there.tell("nav")
    await there.fan_out()
    enabled = await there.webhooks.change(disabled, endpoint.wish, enabled=True, now=NOW)
    assert enabled is not None
    await there.tell("nav")
    await there.fan_out()

    done = await there.webhooks.replay(enabled, NOW, NOW, NOW, all_of_it=False, limit=100)

    assert (done.deliveries, done.upto) == (2, None)
    seen = []
    while found := await due(there, endpoint):
        seen += numbers(found)
        await tried(there, found[0], WELL)
    assert seen == [4, 2, 3]
    again = await there.webhooks.replay(enabled, NOW, NOW, NOW, all_of_it=False, limit=100)
    assert again.deliveries == 0


async def test_a_replay_goes_on_where_it_had_to_stop(there: Hooks) -> None:
    endpoint = await there.endpoint(types=frozenset({EventType.RECORD_UPDATED}))
    for _ in range(5):
        await there.tell()
        there.clock.advance(1)
    await there.fan_out()
    while found := await due(there, endpoint):
        await tried(there, found[0], WELL)
    since, made = NOW, 0
    end = there.clock.utcnow()
    for _ in range(9):
        done = await there.webhooks.replay(endpoint, since, end, end, all_of_it=True, limit=2)
        made += done.deliveries
        if done.upto is None:
            break
        since = done.upto

    assert made == 5


async def test_one_delivery_is_replayed_and_both_are_in_the_log(there: Hooks) -> None:
    endpoint = await there.endpoint()
    await there.tell()
    await there.fan_out()
    [first] = await due(there, endpoint)
    await tried(there, first, WELL)

    made = await there.webhooks.replay_one(endpoint, first.delivery.id, NOW)

    assert made is not None
    assert made.delivery.replay_of == first.delivery.id
    assert await shown(there, endpoint) == ["pending", "delivered"]


async def test_the_log_has_every_attempt(there: Hooks) -> None:
    endpoint = await there.endpoint()
    await there.tell()
    await there.fan_out()
    await tried(there, (await due(there, endpoint))[0], BADLY)
    there.clock.advance(10)
    [one] = await due(there, endpoint)
    await tried(there, one, WELL)

    found = await there.webhooks.delivery("acme", endpoint.id, one.delivery.id)

    assert found is not None
    assert [(attempt.status, attempt.excerpt) for attempt in found.delivery.attempts] == [
        (500, "no"), (200, "ok"),
    ]  # fmt: skip
    assert (found.event_type, found.delivery.state) == ("record.updated", DeliveryState.DELIVERED)


async def test_a_list_of_deliveries_goes_on_behind_its_page(there: Hooks) -> None:
    endpoint = await there.endpoint()
    await there.tell(*["nav"] * 5)
    await there.fan_out()
    ids, before = [], ""
    while page := await there.webhooks.deliveries("acme", endpoint.id, state=None, before=before, limit=2):
        ids += [one.delivery.position for one in page]
        before = page[-1].delivery.id

    assert ids == [5, 4, 3, 2, 1]


async def test_a_rotated_secret_stays_for_a_while_and_the_one_before_it_does_not(there: Hooks) -> None:
    endpoint = await there.endpoint()
    for number in range(3):
        sealed = KEYRING.close("acme", endpoint.id, SECRET[:-1] + bytes([number]))
        await there.webhooks.rotate("acme", endpoint.id, sealed, now=NOW, old_until=NOW + timedelta(hours=1))

    kept = await there.webhooks.secrets(endpoint.id)

    assert [(one.number, one.lives(NOW), one.lives(NOW + timedelta(hours=1))) for one in kept] == [
        (4, True, True), (3, True, False),
    ]  # fmt: skip
    assert KEYRING.open("acme", endpoint.id, kept[0]) == SECRET[:-1] + bytes([2])


async def test_a_sealed_secret_opens_for_its_endpoint_alone(there: Hooks) -> None:
    endpoint = await there.endpoint()
    [kept] = await there.webhooks.secrets(endpoint.id)

    assert KEYRING.open("acme", endpoint.id, kept) == SECRET
    assert KEYRING.open("globex", endpoint.id, kept) is None
    assert KEYRING.open("acme", "wep_other", kept) is None


async def test_the_change_of_somebody_else_in_between_is_noticed(there: Hooks) -> None:
    endpoint = await there.endpoint()

    first = await there.webhooks.change(endpoint, endpoint.wish, enabled=True, now=NOW)
    second = await there.webhooks.change(endpoint, endpoint.wish, enabled=True, now=NOW)

    assert first is not None
    assert second is None


async def test_order_that_is_given_up_lets_everything_go(there: Hooks) -> None:
    endpoint = await there.endpoint(ordered=True)
    await there.tell("nav", "nav")
    await there.fan_out()

    await there.webhooks.change(endpoint, endpoint.wish.__class__(endpoint.wish.url), enabled=True, now=NOW)

    assert len(await due(there, endpoint)) == 2


async def test_a_clock_that_was_put_back_does_not_put_deliveries_off(there: Hooks) -> None:
    endpoint = await there.endpoint()
    await there.tell()
    await there.fan_out()

    there.clock.step_wall_clock(-365 * 86_400)

    assert len(await due(there, endpoint)) == 1


async def test_a_clock_that_runs_ahead_ends_no_delivery_early(there: Hooks) -> None:
    endpoint = await there.endpoint()
    await there.tell()
    await there.fan_out()
    await tried(there, (await due(there, endpoint))[0], BADLY)
    there.clock.step_wall_clock(30 * 86_400)
    await tried(there, (await due(there, endpoint))[0], BADLY)

    assert await shown(there, endpoint) == ["pending"]


async def test_an_event_waits_a_moment_for_lists_to_show_its_records(there: Hooks) -> None:
    await there.tell(source=7)
    await there.tell()

    async def seen(indexed: int) -> int:
        page = await there.events.find(
            "acme", EventFilter(), 0, 10, indexed=indexed, now=there.clock.utcnow()
        )
        return len(page.events)

    assert [await seen(6), await seen(7)] == [0, 2]
    there.clock.advance(HELD_BACK.total_seconds() + 1)  # an index that is being made again holds nothing up
    assert await seen(0) == 2


async def test_a_list_of_events_chooses_and_goes_on(there: Hooks) -> None:
    await there.tell("nav", "sap", "nav", "nav")
    await there.tell("nav", kind=EventType.SYNC_FAILED)
    wanted = EventFilter(types=frozenset({EventType.RECORD_UPDATED}), connection="nav")

    first = await there.events.find("acme", wanted, 0, 2, indexed=0, now=NOW)
    rest = await there.events.find("acme", wanted, first.reached, 2, indexed=0, now=NOW)

    assert [one.position for one in first.events + rest.events] == [1, 3, 4]
    assert (first.more, rest.more, rest.reached) == (True, False, 5)


async def test_batches_are_told_of_once_whoever_tells(there: Hooks) -> None:
    done = [await there.events.tell_of_batches(0, 5, [], NOW) for _ in range(2)]

    assert (done, await there.events.told_of_batches()) == ([True, False], 5)


async def test_what_is_old_is_removed_but_nothing_that_is_still_to_be_delivered(there: Hooks) -> None:
    endpoint = await there.endpoint()
    await there.tell("nav", "nav")
    await there.fan_out()
    await tried(there, (await due(there, endpoint))[0], WELL)
    later = NOW + timedelta(days=40)

    assert [await there.events.prune(later, 10), await there.webhooks.prune(later, 10)] == [1, 1]
    assert await shown(there, endpoint) == ["pending"]


async def test_the_deliveries_of_a_deleted_endpoint_go_by_and_by(there: Hooks) -> None:
    endpoint = await there.endpoint()
    await there.tell(*["nav"] * 5)
    await there.fan_out()
    await there.webhooks.delete("acme", endpoint.id, NOW)

    removed = [await there.webhooks.prune(NOW, 2) for _ in range(5)]

    assert removed == [2, 2, 1, 0, 0]
    assert await there.webhooks.secrets(endpoint.id) == []


async def test_an_event_that_only_a_newer_relay_knows_is_listed_and_delivered_like_others(
    there: Hooks,
) -> None:
    """While relays are upgraded one after the other."""
    endpoint = await there.endpoint()
    (told,) = await there.tell()
    await there.store.engine.write(
        lambda db: [
            db.change("UPDATE events SET type = 'warehouse.flooded'"),
            db.change("UPDATE webhook_endpoints SET types = ?", ('["warehouse.flooded"]',)),
        ]
    )

    assert await there.fan_out() == 1
    look = await there.webhooks.look(endpoint.id, NOW, 10, ())
    assert [due.event.event.type for due in look.due] == ["warehouse.flooded"]
    found = await there.events.event("acme", told.id)
    assert found is not None
    assert event_document(found.event)["type"] == "warehouse.flooded"
    ((known, _),) = await there.webhooks.enabled()
    assert known.wish.takes(found.event)
