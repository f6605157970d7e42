"""A connection that breaks at any moment of a write: the outcome is true, and there is at most one effect."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from drivers.contract import OperationKind, Outcome, OutcomeStatus, Unreachable, WriteCommand
from drivers.odbc import transactions
from drivers.odbc.driver import OdbcDriver
from tests.integration.cutting_proxy import Cut, CuttingProxy
from tests.integration.odbc_sources import Source
from tests.integration.odbc_write_sources import ORDER, command, order_stream

pytestmark = pytest.mark.integration

MOST_MESSAGES = 200  # of one write, far more than it sends
COMMIT = {"postgres": b"COMMIT", "mariadb": b"\3COMMIT"}  # not that of "SET AUTOCOMMIT=0"
MOST_UNKNOWN = 6  # the commit, and what the driver itself says between the last statement and the commit
_numbers = itertools.count(1)


@pytest.fixture(params=["postgres", "mariadb"], scope="module")
def writable_source(request: pytest.FixtureRequest) -> Source:
    found: Source = request.getfixturevalue(f"writable_{request.param}")
    return found


@pytest.fixture
def proxy(writable_source: Source) -> Iterator[CuttingProxy]:
    with CuttingProxy(int(writable_source.attributes["Port"])) as made:
        yield made


@pytest.fixture
async def driver(
    writable_source: Source, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OdbcDriver]:
    monkeypatch.setattr(transactions, "FIRST_PAUSE", 0.01)  # nothing here holds a lock
    attributes = {**writable_source.attributes, "Port": proxy.port}
    made = replace(writable_source, attributes=attributes).driver()
    await made.execute(wanted(writable_source))  # the connection that it keeps is open now
    yield made
    await made.aclose()


def wanted(source: Source) -> WriteCommand:
    return command(OperationKind.CREATE, ORDER, order_stream(source.kind), f"cut-{next(_numbers)}")


def effects(source: Source, command_: WriteCommand) -> int:
    connection = source.connect()
    (orders,) = connection.execute(
        "select count(*) from w_orders where ref = ?", command_.idempotency_key
    ).fetchone()
    (done,) = connection.execute(
        "select count(*) from w_done where command = ?", command_.idempotency_key
    ).fetchone()
    connection.close()
    assert orders == done, "half of the write is there"
    return int(orders)


async def attempt(driver: OdbcDriver, command_: WriteCommand) -> Outcome | None:
    """The outcome; None where the driver says that it does not know."""
    try:
        return await driver.execute(command_)
    except Unreachable:
        return None


@pytest.mark.parametrize("refuse", [False, True])
@pytest.mark.parametrize("forward", [False, True])
async def test_cut_at_any_message_the_outcome_is_true_and_there_is_at_most_one_effect(
    writable_source: Source, driver: OdbcDriver, proxy: CuttingProxy, forward: bool, refuse: bool
) -> None:
    unknown = 0
    for message in range(1, MOST_MESSAGES):
        tried = wanted(writable_source)
        proxy.arm(Cut(message, forward=forward, refuse=refuse))

        outcome = await attempt(driver, tried)

        cut = proxy.cuts
        proxy.arm(None)
        there = effects(writable_source, tried)
        found = await driver.find_effect(tried)
        assert (found is not None) == bool(there), f"find tells of message {message}"
        assert there <= 1
        if outcome is None:
            unknown += 1
        else:
            assert there == (outcome.status is OutcomeStatus.SUCCEEDED), f"{outcome} at message {message}"
            assert outcome.status is not OutcomeStatus.IN_DOUBT
            assert found is None or found.key == outcome.key
        if not cut:
            break
    else:
        pytest.fail("the write never got through")
    assert message > 5
    assert unknown <= MOST_UNKNOWN, "only what follows the last statement may leave anybody in doubt"


@pytest.mark.parametrize(("forward", "there"), [(False, 0), (True, 1)])
async def test_a_commit_without_an_answer_is_unreachable_and_find_knows(
    writable_source: Source, driver: OdbcDriver, proxy: CuttingProxy, forward: bool, there: int
) -> None:
    tried = wanted(writable_source)
    proxy.arm(Cut(1, forward=forward, needle=COMMIT[writable_source.kind]))

    with pytest.raises(Unreachable) as caught:
        await driver.execute(tried)

    assert "commit" in caught.value.message
    assert effects(writable_source, tried) == there
    assert (await driver.find_effect(tried) is not None) == bool(there)
    assert (await driver.execute(tried)).status is OutcomeStatus.SUCCEEDED
    assert effects(writable_source, tried) == 1


async def test_a_session_that_the_server_ended_meanwhile_is_replaced_unnoticed(
    writable_source: Source, driver: OdbcDriver
) -> None:
    sessions = {
        "postgres": "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        " and datname = current_database()",
        "mariadb": "select concat('kill ', id) from information_schema.processlist"
        " where id <> connection_id() and db = 'writable'",
    }
    connection = writable_source.connect()
    for (row,) in connection.execute(sessions[writable_source.kind]).fetchall():
        if writable_source.kind == "mariadb":
            connection.execute(row)
    connection.close()
    tried = wanted(writable_source)

    outcome = await driver.execute(tried)

    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert effects(writable_source, tried) == 1


async def test_a_write_that_others_keep_waiting_fails_after_its_time_and_changes_nothing(
    writable_source: Source,
) -> None:
    driver = writable_source.driver(lock_seconds=1)
    made = await driver.execute(wanted(writable_source))
    holder = writable_source.connect()
    holder.autocommit = False
    holder.execute(f"update w_orders set status = '1', title = 'held' where id = {made.key}")
    held = command(
        OperationKind.UPDATE,
        {"key": made.key, "title": "mine"},
        order_stream(writable_source.kind),
        f"held-{next(_numbers)}",
    )

    outcome = await driver.execute(held)

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.messages[0].code == "busy"
    holder.rollback()
    holder.close()
    assert (await driver.execute(held)).status is OutcomeStatus.SUCCEEDED
    await driver.aclose()


async def test_a_database_that_cannot_be_reached_fails_the_write_and_nothing_was_sent(
    writable_source: Source,
) -> None:
    away = replace(writable_source, attributes={**writable_source.attributes, "Port": 1}).driver()

    outcome = await away.execute(wanted(writable_source))

    assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.FAILED, "unreachable")
    await away.aclose()
