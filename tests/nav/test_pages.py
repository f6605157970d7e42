"""Page services over the wire: reading, drift, cultures, checks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from lxml import etree

from drivers.contract import (
    BadConfiguration,
    Mark,
    MarkKind,
    ReadMode,
    ReadRequest,
    SourceBusy,
    SourceChanged,
    StreamSpec,
)
from drivers.keys import encode_key
from drivers.soap.driver import soap_driver
from tests.conformance.suite import keys, pages, rows
from tests.nav.company import connection, nav, vendor
from tests.nav.driving import changes, driving, scan
from tests.nav.server import INSTANCE, NavServer
from tests.nav.test_conformance import orders, vendors
from tests.windows_sign_in import PASSWORD, USER, WindowsServer, use_accounts

# --- reading


async def test_lines_come_with_their_order_exactly_as_they_are(server: NavServer, tmp_path: Path) -> None:
    async with driving(server, tmp_path) as driver:
        (row,) = rows(await pages(driver, scan(orders(), mode=ReadMode.BY_KEYS, keys=["106002"])))

    assert row["Order_Date"] == date(2026, 6, 3)
    assert row["Status"] == "Open"
    assert [line["Line_No"] for line in row["lines"]] == [10_000, 20_000]
    assert row["lines"][0]["Description"] == "Item <0> & more"
    assert row["lines"][0]["Direct_Unit_Cost"] == "12345678901234.56789"
    assert "Key" not in row, "it says nothing of the record, and changes with every write"


async def test_only_what_is_asked_for_becomes_columns(server: NavServer, tmp_path: Path) -> None:
    stream = replace(orders(), columns=["Order_Date", "lines.Quantity"])
    async with driving(server, tmp_path) as driver:
        (page, *_) = await pages(driver, scan(stream))

    assert page.table.column_names == ["__key", "Order_Date", "lines"]
    assert [each.name for each in page.table.schema.field("lines").type.value_type] == ["Quantity"]


async def test_a_server_that_gives_fewer_records_than_it_was_asked_for_is_read_to_its_end(
    server: NavServer, tmp_path: Path
) -> None:
    server.most_rows = 4
    async with driving(server, tmp_path) as driver:
        found = await pages(driver, scan(orders()))

    assert len(keys(found)) == len(set(keys(found))) == 23


async def test_no_call_asks_for_more_than_the_agent_allows(server: NavServer, tmp_path: Path) -> None:
    async with driving(server, tmp_path) as driver:
        whole = keys(await pages(driver, scan(orders(), call_rows=3)))
        await pages(driver, scan(orders(), mode=ReadMode.BY_KEYS, keys=whole, call_rows=3))
        plan = await driver.plan(scan(orders(), call_rows=3))

    sizes = [int(etree.fromstring(body).findtext(".//{*}setSize")) for body in server.calls("ReadMultiple")]
    assert max(sizes) == plan.rows_per_call == 3
    assert plan.objects == ("PurchaseOrder", "PurchaseOrder/PurchLines")
    assert plan.rows is None
    assert plan.notes


async def test_records_that_come_go_and_change_while_they_are_read_cost_no_other(
    server: NavServer, tmp_path: Path
) -> None:
    table = server.pages["Vendors"].rows
    before = set(table)
    deleted, found = set(), []
    async with driving(server, tmp_path) as driver:
        number = 0
        async for page in driver.read(scan(vendors(), page_rows=7)):
            found += page.table["__key"].to_pylist()
            number += 1
            # The record that the bookmark names among others: it goes, or gets another Key.
            if page.table.num_rows:
                last = (found[-1],)
                if number % 2:
                    del table[last]
                    deleted.add(last)
                else:
                    table[last]["_v"] += 1
            table[f"V3{number}5",] = vendor(0, No=f"V3{number}5")

    assert len(found) == len(set(found))
    assert {key for (key,) in before - deleted} <= set(found)


async def test_behind_a_bookmark_that_the_server_no_longer_takes_the_read_goes_on_by_key(
    server: NavServer, tmp_path: Path
) -> None:
    server.bookmarks_live = False
    async with driving(server, tmp_path) as driver:
        whole = await pages(driver, scan(vendors(), page_rows=7))
        del server.pages["Vendors"].rows[(keys(whole[:1])[-1],)]
        rest = await pages(driver, scan(vendors(), page_rows=7, after=whole[0].cursor))

    assert keys(rest) == keys(whole[1:])


async def test_a_key_of_several_fields_goes_on_without_leaving_anything_out(
    server: NavServer, tmp_path: Path
) -> None:
    server.bookmarks_live = False
    stream = StreamSpec("v", "vendor", {"page": "Vendors", "key": ["Blocked", "No"]})
    async with driving(server, tmp_path) as driver:
        found = keys(await pages(driver, scan(stream, page_rows=7)))
        again = keys(await pages(driver, scan(stream, mode=ReadMode.BY_KEYS, keys=found[:3])))

    assert len(found) == 60
    assert found[0] == encode_key(["", "V0"])
    assert again == found[:3]


async def test_every_filter_of_the_stream_holds_in_every_mode(server: NavServer, tmp_path: Path) -> None:
    stream = StreamSpec(
        "v",
        "vendor",
        {
            "page": "Vendors",
            "filter": {"No": "V1*|V2*", "City": "''"},
            "replication_key": "Last_Date_Modified",
        },
    )
    async with driving(server, tmp_path) as driver:
        whole = keys(await pages(driver, scan(stream)))
        named = keys(await pages(driver, scan(stream, mode=ReadMode.BY_KEYS, keys=["V1", "V3", "V20"])))
        changed = keys(await pages(driver, changes(stream, "2026-06-01", "2026-06-15")))

    assert {key[:2] for key in whole} == {"V1", "V2"}
    assert named == ["V1", "V20"]
    assert changed
    assert set(changed) <= set(whole)


# --- changes


@pytest.mark.parametrize("culture", ["%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y-%m-%d"])
async def test_the_way_a_culture_writes_a_day_is_found_by_asking(
    server: NavServer, tmp_path: Path, culture: str
) -> None:
    server.date_format = culture
    expected = {
        row["No"]
        for row in server.pages["Vendors"].rows.values()
        if row["Last_Date_Modified"] and date(2026, 6, 3) <= row["Last_Date_Modified"] <= date(2026, 6, 12)
    }
    async with driving(server, tmp_path) as driver:
        found = keys(await pages(driver, changes(vendors(), "2026-06-03", "2026-06-12")))

    assert set(found) == expected


async def test_a_culture_that_nobody_knows_is_asked_of_the_operator(
    server: NavServer, tmp_path: Path
) -> None:
    server.date_format = "%y%j"
    async with driving(server, tmp_path) as driver:
        with pytest.raises(SourceChanged) as raised:
            await pages(driver, changes(vendors(), "2026-06-03", "2026-06-12"))
    assert raised.value.where == "options.date_format"

    server.date_format = "%d/%m/%y"
    async with driving(server, tmp_path, date_format="%d/%m/%y") as driver:
        assert keys(await pages(driver, changes(vendors(), "2026-06-03", "2026-06-12")))


async def test_the_signpost_is_the_day_that_it_is_at_the_server(server: NavServer, tmp_path: Path) -> None:
    async with driving(server, tmp_path, time_zone="Pacific/Kiritimati") as driver:
        assert await driver.signpost(vendors()) == Mark(MarkKind.DATE, "2026-06-16")
        assert await driver.signpost(vendors("Changed_At")) == Mark(
            MarkKind.TIMESTAMP, "2026-06-15T12:00:05+00:00"
        )
        assert await driver.signpost(orders()) is None


async def test_a_window_holds_what_changed_since_and_what_has_no_date(
    server: NavServer, tmp_path: Path
) -> None:
    request = ReadRequest(vendors(), ReadMode.WINDOW, start=Mark(MarkKind.DATE, "2026-06-10"))
    async with driving(server, tmp_path) as driver:
        found = rows(await pages(driver, request))

    marks = {row["Last_Date_Modified"] for row in found}
    assert None in marks
    assert min(mark for mark in marks if mark) == date(2026, 6, 10)
    assert len(found) == sum(
        row["Last_Date_Modified"] is None or row["Last_Date_Modified"] >= date(2026, 6, 10)
        for row in server.pages["Vendors"].rows.values()
    )


async def test_moments_are_compared_to_the_second_whatever_day_the_server_means(
    server: NavServer, tmp_path: Path
) -> None:
    start = Mark(MarkKind.TIMESTAMP, "2026-06-12T00:00:05+00:00")
    end = Mark(MarkKind.TIMESTAMP, "2026-06-13T06:00:05+02:00")
    async with driving(server, tmp_path) as driver:
        found = keys(await pages(driver, ReadRequest(vendors("Changed_At"), ReadMode.CHANGES, start, end)))

    stamps = {row["No"]: row["Changed_At"] for row in server.pages["Vendors"].rows.values()}
    assert set(found) == {
        no
        for no, at in stamps.items()
        if at and "2026-06-12T00:00:05+00:00" <= at.isoformat() <= "2026-06-13T04:00:05+00:00"
    }
    assert found


# --- drift


async def test_a_field_that_the_page_gained_moves_no_other_and_appears_by_itself(
    server: NavServer, tmp_path: Path
) -> None:
    page = server.pages["Vendors"]
    async with driving(server, tmp_path) as driver:
        before = rows(await pages(driver, scan(vendors())))
        page.grown = {"New_Field": 2, "Another": 5}
        grown = rows(await pages(driver, scan(vendors())))
        assert grown == before

        page.wsdl = page.wsdl.replace(
            b'<xsd:element minOccurs="0" maxOccurs="1" name="Name" type="xsd:string"/>',
            b'<xsd:element minOccurs="0" maxOccurs="1" name="New_Field" type="xsd:string"/>'
            b'<xsd:element minOccurs="0" maxOccurs="1" name="Name" type="xsd:string"/>',
        )
        after = rows(await pages(driver, scan(vendors())))

    assert after[0]["New_Field"] == "grown"
    assert [{**row, "New_Field": None} for row in after] == [{**row, "New_Field": None} for row in before]


async def test_the_wsdl_of_an_unchanged_page_is_fetched_once_for_all_starts(
    server: NavServer, tmp_path: Path
) -> None:
    for _ in range(2):
        async with driving(server, tmp_path) as driver:
            for _ in range(2):
                await pages(driver, scan(vendors()))

    assert [each.method for each in server.seen if each.path.endswith("/Page/Vendors")].count("GET") == 1


async def test_a_field_that_a_stream_needs_and_the_kept_wsdl_has_not_is_looked_for_in_the_page(
    server: NavServer, tmp_path: Path
) -> None:
    async with driving(server, tmp_path) as driver:
        await pages(driver, scan(vendors()))
        page = server.pages["Vendors"]
        page.wsdl = page.wsdl.replace(b"Changed_At", b"Stamped_At")
        await driver.signpost(vendors("Stamped_At"))
        with pytest.raises(SourceChanged, match="'Changed_At'") as raised:
            await driver.signpost(vendors("Changed_At"))

    assert "Stamped_At" in raised.value.hint


# --- names


async def test_names_of_companies_and_option_values_are_encoded_and_decoded(
    server: NavServer, tmp_path: Path
) -> None:
    async with driving(server, tmp_path) as driver:
        (page, *_) = await pages(driver, scan(vendors()))

    assert set(page.table["Price_Rule"].to_pylist()) == {"Profit=Price_Cost"}
    assert set(page.table["Blocked"].to_pylist()) == {""}
    assert all("/CRONUS%20AG%20%26%20S%C3%B6hne/" in each.path for each in server.seen)


async def test_the_catalogue_has_every_published_page_with_its_key_and_change_column(
    server: NavServer, tmp_path: Path
) -> None:
    async with driving(server, tmp_path) as driver:
        found = {table.name: table for table in (await driver.discover()).tables}

    assert set(found) == {"Vendors", "PurchaseOrder", "VendorLedgerEntries"}
    assert (found["Vendors"].key, found["Vendors"].replication_key) == (("No",), "Last_Date_Modified")
    assert "PurchLines.Quantity" in {each.name for each in found["PurchaseOrder"].columns}


async def test_a_catalogue_is_never_given_in_part_for_a_server_that_went_away(
    server: NavServer, tmp_path: Path
) -> None:
    from tests.sap_odata.web import Trouble

    async with driving(server, tmp_path) as driver:
        server.troubles = [Trouble("GET .*PurchaseOrder", 503, times=9)]
        with pytest.raises(SourceBusy):
            await driver.discover()


async def test_a_fault_of_the_system_is_told_in_its_own_words(server: NavServer, tmp_path: Path) -> None:
    stream = StreamSpec("v", "vendor", {"page": "Vendors", "filter": {"Balance_LCY": "a lot"}})
    async with driving(server, tmp_path) as driver:
        with pytest.raises(SourceChanged, match="can't be evaluated into type decimal"):
            await pages(driver, scan(stream))


async def test_a_server_that_is_down_for_a_moment_is_busy_and_nothing_worse(
    server: NavServer, tmp_path: Path
) -> None:
    from tests.sap_odata.web import Trouble

    async with driving(server, tmp_path) as driver:
        await pages(driver, scan(vendors()))
        server.troubles = [Trouble("POST", 500, b"")]
        with pytest.raises(SourceBusy):
            await pages(driver, scan(vendors()))


# --- accounts of Windows


@pytest.mark.parametrize("schemes", [("Negotiate",), ("NTLM",), ("Negotiate", "NTLM")])
async def test_pages_are_read_with_an_account_of_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schemes: tuple[str, ...]
) -> None:
    use_accounts(tmp_path, monkeypatch)
    inner = nav()

    def answer(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        response = inner.signed_in(method, path, body)
        return response.status, response.body

    server = WindowsServer(answer, schemes)
    options, _ = connection(inner, tmp_path, url=f"{server.url}{INSTANCE}")
    options["auth"] = {"kind": "windows", "user": USER}
    driver = soap_driver("nav", options, {"password": PASSWORD})
    try:
        found = await pages(driver, scan(orders()))
        checked = await driver.check()
    finally:
        await driver.aclose()
        server.stop()

    assert len(keys(found)) == 23
    assert all(step.ok for step in checked[:3])
    assert set(server.users) == {USER}


def test_a_password_is_in_no_representation(server: NavServer, tmp_path: Path) -> None:
    driver = soap_driver("nav", *connection(server, tmp_path))
    try:
        assert "secret-key" not in repr(driver)
    finally:
        asyncio.run(driver.aclose())


def test_an_unknown_kind_of_services_is_refused() -> None:
    with pytest.raises(BadConfiguration) as raised:
        soap_driver("nav", {"services": "nav-page", "url": "http://x"}, {})

    assert raised.value.where == "options.services"
