"""Connection credits over the real store: what agents say, and what becomes of the pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from relay.acting import THE_RELAY
from relay.credits import Credits
from relay.events import EventType
from relay.pricing import default_prices
from relay.store import accounts, audited
from relay.store.base import Agent, ConnectionStatus
from relay.usage import Standing, TooFewCredits
from tests.unit.relay.making import NOW, Relay, enrolled, opened

PRICES = replace(default_prices(), default_pool=12)


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    async with opened(tmp_path) as running:
        yield running


def credits_of(relay: Relay) -> Credits:
    return Credits(relay.store.engine, PRICES)


async def tell(
    relay: Relay, agent: Agent, *configured: str, whole: bool = True, refusable: bool = True
) -> None:
    """`name=system` each, as the agent's status has them."""
    told = [
        ConnectionStatus(name, system=system)
        for name, _, system in (one.partition("=") for one in configured)
    ]
    await relay.store.save_connections(agent, told, NOW)
    names = [status.name for status in told] if whole else None
    await credits_of(relay).told(agent, told, names, NOW, refusable=refusable)


async def standings(relay: Relay, tenant: str = "acme") -> dict[str, Standing]:
    found = await credits_of(relay).connections(tenant, "", 100)
    return {one.connection.id: one.connection.standing for one in found}


async def in_use(relay: Relay) -> int:
    return (await credits_of(relay).pool("acme")).in_use


def test_each_shipped_system_has_a_tier_and_the_two_of_the_price_list_cost_what_it_says() -> None:
    shipped = {path.name for path in (Path(__file__).parents[3] / "config" / "systems").iterdir()}

    assert shipped == set(PRICES.systems)
    assert (PRICES.of("sap-s4hana").credits, PRICES.of("sap-ecc").credits) == (4, 8)


async def test_a_connection_takes_its_credits_when_its_agent_first_tells_of_it(relay: Relay) -> None:
    agent = await enrolled(relay.store)
    for _ in range(3):
        await tell(relay, agent, "ecc=sap-ecc", "s4=sap-s4hana")

    assert await in_use(relay) == 12
    assert len(await credits_of(relay).history("acme", None, 10)) == 2


async def test_a_used_up_pool_holds_back_the_new_connection_with_a_word_to_its_operator(relay: Relay) -> None:
    """G168."""
    agent = await enrolled(relay.store)
    await tell(relay, agent, "ecc=sap-ecc", "s4=sap-s4hana", "nav=dynamics-nav")
    held_back = await credits_of(relay).try_again(agent, NOW)

    assert held_back.names == {"nav"}
    assert held_back.reason == (
        "12 of 12 connection credits are in use, and nav needs 4; release others or have the pool enlarged"
    )


async def test_the_platform_is_told_once_that_the_pool_is_used_up(relay: Relay) -> None:
    agent = await enrolled(relay.store)
    for _ in range(3):
        await tell(relay, agent, "ecc=sap-ecc", "s4=sap-s4hana", "nav=dynamics-nav")
        await credits_of(relay).try_again(agent, NOW)
    told = await relay.store.engine.read(
        lambda db: db.execute(
            "SELECT connection, data FROM events WHERE type = ?", (EventType.USAGE_POOL_EXHAUSTED.value,)
        )
    )

    assert told == [("nav", '{"needed":4,"inUse":12,"pool":12}')]


async def test_a_connection_that_leaves_the_configuration_gives_its_credits_back(relay: Relay) -> None:
    """G169: and the one that waited has them without being told anew."""
    agent = await enrolled(relay.store)
    await tell(relay, agent, "ecc=sap-ecc", "s4=sap-s4hana", "nav=dynamics-nav")
    await tell(relay, agent, "ecc=sap-ecc", "nav=dynamics-nav")

    assert (await credits_of(relay).try_again(agent, NOW)).names == frozenset()
    assert await standings(relay) == {
        "ecc": Standing.ESTABLISHED,
        "s4": Standing.DISCONNECTED,
        "nav": Standing.ESTABLISHED,
    }


async def test_an_agent_that_does_not_say_what_is_configured_loses_nothing(relay: Relay) -> None:
    agent = await enrolled(relay.store)
    await tell(relay, agent, "ecc=sap-ecc", "s4=sap-s4hana")
    await tell(relay, agent, "ecc=sap-ecc", whole=False)

    assert await in_use(relay) == 12


async def test_an_agent_that_knows_no_refusals_is_taken_beyond_the_pool(relay: Relay) -> None:
    agent = await enrolled(relay.store)
    await tell(relay, agent, "ecc=sap-ecc", "two=sap-ecc", refusable=False)

    assert await in_use(relay) == 16
    assert set((await standings(relay)).values()) == {Standing.ESTABLISHED}


