"""Reading the fake SAP: changes, lookups, lines, details, currencies, and what an operator does wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from drivers.contract import (
    BadConfiguration,
    DriverError,
    Mark,
    MarkKind,
    NotPermitted,
    ReadMode,
    ReadRequest,
    SourceBusy,
    SourceChanged,
    StreamSpec,
    Throttled,
)
from drivers.rfc.authorisations import authorisations_of
from drivers.rfc.driver import RfcDriver
from tests.canaries import canary
from tests.conformance.suite import keys, pages, rows
from tests.integration.sap_sources import OPTIONS, SECRETS, Site, orders, site, work_orders
from tests.sap import libraries
from tests.sap.dictionary import define
from tests.sap.system import AbapException, Busy, NoAuthority, ShortDump


@pytest.fixture
def sap() -> Iterator[Site]:
    with site("sdk, plain reader") as found:
        yield found


@pytest.fixture(params=["sdk, sorted ET_DATA", "soap, plain reader"])
def any_sap(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site(request.param) as found:
        yield found


async def read(
    sap: Site, stream: StreamSpec, mode: ReadMode = ReadMode.SCAN, **request: Any
) -> list[dict[str, Any]]:
    driver = sap.driver()
    try:
        return rows(await pages(driver, ReadRequest(stream, mode, **request)))
    finally:
        await driver.aclose()


def day(text: str) -> Mark:
    return Mark(MarkKind.DATE, text)


class TestPages:
    async def test_amounts_have_their_currencys_decimals_and_dates_are_iso(self, any_sap: Site) -> None:
        found = {row["EBELN"]: row for row in await read(any_sap, orders())}

        prices = {row["WAERS"]: row["items"][1]["NETPR"] for row in found.values() if len(row["items"]) > 1}
        assert prices == {"EUR": "-12.34", "JPY": "-1234", "KWD": "-1.234"}
        assert found["4500000001"]["AEDAT"] == "2026-02-02"
        assert found["4500000001"]["items"][0]["MENGE"] == "12.500"
        assert found["4500000001"]["WKURS"] == "1.00000"

    async def test_a_currency_that_is_customised_while_the_agent_runs_counts_from_the_next_read_on(
        self, sap: Site
    ) -> None:
        driver = sap.driver()
        stream = orders()
        before = rows(await pages(driver, ReadRequest(stream, ReadMode.SCAN)))
        sap.system.put("TCURX", CURRKEY="EUR", CURRDEC="3")
        after = rows(await pages(driver, ReadRequest(stream, ReadMode.SCAN)))
        await driver.aclose()

        prices = [
            {r["EBELN"]: r["items"] for r in read}["4500000003"][0]["NETPR"] for read in (before, after)
        ]
        assert prices == ["120.00", "12.000"]

    async def test_lines_keep_every_character_and_their_order(self, any_sap: Site) -> None:
        found = {row["EBELN"]: row for row in await read(any_sap, orders())}

        assert found["4500000000"]["items"] == []
        assert [line["TXZ01"] for line in found["4500000003"]["items"]] == [
            f"Text ¦ | 3'{n}" for n in (1, 2, 3)
        ]
        assert found["4500000003"]["NAME1"] == "O'Hara & Sons | Ltd."
        assert "4600000001" not in found  # a contract, which `where` leaves out

    async def test_only_what_is_asked_for_is_read(self, sap: Site) -> None:
        stream = replace(orders(), columns=["EBELN", "BEDAT"])

        found = await read(sap, stream)

        assert set(found[0]) == {"__key", "EBELN", "BEDAT"}
        tables = {p["QUERY_TABLE"] for name, p in sap.system.calls if name == "RFC_READ_TABLE"}
        assert tables == {"EKKO"}

    async def test_a_work_orders_status_is_its_lines_with_their_texts(self, any_sap: Site) -> None:
        system = any_sap.system
        system.put("TJ02T", ISTAT="I0002", SPRAS="E", TXT04="REL")
        system.put("TJ02T", ISTAT="I0002", SPRAS="D", TXT04="FREI")
        for number in ("000000000001", "000000000002"):
            system.put(
                "AUFK", AUFNR=number, AUTYP="30", OBJNR=f"OR{number}", AEDAT="20260301", AEZEIT="240000"
            )
            system.put("AFKO", AUFNR=number, GSTRP="20260401")
        system.put("JEST", OBJNR="OR000000000001", STAT="I0001", INACT="X")
        system.put("JEST", OBJNR="OR000000000001", STAT="I0002")
        system.put("JEST", OBJNR="OR000000000001", STAT="E0001")

        first, second = await read(any_sap, work_orders())

        assert first["status"] == [{"STAT": "E0001", "TXT04": None}, {"STAT": "I0002", "TXT04": "REL"}]
        assert second["status"] == []
        assert (first["GSTRP"], first["GLTRP"], first["AEZEIT"]) == ("2026-04-01", None, "24:00:00")

    async def test_details_of_a_bapi_become_columns_and_lines(self, any_sap: Site) -> None:
        detail = {
            "function": "BAPI_PO_GETDETAIL1",
            "parameters": {"PURCHASEORDER": "EBELN"},
            "columns": {"STATUS": "POHEADER.STATUS", "OUR_REF": "POHEADER.OUR_REF"},
            "lines": {"details": {"parameter": "POITEM", "columns": ["PO_ITEM", "NET_PRICE", "QUANTITY"]}},
        }
        stream = StreamSpec(
            "po", "purchase_order", {"table": "EKKO", "where": {"BSTYP": "F"}, "details": {"bapi": detail}}
        )

        found = {row["EBELN"]: row for row in await read(any_sap, stream)}

        # Real amounts, whatever the currency, and no scaling on top.
        assert found["4500000002"]["details"][1] == {
            "PO_ITEM": "00020",
            "NET_PRICE": "-1.234000000",
            "QUANTITY": "12.500",
        }
        assert found["4500000004"]["details"] == []
        assert found["4500000001"]["STATUS"] == ""

    async def test_a_page_has_no_more_records_than_their_details_can_be_fetched_for(self, sap: Site) -> None:
        for number in range(120):
            sap.system.put("EKKO", EBELN=f"47{number:08d}", BSTYP="F", BUKRS="1000", WAERS="EUR")
        detail = {
            "function": "BAPI_PO_GETDETAIL1",
            "parameters": {"PURCHASEORDER": "EBELN"},
            "columns": {"STATUS": "POHEADER.STATUS"},
        }
        options = {"table": "EKKO", "where": {"BSTYP": "F"}, "details": {"bapi": detail}}
        stream = StreamSpec("po", "purchase_order", options)
        driver = sap.driver()

        found = await pages(driver, ReadRequest(stream, ReadMode.SCAN, page_rows=2_000))
        of_keys = await pages(driver, ReadRequest(stream, ReadMode.KEYS, page_rows=2_000))
        await driver.aclose()

        assert [page.table.num_rows for page in found] == [100, 45]
        assert [page.table.num_rows for page in of_keys] == [145]

    async def test_a_record_that_a_bapi_gives_an_error_for_stops_the_read_or_goes_without(
        self, sap: Site
    ) -> None:
        detail = {
            "function": "BAPI_PO_GETDETAIL1",
            "parameters": {"PURCHASEORDER": "BUKRS"},
            "columns": {"S": "POHEADER.STATUS"},
        }
        stream = {"table": "EKKO", "details": {"bapi": detail}}

        with pytest.raises(SourceChanged, match="does not exist"):
            await read(sap, StreamSpec("po", "purchase_order", stream))
        stream["details"] = {"bapi": detail | {"on_error": "empty"}}
        assert {row["S"] for row in await read(sap, StreamSpec("po", "purchase_order", stream))} == {None}

    @pytest.mark.parametrize(("key", "goes_on"), [("ENTRY_NOT_FOUND", True), ("NO_AUTHORITY", False)])
    async def test_an_exception_of_the_function_counts_as_an_error_of_the_record(
        self, sap: Site, key: str, goes_on: bool
    ) -> None:
        def refuse(function: str, parameters: Any) -> None:
            if function == "BAPI_PO_GETDETAIL1" and parameters["PURCHASEORDER"] == "4500000003":
                raise AbapException(key)

        sap.system.before_call = refuse
        detail = {
            "function": "BAPI_PO_GETDETAIL1",
            "parameters": {"PURCHASEORDER": "EBELN"},
            "columns": {"S": "POHEADER.STATUS"},
            "on_error": "empty",
        }
        options = {"table": "EKKO", "where": {"BSTYP": "F"}, "details": {"bapi": detail}}
        stream = StreamSpec("po", "purchase_order", options)

        if not goes_on:
            with pytest.raises(NotPermitted):
                await read(sap, stream)
            return
        assert [row["EBELN"] for row in await read(sap, stream) if row["S"] is None] == ["4500000003"]

    async def test_a_value_that_is_none_of_its_type_is_told_with_its_field(
        self, sap: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detail = {
            "function": "BAPI_PO_GETDETAIL1",
            "parameters": {"PURCHASEORDER": "EBELN"},
            "lines": {"items": {"parameter": "POITEM", "columns": ["QUANTITY"]}},
        }
        stream = StreamSpec("po", "purchase_order", {"table": "EKKO", "details": {"bapi": detail}})
        monkeypatch.setattr(libraries, "_value", lambda _column, text: "many" if text == "12.500" else text)

        with pytest.raises(SourceChanged, match="QUANTITY") as raised:
            await read(sap, stream)
        assert raised.value.where == "streams.po.read.details.bapi"


class TestChanges:
    async def test_changes_of_items_and_change_documents_count_as_the_orders_own(self, any_sap: Site) -> None:
        system = any_sap.system
        system.put("EKPO", EBELN="4500000003", EBELP="00010", AEDAT="20260310")
        system.put(
            "CDHDR",
            OBJECTCLAS="EINKBELEG",
            OBJECTID="4500000005",
            CHANGENR="0000009999",
            UDATE="20260311",
            UTIME="101010",
        )
        system.put("CDHDR", OBJECTCLAS="KRED", OBJECTID="4500000006", CHANGENR="0000009998", UDATE="20260312")

        found = await read(
            any_sap, orders(), ReadMode.CHANGES, start=day("2026-03-05"), end=day("2026-03-15"), page_rows=1
        )

        assert [row["EBELN"] for row in found] == ["4500000003", "4500000005"]

    async def test_a_date_overlaps_a_day_and_a_date_with_time_does_not(self, sap: Site) -> None:
        sap.system.put("EKPO", EBELN="4500000003", EBELP="00010", AEDAT="20260309")
        found = await read(sap, orders(), ReadMode.CHANGES, start=day("2026-03-10"), end=day("2026-03-15"))
        assert [row["EBELN"] for row in found] == ["4500000003"]

        documents = orders(changes={"documents": {"object_class": "EINKBELEG"}})
        start = Mark(MarkKind.TIMESTAMP, "2026-03-10T10:00:00")
        for number, (date, clock) in enumerate(
            [("20260310", "095959"), ("20260310", "100000"), ("20260311", "000000")]
        ):
            sap.system.put(
                "CDHDR",
                OBJECTCLAS="EINKBELEG",
                OBJECTID=f"450000000{number + 1}",
                CHANGENR=f"X{number}",
                UDATE=date,
                UTIME=clock,
            )
        found = await read(sap, documents, ReadMode.CHANGES, start=start)
        assert [row["EBELN"] for row in found] == ["4500000002", "4500000003"]

    async def test_stock_changes_by_material_documents_over_two_tables(self, sap: Site) -> None:
        system = sap.system
        for material in ("A", "B", "C"):
            for place in ("0001", "0002"):
                system.put("MARD", MATNR=material, WERKS="1000", LGORT=place, LABST="5.000")
        system.put("MKPF", MBLNR="49001", MJAHR="2026", CPUDT="20260314", CPUTM="120000")
        system.put("MSEG", MBLNR="49001", MJAHR="2026", ZEILE="0001", MATNR="B", WERKS="1000", LGORT="0002")
        system.put("MKPF", MBLNR="48000", MJAHR="2026", CPUDT="20260101", CPUTM="120000")
        system.put("MSEG", MBLNR="48000", MJAHR="2026", ZEILE="0001", MATNR="A", WERKS="1000", LGORT="0001")
        stream = StreamSpec("stock", "inventory_item", {
            "table": "MARD",
            "lookups": {"unit": {"table": "MARA", "on": {"MATNR": "MATNR"}, "columns": ["MEINS"]}},
            "changes": {"tables": {"movements": {
                "table": "MKPF", "replication_key": ["CPUDT", "CPUTM"], "parent": ["MATNR", "WERKS", "LGORT"],
                "via": {"table": "MSEG", "on": {"MBLNR": "MBLNR", "MJAHR": "MJAHR"}},
            }}},
        })  # fmt: skip
        start = Mark(MarkKind.TIMESTAMP, "2026-03-01T00:00:00")

        found = await read(sap, stream, ReadMode.CHANGES, start=start)

        assert [row["__key"] for row in found] == ["B~1000~0002"]

    async def test_an_object_id_of_several_columns_is_cut_by_their_lengths(self, sap: Site) -> None:
        sap.system.put(
            "CDHDR", OBJECTCLAS="ZPOS", OBJECTID="P:450000000300010", CHANGENR="1", UDATE="20260310"
        )
        sap.system.put(
            "CDHDR", OBJECTCLAS="ZPOS", OBJECTID="Q:450000000300020", CHANGENR="2", UDATE="20260310"
        )
        stream = StreamSpec("lines", "purchase_order", {
            "table": "EKPO", "columns": ["TXZ01"],
            "changes": {"documents": {"object_class": "ZPOS", "prefix": "P:", "object": ["EBELN", "EBELP"]}},
        })  # fmt: skip

        assert [row["__key"] for row in await read(sap, stream, ReadMode.CHANGES)] == ["4500000003~00010"]

    async def test_a_window_is_what_was_made_or_changed_since(self, sap: Site) -> None:
        sap.system.put("EKPO", EBELN="4500000003", EBELP="00010", AEDAT="20260310")
        sap.system.put("EKKO", EBELN="4500000099", BSTYP="F", AEDAT="20260312", WAERS="EUR")
        sap.system.put("EKKO", EBELN="4500000098", BSTYP="F", AEDAT="00000000", WAERS="EUR")

        found = await read(
            sap, orders(replication_key="AEDAT"), ReadMode.WINDOW, start=day("2026-03-05"), page_rows=2
        )

        assert [row["EBELN"] for row in found] == ["4500000003", "4500000098", "4500000099"]

    async def test_the_signpost_is_the_systems_own_time(self, any_sap: Site) -> None:
        any_sap.system.add_table(define("ZUTC", "MANDT CLNT 3 k; ID CHAR 5 k; CHANGED DEC 15; NAME CHAR 5"))
        any_sap.system.put("ZUTC", ID="1", CHANGED="20260101120000")
        any_sap.system.put("ZUTC", ID="2", CHANGED="20260315085959")
        utc = StreamSpec("utc", "vendor", {"table": "ZUTC", "replication_key": "CHANGED"})
        driver = any_sap.driver()
        found = [await driver.signpost(each) for each in (orders(), work_orders(), utc)]
        await driver.aclose()

        assert [mark.value for mark in found if mark] == [
            "2026-03-15", "2026-03-15T10:00:00.000000", "2026-03-15T09:00:00.000000+00:00",
        ]  # fmt: skip
        start = Mark(MarkKind.TIMESTAMP, "2026-03-01T00:00:00+00:00")
        changed = await read(any_sap, utc, ReadMode.CHANGES, start=start, end=found[2])
        assert [row["ID"] for row in changed] == ["2"]


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "where"),
        [
            ({"tabel": "EKKO"}, "streams.po.read"),
            ({"table": "ZNONE"}, "streams.po.read.table"),
            ({"table": "EKKO", "columns": ["NOPE"]}, "streams.po.read.columns"),
            ({"table": "EKKO", "where": {"NOPE": "1"}}, "streams.po.read.where"),
            ({"table": "EKKO", "where": {"AEDAT": "soon"}}, "streams.po.read.where.AEDAT"),
            ({"table": "EKKO", "replication_key": "BUKRS"}, "streams.po.read.replication_key"),
            ({"table": "EKPO"}, "streams.po.read.currencies"),
            ({"table": "ZLONG"}, "streams.po.read.table"),
            ({"table": "EKKO", "lines": {"i": {"table": "EKPO", "parent": ["EBELP"]}}}, "streams.po.read.lines.i.parent"),
            ({"table": "EKKO", "lines": {"i": {"table": "EKPO", "parent": ["EBELN", "EBELP"]}}}, "streams.po.read.lines.i.parent"),
            ({"table": "EKKO", "details": {"d": {"function": "Z_NO", "parameters": {"A": "EBELN"}, "columns": {"A": "B"}}}}, "streams.po.read.details.d.function"),
            ({"table": "EKKO", "changes": {"documents": {"object_class": "X", "object": ["BUKRS"]}}}, "streams.po.read.changes.documents.object"),
        ],
    )  # fmt: skip
    async def test_are_told_with_their_place_and_what_to_do(
        self, sap: Site, options: dict[str, Any], where: str
    ) -> None:
        driver = sap.driver()
        stream = StreamSpec("po", "purchase_order", options)
        (step,) = [each for each in await driver.check([stream]) if each.stream]
        await driver.aclose()

        assert not step.ok
        assert step.detail.startswith(where), step.detail
        assert step.hint

    async def test_an_amount_without_its_currency_can_be_told_one(self, sap: Site) -> None:
        for told, price in (("=EUR", "120.00"), ("=JPY", "12000"), ("=KWD", "12.000")):
            stream = {"table": "EKPO", "columns": ["NETPR"], "currencies": {"NETPR": told}}
            found = await read(sap, StreamSpec("lines", "purchase_order", stream))
            assert found[0]["NETPR"] == price

    @pytest.mark.parametrize(
        ("options", "secrets", "where"),
        [
            ({"client": "1"}, SECRETS, "options.client"),
            ({**OPTIONS, "way": "sdk"}, {}, "secrets.password"),
            ({**OPTIONS, "user": "", "way": "sdk"}, SECRETS, "options.user"),
            ({"client": "100", "user": "U", "way": "sdk"}, SECRETS, "options.host"),
            ({"client": "100", "user": "U", "way": "soap"}, SECRETS, "options.http.url"),
            ({"client": "100", "user": "U"}, SECRETS, "options.host"),
            ({**OPTIONS, "time_zone": "Mars/Olympus"}, SECRETS, "options.time_zone"),
        ],
    )
    def test_a_connection_that_cannot_work_is_refused_at_once(
        self, options: dict[str, Any], secrets: dict[str, str], where: str
    ) -> None:
        with pytest.raises(BadConfiguration) as raised:
            RfcDriver("sap", options, secrets)
        assert raised.value.where == where


class TestTrouble:
    async def test_no_error_tells_the_password(self, any_sap: Site) -> None:
        def echo(function: str, _parameters: Any) -> None:
            if function == "RFC_READ_TABLE":
                raise AbapException("OPTION_NOT_VALID", f"passwd={canary()} is no option")

        any_sap.system.before_call = echo
        driver = any_sap.driver()
        with pytest.raises(DriverError, match=r"passwd=\*\*\*") as raised:
            await pages(driver, ReadRequest(orders(), ReadMode.SCAN))
        steps = await driver.check()
        await driver.aclose()

        assert canary() not in str(raised.value)
        assert "passwd=***" in steps[-1].detail

    async def test_busy_answers_and_dumps_are_told_apart(self, any_sap: Site) -> None:
        driver = any_sap.driver()
        for error, kinds in (
            (Busy("maximum number of work processes reached"), (SourceBusy, Throttled)),
            (ShortDump("TSV_TNEW_PAGE_ALLOC_FAILED: No more memory available"), (SourceBusy,)),
            (ShortDump("CONVT_NO_NUMBER"), (SourceBusy,)),
        ):

            def fail(function: str, _parameters: Any, error: Exception = error) -> None:
                if function == "RFC_READ_TABLE":
                    raise error

            any_sap.system.before_call = fail
            with pytest.raises(DriverError) as raised:
                await pages(driver, ReadRequest(orders(), ReadMode.SCAN))
            assert isinstance(raised.value, kinds)
        any_sap.system.before_call = lambda _f, _p: None
        assert keys(await pages(driver, ReadRequest(orders(), ReadMode.SCAN)))
        await driver.aclose()


async def test_an_amounts_currency_may_be_looked_up_where_nothing_else_of_the_row_is_wanted(
    sap: Site,
) -> None:
    """A mapping that does not use the currency itself leaves its column out of the page, not out of the amounts."""
    header = {"order": {"table": "EKKO", "on": {"EBELN": "EBELN"}, "columns": {"CURRENCY": "WAERS"}}}
    of_items = {"table": "EKPO", "columns": ["NETPR"], "lookups": header, "currencies": {"NETPR": "CURRENCY"}}
    lines = {"table": "EKPO", "parent": ["EBELN"], "currencies": {"NETPR": "header.CURRENCY"}}
    of_orders = {"table": "EKKO", "lookups": header, "lines": {"items": lines}}

    by_item = await read(sap, StreamSpec("po", "purchase_order", of_items, columns=["NETPR"]))
    by_order = await read(
        sap, StreamSpec("po", "purchase_order", of_orders, columns=["EBELN", "items.NETPR"])
    )

    amounts = {row["NETPR"] for row in by_item}
    assert {"12000", "-1234"} < amounts  # of yen, which have no decimals
    assert {line["NETPR"] for row in by_order for line in row["items"]} == amounts
    assert set(by_item[0]) == {"__key", "NETPR"}


async def test_the_catalogue_is_bounded_and_knows_keys_and_change_columns(sap: Site) -> None:
    driver = sap.driver()
    found = {table.name: table for table in (await driver.discover()).tables}
    columns = [column.name for column in await driver.columns(orders())]
    await driver.aclose()

    assert found["EKPO"].key == ("EBELN", "EBELP")
    assert found["AUFK"].replication_key == "AEDAT"
    assert found["EKKO"].replication_key is None  # its AEDAT is the day of creation
    assert "BUT000" not in found  # not on this system
    assert {"EBELN", "NAME1", "items.NETPR", "schedule.EINDT"} <= set(columns)


def test_the_list_of_authorisations_is_what_the_streams_really_call(sap: Site) -> None:
    from tests.integration.sap_sources import writable_orders

    found = authorisations_of([writable_orders(), work_orders()])

    assert {"BAPI_PO_CREATE1", "BAPI_PO_CHANGE", "BAPI_ALM_ORDER_MAINTAIN", "BAPI_TRANSACTION_COMMIT"} <= set(
        found.functions
    )
    assert found.tables == ("AFKO", "AUFK", "CDHDR", "EKET", "EKKO", "EKPO", "JEST", "LFA1", "TCURX", "TJ02T")


async def test_with_exactly_the_listed_authorisations_everything_works(sap: Site) -> None:
    from drivers.contract import OperationKind, OutcomeStatus, WriteCommand
    from tests.integration.sap_sources import NEW_ORDER, writable_orders

    found = authorisations_of([writable_orders(), work_orders()])
    user = sap.system.users["RFCUSER"]
    user.functions, user.tables = frozenset((*found.functions, *found.readers)), frozenset(found.tables)
    driver = sap.driver(time_zone="Europe/Berlin")
    steps = await driver.check([writable_orders(), work_orders()])
    outcome = await driver.execute(
        WriteCommand(OperationKind.CREATE, "purchase_order", NEW_ORDER, "c-1", writable_orders())
    )
    await driver.aclose()

    assert all(step.ok for step in steps), steps
    assert outcome.status is OutcomeStatus.SUCCEEDED


async def test_where_the_dictionary_may_not_be_asked_its_tables_are_read(any_sap: Site) -> None:
    expected = await read(any_sap, orders(where={"LIFNR": "100"}))
    any_sap.system.fill_catalogue()

    def refuse(function: str, _parameters: Any) -> None:
        if function == "DDIF_FIELDINFO_GET":
            raise NoAuthority("No RFC authorization for function module DDIF_FIELDINFO_GET.")

    any_sap.system.before_call = refuse
    assert expected
    assert await read(any_sap, orders(where={"LIFNR": "100"})) == expected
    with pytest.raises(SourceChanged, match="no table"):
        await read(any_sap, orders(table="ZNONE"))
