"""A tenant that is deleted: away at once, to be taken back for a while, and then gone from everywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from relay.acting import Actor, ActorKind
from relay.credits import Credits
from relay.deeds import OPERATOR
from relay.events import Event, EventType
from relay.identities import ALL_SCOPES, TenantDisabled, bearer_of, create_tenant, create_token
from relay.lifecycle import CommandState
from relay.pricing import default_prices
from relay.removal import BREATH_SECONDS, Remover
from relay.store import events, removing
from relay.store.administration import Administration
from relay.store.base import AppendOutcome, CommandFilter, ConnectionStatus
from relay.store.sql import Sql
from relay.webhooks.base import Endpoint, Wish
from relay.webhooks.store import WebhookStore
from tests.unit.relay.making import NOW, Relay, Sender, dead_letters, enrolled, opened, orders, run_report
from tests.unit.relay.store.test_commands import command_of

GRACE = timedelta(days=7)
TENANTS = ("acme", "globex")


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    """Two tenants, each with something of everything."""
    async with opened(tmp_path) as running:
        for tenant in TENANTS:
            await fill(running, tenant)
        yield running


async def fill(relay: Relay, tenant: str) -> None:
    store = relay.store
    await create_tenant(store, tenant, NOW)
    await create_token(store, tenant, f"{tenant}-token", NOW, scopes=ALL_SCOPES)
    agent = await enrolled(store, tenant)
    sender = Sender(agent)
    status = ConnectionStatus("nav", system="sap_ecc", state="ok")
    await store.save_connections(agent, [status], NOW)
    await Credits(store.engine, default_prices()).told(agent, [status], ["nav"], NOW, refusable=True)
    await store.append_batches([
        sender.batch(orders([f"{tenant}-{number}" for number in range(5)])),
        sender.batch(dead_letters(f"{tenant}-bad"), kind="dead_letters"),
        sender.batch(run_report(f"{tenant}-run"), kind="run", run=f"{tenant}-run"),
    ])  # fmt: skip
    await store.add_command(command_of(agent, f"cmd_{tenant}"), NOW, most_open=10)
    wish = Wish(f"https://{tenant}.example/hook", "", frozenset(), frozenset(), True)
    endpoint = Endpoint(
        id=f"wep_{tenant}", tenant=tenant, wish=wish, enabled=True, begins_after=0, version=1,
        created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    webhooks = WebhookStore(store.engine)
    await webhooks.add(endpoint, b"sealed", most=5)
    told = Event(f"evt_{tenant}", tenant, NOW, EventType.AGENT_ONLINE, {}, agent=agent.id)
    await store.engine.write(lambda db: events.tell(db, [told], NOW))
    await relay.materialiser.catch_up()
    await webhooks.fan_out(await relay.index.position(), NOW, 100)


async def everything(relay: Relay) -> dict[str, list[str]]:
    """Every row of every table of the store, and of the index."""

    def rows(db: Sql) -> dict[str, list[str]]:
        return {table: sorted(map(repr, db.execute(f"SELECT * FROM {table}"))) for table in tables}

    tables = [*removing.TABLES, "webhook_deliveries", "tenants", "damaged"]
    found = await relay.store.engine.read(rows)
    tables = ["scopes", "records", "runs", "dead_letters"]
    return found | {f"index {table}": kept for table, kept in (await relay.index._reading(rows)).items()}


def of(found: dict[str, list[str]], name: str) -> dict[str, list[str]]:
    chosen = {table: [row for row in rows if name in row] for table, rows in found.items()}
    return {table: rows for table, rows in chosen.items() if rows}


def administration(relay: Relay) -> Administration:
    return Administration(relay.store.engine)


async def delete(relay: Relay, tenant: str = "acme") -> None:
    assert await administration(relay).delete_tenant(tenant, NOW, NOW + GRACE) is not None


def remover(relay: Relay) -> Remover:
    relay.clock.step_wall_clock((NOW + GRACE - relay.clock.utcnow()).total_seconds())

    async def no_pause(_seconds: float) -> None:
        return

    relay.clock.sleep = no_pause  # type: ignore[method-assign]
    return Remover(relay.store, relay.index, clock=relay.clock)


async def said(relay: Relay, chain: str) -> list[str]:
    return [orjson.loads(line.text)["action"] for line in await administration(relay).chain(chain, 0, 100)]


async def test_nothing_of_a_removed_tenant_is_left_and_nothing_of_another_is_touched(relay: Relay) -> None:
    """G174."""
    before = await everything(relay)
    assert set(of(before, "acme")) >= {
        "batches",
        "index records",
        "webhook_deliveries",
        "usage_connections",
        "audit",
    }
    await delete(relay)

    await remover(relay).look()

    after = await everything(relay)
    assert of(of_others(after), "acme") == {}
    assert of(after, "globex") == of(before, "globex")
    assert (await said(relay, OPERATOR))[-3:] == ["tenant_deleted", "tenant_removal_begun", "tenant_removed"]
    assert await said(relay, "acme") == []


def of_others(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Without the operator's chain, which says that there was such a tenant."""
    return found | {"audit": [row for row in found["audit"] if not row.startswith("('',")]}


