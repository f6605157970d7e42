"""Writes to the fake SAP when things go wrong: refusals in SAP's words, lost replies, sessions, locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from drivers.contract import (
    BadConfiguration,
    NotPermitted,
    OperationKind,
    Outcome,
    OutcomeStatus,
    StreamSpec,
    WriteCommand,
)
from drivers.rfc.driver import RfcDriver
from tests.canaries import canary
from tests.integration.sap_sources import (
    NEW_ORDER,
    PROFILES,
    PURCHASE_ORDER_WRITES,
    Site,
    site,
    work_orders,
    writable_orders,
)
from tests.sap.system import LineCut, ShortDump

COMMIT = "BAPI_TRANSACTION_COMMIT"
CREATE, UPDATE, SET_STATUS = OperationKind.CREATE, OperationKind.UPDATE, OperationKind.SET_STATUS


@pytest.fixture(params=["sdk, plain reader", "native, wide reader", "soap, plain reader"])
def sap(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site(request.param) as found:
        yield found


@pytest.fixture
def sdk_site() -> Iterator[Site]:
    with site("sdk, plain reader") as found:
        yield found


def command(
    kind: OperationKind, record: dict[str, Any], stream: StreamSpec | None = None, key: str = "c-1"
) -> WriteCommand:
    stream = stream or writable_orders()
    return WriteCommand(kind, stream.entity, record, key, stream)


async def execute(driver: RfcDriver, wanted: WriteCommand) -> Outcome:
    try:
        return await driver.execute(wanted)
    finally:
        await driver.aclose()


def fails_at(function: str, error: Exception, number: int = 1) -> Callable[[str, Any], None]:
    seen: list[str] = []

    def before(called: str, _parameters: Any) -> None:
        if called == function:
            seen.append(called)
            if len(seen) == number:
                raise error

    return before


def orders_of(sap: Site) -> set[str]:
    return {row["EBELN"] for row in sap.system.rows("EKKO")}


async def test_an_order_is_tried_first_then_created_and_committed_in_one_session(sap: Site) -> None:
    before = orders_of(sap)
    sap.system.calls.clear()

    outcome = await execute(sap.driver(), command(CREATE, NEW_ORDER))

    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert orders_of(sap) - before == {outcome.key}
    assert outcome.reference == outcome.key
    made = [(name, p.get("TESTRUN", "")) for name, p in sap.system.calls if name.startswith("BAPI")]
    assert made == [("BAPI_PO_CREATE1", "X"), ("BAPI_PO_CREATE1", ""), (COMMIT, "")]
    items = sap.system.rows("EKPO", EBELN=outcome.key)
    assert [(r["EBELP"], r["TXZ01"], r["MENGE"], r["NETPR"]) for r in items] == [
        ("00010", "Muttern & 'Scheiben'", "2.500", "12.50"),  # KWD has three decimals, the column two
        ("00020", "Öl", "1.000", "5.00"),
    ]
    assert any("created under the number" in message.text for message in outcome.messages)


async def test_what_sap_says_no_to_is_told_in_its_words_by_the_records_own_field(sap: Site) -> None:
    before = orders_of(sap)
    lines = [{"name": "x", "quantity": "1"}, {"name": "y", "quantity": "0"}]

    outcome = await execute(sap.driver(), command(CREATE, NEW_ORDER | {"lineItems": lines}))

    assert outcome.status is OutcomeStatus.FAILED
    assert [(m.text, m.code, m.field) for m in outcome.messages][-1] == (
        "Enter a quantity", "06/401", "lineItems[1].quantity",
    )  # fmt: skip
    assert orders_of(sap) == before
    assert not sap.system.locks


async def test_a_released_order_and_a_locked_one_are_told_as_what_they_are(sap: Site) -> None:
    sap.system.put("EKKO", EBELN="4500000001", FRGKE="R")
    other = sap.system.logon("RFCUSER", canary(), "100")
    other.lock("EKKO", "4500000002")
    change = {"lineItems": [{"lineNo": "10", "quantity": "7"}]}
    driver = sap.driver()

    released = await driver.execute(command(UPDATE, {"key": "4500000001", **change}, key="c-1"))
    locked = await execute(driver, command(UPDATE, {"key": "4500000002", **change}, key="c-2"))

    assert [outcome.messages[0].code for outcome in (released, locked)] == ["MEPO/822", "06/006"]
    assert "released" in released.messages[0].text
    assert "processing" in locked.messages[0].text


async def test_only_what_is_given_is_changed(sap: Site) -> None:
    before = sap.system.rows("EKPO", EBELN="4500000003")

    outcome = await execute(
        sap.driver(), command(UPDATE, {"key": "4500000003", "lineItems": [{"lineNo": "20", "quantity": "9"}]})
    )

    assert outcome.status is OutcomeStatus.SUCCEEDED
    after = sap.system.rows("EKPO", EBELN="4500000003")
    assert after == [
        row | ({"MENGE": "9.000", "AEDAT": "20260315"} if row["EBELP"] == "00020" else {}) for row in before
    ]


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_lost_reply_to_the_commit_is_in_doubt_and_the_effect_is_found_if_it_is_there(
    sap: Site, carried_out: bool
) -> None:
    before = orders_of(sap)
    sap.system.before_call = fails_at(COMMIT, LineCut(carried_out=carried_out))
    driver, wanted = sap.driver(), command(CREATE, NEW_ORDER)

    outcome = await driver.execute(wanted)
    found = await driver.find_effect(wanted)
    await driver.aclose()

    assert outcome.status is OutcomeStatus.IN_DOUBT
    new = orders_of(sap) - before
    assert len(new) == carried_out
    assert (found.key if found else None) == next(iter(new), None)


@pytest.mark.parametrize(
    "instead",
    [
        (500, {"Content-Type": "text/html"}, b"<html>processing timeout</html>"),
        (500, {}, b""),
        (302, {"Location": "https://elsewhere.example/"}, b""),
        (400, {}, b""),
    ],
)
async def test_a_gateways_own_answer_to_the_commit_does_not_mean_that_nothing_was_done(
    instead: tuple[int, dict[str, str], bytes],
) -> None:
    with site("soap, plain reader") as sap:
        assert sap.server is not None
        node = sap.server.node
        before = orders_of(sap)

        def lose(function: str, _parameters: Any) -> None:
            if function == COMMIT:
                node.reply_instead = instead

        sap.system.before_call = lose
        outcome = await execute(sap.driver(), command(CREATE, NEW_ORDER))

        assert len(orders_of(sap) - before) == 1
        assert outcome.status is OutcomeStatus.IN_DOUBT


async def test_a_session_that_was_replaced_is_noticed_and_no_commit_in_it_counts() -> None:
    with site("soap, plain reader") as sap:
        assert sap.server is not None
        sap.server.node.session_ends_before = COMMIT
        before = orders_of(sap)
        driver, wanted = sap.driver(), command(CREATE, NEW_ORDER)
        outcome = await driver.execute(wanted)
        found = await driver.find_effect(wanted)
        await driver.aclose()

        assert orders_of(sap) == before
        assert outcome.status is OutcomeStatus.IN_DOUBT
        assert found is None


async def test_no_outcome_tells_the_password(sap: Site) -> None:
    sap.system.before_call = fails_at(COMMIT, ShortDump(f"CALL_FUNCTION with passwd={canary()}"))

    outcome = await execute(sap.driver(), command(CREATE, NEW_ORDER))

    assert outcome.status is OutcomeStatus.IN_DOUBT
    assert "passwd=***" in outcome.messages[0].text


async def test_saps_reason_is_told_even_if_the_rollback_fails(sap: Site) -> None:
    sap.system.before_call = fails_at("BAPI_TRANSACTION_ROLLBACK", LineCut(carried_out=False))

    outcome = await execute(sap.driver(), command(CREATE, {**NEW_ORDER, "vendorKey": "0000099999"}))

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.messages[-1].code == "06/321"


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(
    "error", [LineCut(carried_out=True), LineCut(carried_out=False), ShortDump("BCD_OVERFLOW")]
)
async def test_what_breaks_before_the_commit_changed_nothing(
    sap: Site, error: Exception, number: int
) -> None:
    before = orders_of(sap)
    sap.system.before_call = fails_at("BAPI_PO_CREATE1", error, number)

    outcome = await execute(sap.driver(), command(CREATE, NEW_ORDER))

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.messages[0].text
    assert orders_of(sap) == before


async def test_a_repeat_of_the_command_finds_the_order_and_makes_no_second(sap: Site) -> None:
    driver, wanted = sap.driver(), command(CREATE, NEW_ORDER)
    first = await driver.execute(wanted)
    after = orders_of(sap)

    second = await execute(driver, wanted)

    assert second.key == first.key
    assert orders_of(sap) == after


async def test_without_sessions_nothing_is_written_over_soap() -> None:
    with site("soap, plain reader") as sap:
        before = orders_of(sap)
        driver = sap.driver(soap={"sessions": False})

        with pytest.raises(BadConfiguration) as raised:
            await execute(driver, command(CREATE, NEW_ORDER))

        assert raised.value.where == "options.soap.sessions"
        assert orders_of(sap) == before


async def test_a_service_that_keeps_no_sessions_is_noticed_before_anything_is_written() -> None:
    with site("soap, plain reader") as sap:
        assert sap.server
        sap.server.node.keeps_sessions = False

        with pytest.raises(BadConfiguration, match="no session"):
            await execute(sap.driver(), command(CREATE, NEW_ORDER))
        assert not [name for name, _ in sap.system.calls if name.startswith("BAPI")]


async def test_a_missing_authorisation_promises_that_nothing_was_changed(sap: Site) -> None:
    before = orders_of(sap)
    sap.system.users["RFCUSER"].functions = frozenset(
        {
            "RFC_READ_TABLE",
            "/BODS/RFC_READ_TABLE2",
            "DDIF_FIELDINFO_GET",
            "RFC_GET_FUNCTION_INTERFACE",
            "RFCPING",
            "RFC_PING",
            "BAPI_PO_CREATE1",
        }
    )

    with pytest.raises(NotPermitted) as raised:
        await execute(sap.driver(), command(CREATE, NEW_ORDER))

    assert COMMIT in raised.value.message
    assert orders_of(sap) == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lineItems": [{"quantity": "1.2345"}]}, "lineItems[0].quantity"),
        (
            {"lineItems": [{"quantity": "1"}, {"quantity": "1", "price": "1.0000000001"}]},
            "lineItems[1].price",
        ),
        ({"organizationKey": "10000"}, "organizationKey"),
        ({"orderDate": "soon"}, "orderDate"),
        ({"lineItems": [{"quantity": "1", "name": "x" * 41}]}, "lineItems[0].name"),
    ],
)
async def test_a_value_that_sap_would_round_or_cut_is_refused_by_its_field(
    sdk_site: Site, change: dict[str, Any], field: str
) -> None:
    outcome = await execute(sdk_site.driver(), command(CREATE, NEW_ORDER | change))

    assert (outcome.status, outcome.messages[0].field) == (OutcomeStatus.FAILED, field)
    assert not [name for name, _ in sdk_site.system.calls if name.startswith("BAPI")]


async def test_a_work_order_is_created_released_and_completed_in_saps_own_order(sap: Site) -> None:
    stream, driver = work_orders(), sap.driver(time_zone="Europe/Berlin")
    record = {
        "title": "Lager tauschen",
        "type": "PM01",
        "siteKey": "1000",
        "scheduledAt": "2026-03-31T22:30:00Z",
    }

    created = await driver.execute(command(CREATE, record, stream))
    early = await driver.execute(command(SET_STATUS, {"key": created.key, "status": "completed"}, stream))
    released = await driver.execute(command(SET_STATUS, {"key": created.key, "status": "released"}, stream))
    completed = await execute(
        driver, command(SET_STATUS, {"key": created.key, "status": "completed"}, stream)
    )

    assert (created.key, created.reference) == ("000800001000", "800001000")
    assert sap.system.rows("AFKO")[0]["GSTRP"] == "20260401"  # as the calendar hangs in Berlin
    assert early.status is OutcomeStatus.FAILED
    assert "not released" in early.messages[0].text
    assert released.status is completed.status is OutcomeStatus.SUCCEEDED
    assert [r["STAT"] for r in sap.system.rows("JEST") if not r["INACT"]] == ["I0045"]


async def test_a_moment_without_the_systems_time_zone_is_refused_rather_than_put_on_another_day(
    sap: Site,
) -> None:
    before = {row["AUFNR"] for row in sap.system.rows("AUFK")}
    record = {
        "title": "Lager tauschen",
        "type": "PM01",
        "siteKey": "1000",
        "scheduledAt": "2026-03-31T22:30:00Z",
    }

    with pytest.raises(BadConfiguration) as raised:
        await execute(sap.driver(), command(CREATE, record, work_orders()))

    assert raised.value.where == "options.time_zone"
    assert {row["AUFNR"] for row in sap.system.rows("AUFK")} == before


async def test_a_closed_period_is_told_as_one(sdk_site: Site) -> None:
    sdk_site.system.closed_periods.add("202602")
    write = {
        "create": {
            "key": ["result.number", "result.year"],
            "calls": [
                {
                    "function": "BAPI_GOODSMVT_CREATE",
                    "test_run": "TESTRUN",
                    "returns": {"number": "MATERIALDOCUMENT", "year": "MATDOCUMENTYEAR"},
                    "structures": {
                        "GOODSMVT_HEADER": {
                            "PSTNG_DATE": {"const": "2026-02-15"},
                            "REF_DOC_NO": "idempotencyKey",
                        },
                        "GOODSMVT_CODE": {"GM_CODE": {"const": "05"}},
                    },
                    "tables": {
                        "GOODSMVT_ITEM": {"values": {"MATERIAL": "code", "MOVE_TYPE": {"const": "501"}}}
                    },
                }
            ],
        }
    }
    stream = StreamSpec("movements", "inventory_item", {"table": "MKPF"}, write=write)

    closed = await execute(sdk_site.driver(), command(CREATE, {"code": "M-1"}, stream))
    sdk_site.system.closed_periods.clear()
    posted = await execute(sdk_site.driver(), command(CREATE, {"code": "M-1"}, stream))

    assert (closed.status, closed.messages[0].code) == (OutcomeStatus.FAILED, "M7/053")
    assert posted.key == "4900001000~2026"


_ITEMS_OF_TERMS: dict[str, Any] = {
    **PURCHASE_ORDER_WRITES["create"]["calls"][0],
    "tables": {
        "POITEM": {"for_each": "lineItems", "when": "terms", "values": {"QUANTITY": "lineItems.quantity"}}
    },
}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"find": {"table": "EKKO", "column": "NOPE"}}, "find"),
        ({"key": []}, "key"),
        ({"key": ["result.nothing"]}, "key"),
        ({"required": ["nothing"]}, "required"),
        ({"statuses": ["approved"]}, "statuses"),
        ({"commits_itself": True, "calls": PURCHASE_ORDER_WRITES["create"]["calls"] * 2}, "commits_itself"),
        ({"calls": [_ITEMS_OF_TERMS]}, "calls[0].tables.POITEM.when"),
    ],
)
async def test_a_recipe_that_is_wrong_is_refused_with_its_place(
    sdk_site: Site, change: dict[str, Any], where: str
) -> None:
    stream = writable_orders(create=PURCHASE_ORDER_WRITES["create"] | change)

    with pytest.raises(Exception, match=r".") as raised:
        await execute(sdk_site.driver(), command(CREATE, NEW_ORDER, stream))

    assert getattr(raised.value, "where", "").startswith(f"streams.purchase_orders.write.create.{where}")


async def test_the_matrix_says_what_can_be_written_and_whether_it_can_be_found_again() -> None:
    with site(next(iter(PROFILES))) as sap:
        driver = sap.driver(call_seconds=120)
        found = {o.kind: o for o in await driver.operations([writable_orders()])}
        await driver.aclose()

    create = found[CREATE]
    assert {"vendorKey", "lineItems.quantity"} <= set(create.fields)
    assert create.effect_settles_after is not None
    assert create.effect_settles_after.total_seconds() == 120


@pytest.mark.parametrize("way", ["native, wide reader", "soap, plain reader"])
@pytest.mark.parametrize("carried_out", [True, False])
async def test_whichever_call_is_cut_at_most_one_order_is_made_and_the_outcome_is_true(
    way: str, carried_out: bool
) -> None:
    """The line is cut at the first call, at the second, and so on until none is left to cut."""
    for number in range(1, 60):
        with site(way) as sap:
            before = orders_of(sap)
            left = [number]

            def cut(_function: str, _parameters: Any, left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] == 0:
                    raise LineCut(carried_out=carried_out)

            sap.system.before_call = cut
            driver, wanted = sap.driver(), command(CREATE, NEW_ORDER)
            outcome = await driver.execute(wanted)
            sap.system.before_call = lambda _f, _p: None
            found = await driver.find_effect(wanted)
            await driver.aclose()

            new = orders_of(sap) - before
            assert len(new) <= 1
            assert (found.key if found else None) == next(iter(new), None)
            if outcome.status is OutcomeStatus.SUCCEEDED:
                assert new == {outcome.key}
            elif outcome.status is OutcomeStatus.FAILED:
                assert not new
            if left[0] > 0:
                return
    pytest.fail("the write never came through")


async def test_check_finds_that_moments_could_not_be_written(sap: Site) -> None:
    driver = sap.driver()
    steps = {step.name: step for step in await driver.check([writable_orders(), work_orders()])}
    await driver.aclose()

    step = steps["writes of work_orders"]
    assert (step.ok, step.code) == (False, "configuration")
    assert "options.time_zone: scheduledAt" in step.detail
    assert steps["writes of purchase_orders"].ok  # of which none is a moment
