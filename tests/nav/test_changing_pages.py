"""Reading pages whose records, fields, rights and publication change meanwhile, and servers that do not do as NAV does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.contract import (
    BadConfiguration,
    DriverError,
    NotPermitted,
    ReadMode,
    SourceBusy,
    SourceChanged,
    StreamSpec,
)
from drivers.soap.driver import soap_driver
from tests.conformance.suite import keys, pages
from tests.nav.company import VENDORS, connection, rows, vendor
from tests.nav.driving import driving, scan
from tests.nav.server import EXCEPTIONS, Fault, NavServer, Page, Row
from tests.nav.test_conformance import WRITE, orders, vendors
from tests.nav.wsdls import PageDefinition, page_wsdl
from tests.sap_odata.web import Trouble

BINS = PageDefinition(
    "Bins",
    {"Location": "string", "Code": "string", "Entry": "int", "Quantity": "decimal"},
    ["Location", "Code"],
)
PRODUCTION = PageDefinition(
    "Production",
    {"Status": ("Planned", "Released"), "No": "string", "Last_Date_Modified": "date"},
    ["Status", "No"],
)
RATES = PageDefinition(
    "Rates", {"Currency": "string", "Starting_Date": "date", "Rate": "decimal"}, ["Currency", "Starting_Date"]
)


def page_of(server: NavServer, definition: PageDefinition, held: list[Row]) -> Page:
    primary = tuple(definition.primary)
    complete = [{"_v": 1, "_lines": {}, **row} for row in held]
    wsdl = page_wsdl(definition).encode()
    return server.add(Page(definition.name, wsdl, primary, rows(*complete, by=primary)))


def without(definition: PageDefinition, field: str) -> PageDefinition:
    fields = {name: kind for name, kind in definition.fields.items() if name != field}
    return PageDefinition(definition.name, fields, definition.primary, definition.parts)


# --- records by key


async def test_keys_are_looked_up_to_the_last_by_a_server_that_gives_few_at_a_time(
    server: NavServer, tmp_path: Path
) -> None:
    wanted = [f"V{number}" for number in range(20)]
    server.most_rows = 3
    async with driving(server, tmp_path) as driver:
        found = keys(await pages(driver, scan(vendors(), mode=ReadMode.BY_KEYS, keys=wanted)))

    assert sorted(found) == sorted(wanted)


async def test_records_of_a_page_that_is_no_longer_published_are_not_taken_for_gone(
    server: NavServer, tmp_path: Path
) -> None:
    async with driving(server, tmp_path) as driver:
        await pages(driver, scan(vendors()))
        del server.pages["Vendors"]
        with pytest.raises(SourceChanged, match="was not found"):
            await pages(driver, scan(vendors(), mode=ReadMode.BY_KEYS, keys=["V1"]))


async def test_records_are_not_taken_for_gone_where_the_streams_own_filter_is_refused(
    server: NavServer, tmp_path: Path
) -> None:
    stream = StreamSpec("v", "vendor", {"page": "Vendors", "filter": {"Balance_LCY": "a lot"}})
    async with driving(server, tmp_path) as driver:
        with pytest.raises(SourceChanged, match="can't be evaluated"):
            await pages(driver, scan(stream, mode=ReadMode.BY_KEYS, keys=["V1", "V2"]))


async def test_a_key_that_is_too_long_for_its_field_finds_nothing_and_costs_no_other(
    server: NavServer, tmp_path: Path
) -> None:
    async with driving(server, tmp_path) as driver:
        found = await pages(driver, scan(vendors(), mode=ReadMode.BY_KEYS, keys=["V1", "V" * 300, "V2"]))

    assert keys(found) == ["V1", "V2"]


async def test_a_date_in_a_key_is_found_whatever_the_servers_culture(
    server: NavServer, tmp_path: Path
) -> None:
    held = [
        {"Currency": currency, "Starting_Date": f"2026-0{month}-01", "Rate": "1.5"}
        for currency in ("EUR", "USD")
        for month in range(1, 8)
    ]
    page_of(server, RATES, held)
    stream = StreamSpec("rates", "vendor", {"page": "Rates"})
    server.most_rows = 2
    async with driving(server, tmp_path) as driver:
        whole = keys(await pages(driver, scan(stream)))
        named = keys(await pages(driver, scan(stream, mode=ReadMode.BY_KEYS, keys=whole[3:9])))

    assert len(whole) == 14
    assert named == whole[3:9]


# --- going on


@pytest.mark.parametrize("size", [1, 2, 3, 5])
async def test_behind_a_record_that_is_gone_a_key_of_several_fields_goes_on_right_behind_it(
    server: NavServer, tmp_path: Path, size: int
) -> None:
    held = [
        {"Location": location, "Code": code, "Entry": 1, "Quantity": "1"}
        for location in ("", "EAST", "WEST")
        for code in ("A", "B", "C", "D")
    ]
    page = page_of(server, BINS, held)
    server.bookmarks_live = False
    found: list[str] = []
    async with driving(server, tmp_path) as driver:
        async for each in driver.read(scan(StreamSpec("bins", "vendor", {"page": "Bins"}), page_rows=size)):
            found += each.table["__key"].to_pylist()
            if each.table.num_rows:
                location, code = found[-1].split("~")
                page.rows.pop((location, code), None)

    assert found == [f"{row['Location']}~{row['Code']}" for row in held]


async def test_a_page_that_is_sorted_by_an_option_is_read_on_without_leaving_out_or_repeating_a_record(
    server: NavServer, tmp_path: Path
) -> None:
    # The stream's key is the number alone, and Released lies behind Planned with lower numbers.
    held = [{"Status": "Planned", "No": f"P{number}"} for number in range(5, 10)]
    held += [{"Status": "Released", "No": f"P{number}"} for number in range(5)]
    page = page_of(server, PRODUCTION, held)
    server.bookmarks_live = False
    stream = StreamSpec("work", "work_order", {"page": "Production", "key": ["No"]})

    def finish() -> None:
        if len(server.calls("ReadMultiple")) == 2:  # it has just given P8
            page.rows["Released", "P8"] = {**page.rows.pop(("Planned", "P8")), "Status": "Released"}

    server.meanwhile = finish
    async with driving(server, tmp_path) as driver:
        found = keys(await pages(driver, scan(stream, page_rows=2)))

    assert sorted(found) == [f"P{number}" for number in range(10)]


async def test_a_read_whose_place_is_gone_every_time_ends_and_is_tried_again(
    server: NavServer, tmp_path: Path
) -> None:
    held = [{"Status": "Planned", "No": f"P{number}"} for number in range(9)]
    page_of(server, PRODUCTION, held)
    stream = StreamSpec("work", "work_order", {"page": "Production", "key": ["No"]})

    def refuse(*_: object, **__: object) -> list[Row]:
        raise Fault(f"{EXCEPTIONS}.NavCSideInvalidBookmarkException", "Das Lesezeichen ist ungültig.")

    server._behind = refuse  # type: ignore[method-assign]
    async with driving(server, tmp_path) as driver:
        with pytest.raises(SourceBusy, match="gone time and again"):
            await pages(driver, scan(stream, page_rows=2))


async def test_a_server_that_takes_no_notice_of_the_place_is_not_read_for_ever(
    server: NavServer, tmp_path: Path
) -> None:
    server._behind = lambda _page, rows, _bookmark, **_: rows  # type: ignore[method-assign]
    async with driving(server, tmp_path) as driver:
        with pytest.raises(SourceChanged, match="does not go on"):
            await pages(driver, scan(vendors(), page_rows=10))


async def test_a_right_that_is_taken_away_amid_a_read_is_told_and_not_taken_for_a_gone_record(
    server: NavServer, tmp_path: Path
) -> None:
    def refuse() -> None:
        if len(server.calls("ReadMultiple")) > 1:
            raise Fault(f"{EXCEPTIONS}.NavPermissionException", "Sie haben keine Berechtigung.")

    server.meanwhile = refuse
    async with driving(server, tmp_path) as driver:
        with pytest.raises(NotPermitted):
            await pages(driver, scan(vendors(), page_rows=10))

    assert len(server.calls("ReadMultiple")) == 2


# --- answers that are none


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<ReadMultiple_Result/>",
        b'<Other_Result xmlns="urn:microsoft-dynamics-schemas/page/vendors"/>',
        (
            b'<ReadMultiple_Result xmlns="urn:microsoft-dynamics-schemas/page/vendors"><R><Vendors xmlns=""/></R>'
            b"</ReadMultiple_Result>"
        ),
    ],
)
async def test_an_answer_that_is_not_the_pages_is_not_taken_for_the_end_of_its_records(
    server: NavServer, tmp_path: Path, body: bytes
) -> None:
    async with driving(server, tmp_path) as driver:
        await pages(driver, scan(vendors()))
        told = b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%s</s:Body></s:Envelope>'
        server.troubles = [Trouble("POST", 200, told % body)]
        with pytest.raises(SourceChanged):
            await pages(driver, scan(vendors()))


# --- fields that go


@pytest.mark.parametrize("field", ["Last_Date_Modified", "Balance_LCY", "Blocked", "City"])
async def test_a_field_that_was_taken_off_the_page_ends_the_read_before_it_is_taken_for_emptied(
    server: NavServer, tmp_path: Path, field: str
) -> None:
    held = rows(*(vendor(number, City="Ulm") for number in range(150)))
    server.add(Page("Vendors", page_wsdl(VENDORS).encode(), ("No",), held))
    stream = StreamSpec("v", "vendor", {"page": "Vendors"})
    async with driving(server, tmp_path) as driver:
        assert len(keys(await pages(driver, scan(stream)))) == 150
        server.add(Page("Vendors", page_wsdl(without(VENDORS, field)).encode(), ("No",), held))
        with pytest.raises(SourceChanged, match=field) as raised:
            await pages(driver, scan(stream))
        after = await pages(driver, scan(stream))

    assert raised.value.hint
    assert field not in after[0].table.column_names


async def test_a_field_that_was_taken_off_the_lines_ends_the_read(server: NavServer, tmp_path: Path) -> None:
    async with driving(server, tmp_path) as driver:
        await pages(driver, scan(orders()))
        page = server.pages["PurchaseOrder"]
        name, members = page.parts["PurchLines"]
        page.parts["PurchLines"] = name, [each for each in members if each[0] != "Quantity"]
        page.wsdl = page.wsdl.replace(b'name="Quantity"', b'name="Amount_Of"')
        with pytest.raises(SourceChanged, match=r"PurchLines\.Quantity"):
            await pages(driver, scan(orders()))


async def test_fields_that_many_records_do_not_have_cost_one_look_at_the_page_a_read(
    server: NavServer, tmp_path: Path
) -> None:
    held = [
        vendor(number, No=f"V{number:03d}", City="Ulm" if number < 150 else None) for number in range(300)
    ]
    for row in held[:150]:
        row["Name"] = row["Balance_LCY"] = None
    server.add(Page("Vendors", page_wsdl(VENDORS).encode(), ("No",), rows(*held)))
    async with driving(server, tmp_path) as driver:
        for _ in range(3):
            assert len(keys(await pages(driver, scan(vendors(), page_rows=150)))) == 300

    assert [each.method for each in server.seen if each.path.endswith("/Page/Vendors")].count("GET") == 2


# --- configuration that cannot work


@pytest.mark.parametrize("key", [["Blocked"], ["Last_Date_Modified"], ["Balance_LCY"]])
async def test_a_key_by_which_no_record_can_be_looked_up_is_refused(
    server: NavServer, tmp_path: Path, key: list[str]
) -> None:
    async with driving(server, tmp_path) as driver:
        with pytest.raises(DriverError, match="cannot be looked up") as raised:
            await pages(driver, scan(StreamSpec("v", "vendor", {"page": "Vendors", "key": key})))

    assert raised.value.where == "streams.v.read.key"


@pytest.mark.parametrize("form", ["%d/%m", "%d/%m/%Y %H:%M", "%d/%m/%Q", "28/02/2026", "%m/%Y"])
def test_a_form_of_dates_that_does_not_say_the_whole_day_and_nothing_else_is_refused(
    server: NavServer, tmp_path: Path, form: str
) -> None:
    options, secrets = connection(server, tmp_path, date_format=form)
    with pytest.raises(BadConfiguration) as raised:
        soap_driver("nav", options, secrets)

    assert raised.value.where == "options.date_format"


async def test_a_filter_that_xml_cannot_hold_is_refused_by_its_place(
    server: NavServer, tmp_path: Path
) -> None:
    stream = StreamSpec("v", "vendor", {"page": "Vendors", "filter": {"Name": "a\x01"}})
    async with driving(server, tmp_path) as driver:
        with pytest.raises(BadConfiguration) as raised:
            await pages(driver, scan(stream))

    assert raised.value.where == "streams.v.read.filter.Name"


@pytest.mark.parametrize("year", [1980, 9999])
async def test_a_servers_clock_that_cannot_be_is_told(server: NavServer, tmp_path: Path, year: int) -> None:
    server.clock = lambda: datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    async with driving(server, tmp_path) as driver:
        with pytest.raises(SourceChanged, match=f"in the year {year}"):
            await driver.signpost(vendors())


async def test_options_of_lines_that_the_page_names_otherwise_are_told_and_leave_no_line_out(
    server: NavServer, tmp_path: Path
) -> None:
    page = server.pages["PurchaseOrder"]
    page.wsdl = page.wsdl.replace(b'value="Item"', b'value="Artikel"')
    items = {"part": "PurchLines", "where": {"Type": ["Item"]}}
    stream = StreamSpec("o", "purchase_order", {"page": "PurchaseOrder", "lines": {"items": items}})
    async with driving(server, tmp_path) as driver:
        with pytest.raises(BadConfiguration, match="no value 'Item'") as raised:
            await pages(driver, scan(stream))
        with pytest.raises(BadConfiguration, match="takes no 'Item'") as refused:
            await driver.operations([orders(write=WRITE)])

    assert raised.value.where == "streams.o.read.lines.items.where.Type"
    assert "Artikel" in raised.value.hint
    assert "Artikel" in refused.value.hint