async def test_every_table_that_has_something_of_a_tenant_is_among_those_that_are_emptied(
    relay: Relay,
) -> None:
    """G174."""
    of_tenants = await relay.store.engine.read(
        lambda db: db.execute(
            "SELECT s.name FROM sqlite_schema s JOIN pragma_table_info(s.name) c"
            " WHERE s.type = 'table' AND c.name = 'tenant'"
        )
    )
    known = {*removing.TABLES, "webhook_deliveries", "admin_keys"}  # those are the operator's

    assert {name for (name,) in of_tenants} == known


async def test_a_deleted_tenant_is_away_at_once_and_stays_whole_until_its_grace_is_over(relay: Relay) -> None:
    """G174."""
    token = await create_token(relay.store, "acme", "t", NOW, scopes=ALL_SCOPES)
    before = await everything(relay)
    await delete(relay)

    await Remover(relay.store, relay.index, clock=relay.clock).look()

    with pytest.raises(TenantDisabled):
        await bearer_of(relay.store, token.text, NOW)
    assert of(await everything(relay), "acme").keys() == of(before, "acme").keys()
    assert await administration(relay).enable_tenant("acme", NOW, enabled=True) is not None
    await remover(relay).look()
    assert await bearer_of(relay.store, token.text, NOW) is not None
    assert of(await everything(relay), "acme")["batches"] == of(before, "acme")["batches"]