async def test_a_revoked_agent_gives_everything_back(relay: Relay) -> None:
    """G169."""
    agent = await enrolled(relay.store)
    await tell(relay, agent, "ecc=sap-ecc")
    await relay.store.engine.write(lambda db: audited.revoke_agent(db, "acme", agent.id, NOW, THE_RELAY))

    assert await in_use(relay) == 0
    assert await standings(relay) == {"ecc": Standing.DISCONNECTED}


async def test_what_the_last_session_of_a_revoked_agent_says_takes_nothing(relay: Relay) -> None:
    """G169: else nobody would ever give it back."""
    agent = await enrolled(relay.store)
    await credits_of(relay).resize("acme", 0, NOW)
    await tell(relay, agent, "ecc=sap-ecc")
    await credits_of(relay).resize("acme", 12, NOW)
    await relay.store.engine.write(lambda db: audited.revoke_agent(db, "acme", agent.id, NOW, THE_RELAY))
    await tell(relay, agent, "ecc=sap-ecc", "s4=sap-s4hana")
    await credits_of(relay).try_again(agent, NOW)

    assert await in_use(relay) == 0
    assert await standings(relay) == {"ecc": Standing.DISCONNECTED}


async def test_no_credits_are_moved_to_a_connection_that_is_not_there_any_more(relay: Relay) -> None:
    """G169: the one that had them keeps them."""
    agent = await enrolled(relay.store)
    await tell(relay, agent, "s4=sap-s4hana", "ecc=sap-ecc")
    await tell(relay, agent, "ecc=sap-ecc")

    assert not await credits_of(relay).move("acme", "ecc", "s4", NOW)
    assert (await standings(relay))["ecc"] is Standing.ESTABLISHED


async def test_credits_are_moved_in_one_step_or_not_at_all(relay: Relay) -> None:
    """G169."""
    agent = await enrolled(relay.store)
    await tell(relay, agent, "s4=sap-s4hana", "ecc=sap-ecc", "two=sap-ecc")
    with pytest.raises(TooFewCredits):
        await credits_of(relay).move("acme", "s4", "two", NOW)
    assert (await standings(relay))["s4"] is Standing.ESTABLISHED

    assert await credits_of(relay).move("acme", "ecc", "two", NOW)
    assert await standings(relay) == {
        "s4": Standing.ESTABLISHED,
        "ecc": Standing.RELEASED,
        "two": Standing.ESTABLISHED,
    }
    assert not await credits_of(relay).move("globex", "two", "ecc", NOW)


async def test_what_frees_credits_has_links_look_again_and_what_takes_them_does_not(relay: Relay) -> None:
    agent = await enrolled(relay.store)
    revisions = []
    for told in (["ecc=sap-ecc"], ["ecc=sap-ecc", "s4=sap-s4hana"], ["ecc=sap-ecc"]):
        await tell(relay, agent, *told)
        revisions.append(await relay.store.engine.read(accounts.access_revision))
    await credits_of(relay).resize("acme", 3, NOW)
    revisions.append(await relay.store.engine.read(accounts.access_revision))

    assert revisions == [0, 0, 1, 2]


async def test_the_last_credits_go_to_one_of_two_that_ask_at_once(relay: Relay) -> None:
    """G167."""
    one = await enrolled(relay.store, name="one")
    two = await enrolled(relay.store, name="two")
    await credits_of(relay).resize("acme", 8, NOW)
    await asyncio.gather(tell(relay, one, "a=sap-ecc"), tell(relay, two, "b=sap-ecc"))

    assert sorted((await standings(relay)).values()) == [Standing.ESTABLISHED, Standing.REFUSED]
    assert await in_use(relay) == 8


async def test_another_tenants_connections_take_nothing_of_the_pool(relay: Relay) -> None:
    """G166."""
    agent = await enrolled(relay.store)
    other = await enrolled(relay.store, "globex")
    await tell(relay, other, "ecc=sap-ecc", "s4=sap-s4hana")
    await tell(relay, agent, "ecc=sap-ecc", "s4=sap-s4hana")

    assert set((await standings(relay)).values()) == {Standing.ESTABLISHED}
    assert await credits_of(relay).release("globex", "nav", NOW) is None


async def test_what_the_settings_say_holds_for_whoever_was_given_no_pool_of_its_own(relay: Relay) -> None:
    """Also behind the first change, and until the operator gives one."""
    agent = await enrolled(relay.store)
    await tell(relay, agent, "nav")
    larger = Credits(relay.store.engine, replace(PRICES, default_pool=99))

    assert (await larger.pool("acme")).size == 99
    await credits_of(relay).resize("acme", 12, NOW)
    assert (await larger.pool("acme")).size == 12
    await credits_of(relay).resize("acme", None, NOW)
    assert (await larger.pool("acme")).size is None