class Crash(Exception):
    pass


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8, 13, 21])
async def test_a_removal_that_is_cut_off_anywhere_is_gone_on_with(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """G174: as after a crash of the process that removes; from its beginning on nobody can take it back."""
    await delete(relay)
    before = await everything(relay)
    monkeypatch.setattr("relay.removal.AT_ONCE", 1)
    write, left = relay.store.engine.write, [steps]

    async def dies(work: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Crash
        return await write(work)

    with monkeypatch.context() as patched:
        patched.setattr(relay.store.engine, "write", dies)
        with pytest.raises(Crash):
            await remover(relay).look()

    kept = await administration(relay).enable_tenant("acme", NOW, enabled=True)
    assert kept is not None
    assert kept.disabled_at is not None
    await remover(relay).look()
    after = await everything(relay)
    assert of(of_others(after), "acme") == {}
    assert of(after, "globex") == of(before, "globex")


async def test_what_a_session_still_brings_when_removal_has_begun_is_not_stored(relay: Relay) -> None:
    """G174."""
    agent = await relay.store.agent("agt_acme_plant")
    assert agent is not None
    late = Sender(agent, 3, {"nav/purchase_orders": 3}).batch(orders(["late"]))
    await delete(relay)
    actor = Actor(ActorKind.RELAY)
    begun = await relay.store.engine.write(lambda db: removing.begin(db, "acme", NOW + GRACE, actor))

    (answer,) = await relay.store.append_batches([late])

    assert begun
    assert answer.outcome is AppendOutcome.UNKNOWN_AGENT


async def test_a_store_whose_last_batches_were_removed_can_be_read_and_its_index_made_anew(
    relay: Relay,
) -> None:
    """G174: positions go on behind them, and lists are complete."""
    last = await relay.store.last_position()
    await delete(relay, "globex")
    await remover(relay).look()

    assert (await relay.materialiser.lag()).batches == 0
    await relay.materialiser.rebuild()
    assert (await relay.materialiser.lag()).batches == 0
    assert len(await relay.index.runs("acme", connection="", status="", before="", limit=9)) == 1
    sender = Sender(await enrolled(relay.store, "initech"))
    await relay.store.append_batches([sender.batch(orders(["1"]))])
    assert await relay.store.last_position() == last + 1


async def test_a_tenant_whose_batches_are_not_in_the_index_yet_waits_for_them(relay: Relay) -> None:
    """G174: else the index would bring back what the store no longer has."""
    agent = await relay.store.agent("agt_acme_plant")
    assert agent is not None
    await relay.store.append_batches(
        [Sender(agent, 3, {"nav/purchase_orders": 3}).batch(orders(["acme-new"]))]
    )
    await delete(relay)

    await remover(relay).look()
    assert of(await everything(relay), "acme-new") == {}
    assert await relay.store.tenant("acme") is not None
    await relay.materialiser.catch_up()
    await remover(relay).look()

    assert of(of_others(await everything(relay)), "acme") == {}


async def test_a_tenant_goes_while_others_bring_more_than_the_index_has_ever_read(relay: Relay) -> None:
    agent = await relay.store.agent("agt_globex_plant")
    assert agent is not None
    sender = Sender(agent, 3, {"nav/purchase_orders": 3})
    await delete(relay)
    found = remover(relay)

    async def others_go_on(_seconds: float) -> None:
        await relay.materialiser.catch_up()
        await relay.store.append_batches([sender.batch(orders(["globex-more"]))])

    relay.clock.sleep = others_go_on  # type: ignore[method-assign]
    await others_go_on(0)
    await found.look()

    assert await relay.store.tenant("acme") is None
    await relay.materialiser.catch_up()
    assert of(of_others(await everything(relay)), "acme") == {}


async def test_an_index_that_is_made_anew_meanwhile_brings_nothing_back(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G174: it read the tenant's batches before they went, and shows them afterwards."""
    late: list[Any] = []
    await delete(relay)
    found = remover(relay)

    async def keep(changes: Any) -> None:
        late.append(changes)

    async def meanwhile(seconds: float) -> None:
        if seconds > BREATH_SECONDS:
            await finish_reading()
        if late:
            return
        await relay.index.reset(complete_at=await relay.store.last_position())
        with monkeypatch.context() as patched:
            patched.setattr(relay.index, "apply", keep)
            await relay.materialiser.step()

    async def finish_reading() -> None:
        if await relay.index.position() == 0:
            await relay.index.apply(late[0])
        await relay.materialiser.catch_up()

    monkeypatch.setattr("relay.removal.AT_ONCE", 1_000)
    relay.clock.sleep = meanwhile  # type: ignore[method-assign]
    await found.look()
    await finish_reading()

    assert late
    assert await relay.store.tenant("acme") is None
    assert of(of_others(await everything(relay)), "acme") == {}


async def test_the_name_of_a_removed_tenant_is_free_for_a_new_one_that_finds_nothing(relay: Relay) -> None:
    """G174."""
    await delete(relay)
    await remover(relay).look()

    await fill(relay, "acme")

    assert len(await relay.store.headers(0, 100, tenant="acme")) == 3
    assert await said(relay, "acme") != []
    assert (await relay.store.commands("acme", CommandFilter(), before="", limit=9))[
        0
    ].state is CommandState.QUEUED
