from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.model.render import to_documents
from drivers.contract import (
    KEY_COLUMN,
    BadConfiguration,
    DriverError,
    Mark,
    MarkKind,
    Page,
    ReadMode,
    ReadRequest,
    SourceBusy,
    SourceChanged,
    StreamSpec,
)
from drivers.dmf.driver import DmfDriver
from tests.conformance.suite import keys, pages, rows
from tests.dmf.connections import Time, driver
from tests.dmf.server import DataManagement
from tests.dmf.test_writes import command
from tests.sap_odata.connections import streams
from tests.sap_odata.web import Trouble

FO = streams("dynamics-fo-onpremises")
ORDERS = FO["purchase_orders"].spec
FORMS = ("XML-Element", "XML-Attribute", "CSV-Unicode", "CSV")


def request(spec: StreamSpec = ORDERS, mode: ReadMode = ReadMode.SCAN, **more: Any) -> ReadRequest:
    return ReadRequest(spec, mode, **more)


async def first_page(made: DmfDriver, wanted: ReadRequest) -> Page:
    reading = made.read(wanted)
    page = await anext(reading)
    await reading.aclose()  # type: ignore[attr-defined]
    return page


def begun(fo: DataManagement) -> list[str]:
    return [each.path for each in fo.seen if each.path.endswith("ExportToPackage")]


def left_in(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]


async def error_of(made: DmfDriver, wanted: ReadRequest) -> DriverError:
    with pytest.raises(DriverError) as caught:
        await pages(made, wanted)
    assert caught.value.hint or caught.value.where
    return caught.value


@pytest.mark.parametrize("name", sorted(FO))
async def test_every_record_of_every_company_is_read_once_and_maps(
    fo: DataManagement, tmp_path: Path, name: str
) -> None:
    made, stream = driver(fo, tmp_path), FO[name]
    documents = []
    for page in await pages(made, request(stream.spec, page_rows=4)):
        mapped = stream.mapping.apply(page.table)
        assert not mapped.rejects
        documents += to_documents(mapped.records, range(mapped.records.num_rows))
    await made.aclose()

    label = stream.spec.options["entity"]
    held = fo.books.tables[{v: k for k, v in _LABELS.items()}[label]]
    assert sorted(each["key"] for each in documents) == sorted("~".join(map(str, key)) for key in held)
    if name == "purchase_orders":
        order = next(each for each in documents if each["key"] == "usmf~00000003")
        assert order["lineItems"][0]["quantity"] == "2"
        assert order["totalNetValue"] == "219.8"
        assert order["orderDate"].startswith("2026-01-08")


_LABELS = {
    "PurchaseOrderHeadersV2": "Purchase order headers V2",
    "VendorsV2": "Vendors V2",
    "ReleasedProductsV2": "Released products V2",
    "ProductionOrderHeaders": "Production orders",
    "FixedAssetsV2": "Fixed assets V2",
}


async def test_the_form_of_the_files_makes_no_difference(small: DataManagement, tmp_path: Path) -> None:
    small.books.tables["PurchaseOrderHeadersV2"]["usmf", "00000001"]["PurchaseOrderName"] = (
        "ä, \"b\";'c' <d>&"
    )
    made = driver(small, tmp_path)
    read = []
    for form in FORMS:
        small.form = form
        read.append(rows(await pages(made, request())))
    await made.aclose()

    assert all(each == read[0] for each in read[1:])
    assert "ä, \"b\";'c' <d>&" in {row["PURCHASEORDERNAME"] for row in read[0]}


async def test_lines_lie_in_the_order_of_their_numbers(fo: DataManagement, tmp_path: Path) -> None:
    for number in (9, 10, 11, 2):
        line = dict(fo.books.tables["PurchaseOrderLinesV2"]["usmf", "00000001", 1])
        line["LineNumber"] = number
        fo.books.tables["PurchaseOrderLinesV2"]["usmf", "00000001", number] = line
    made = driver(fo, tmp_path)
    found = rows(await pages(made, request(mode=ReadMode.BY_KEYS, keys=["usmf~00000001"])))
    await made.aclose()

    assert [line["LINENUMBER"] for line in found[0]["lines"]] == [1, 2, 9, 10, 11]


# --- exports that take long, are left, fail


async def test_an_export_that_takes_longer_than_a_call_is_taken_up_by_the_next(
    fo: DataManagement, tmp_path: Path
) -> None:
    fo.looks = 20
    time = Time()
    wanted = replace(
        request(), stream=replace(ORDERS, options={**ORDERS.options, "legal_entities": ["usmf"]})
    )
    made = driver(fo, tmp_path, time, call_seconds=60)
    error = await error_of(made, wanted)
    await made.aclose()
    assert isinstance(error, SourceBusy)

    for _ in range(3):  # as by the next processes
        made = driver(fo, tmp_path, time, call_seconds=60)
        try:
            assert len(keys(await pages(made, wanted))) == 23
            break
        except SourceBusy:
            continue
        finally:
            await made.aclose()
    assert len(begun(fo)) == 1


async def test_a_lost_reply_begins_no_second_export(fo: DataManagement, tmp_path: Path) -> None:
    fo.troubles.append(Trouble("ExportToPackage", drop="after"))
    time = Time()
    made = driver(fo, tmp_path, time, legal_entities=["usmf"])
    await error_of(made, request())
    assert len(keys(await pages(made, request()))) == 23
    await made.aclose()

    assert len(begun(fo)) == 1


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_an_export_that_was_refused_is_not_waited_for(
    fo: DataManagement, tmp_path: Path, status: int
) -> None:
    fo.troubles.append(Trouble("ExportToPackage", status=status, body=b"{}", times=2 if status == 401 else 1))
    time = Time()
    made = driver(fo, tmp_path, time, legal_entities=["usmf"])
    await error_of(made, request())
    assert not time.pauses
    assert len(keys(await pages(made, request()))) == 23
    await made.aclose()


async def test_an_export_that_nobody_knows_is_begun_anew(fo: DataManagement, tmp_path: Path) -> None:
    fo.troubles.append(Trouble("ExportToPackage", drop="before"))
    made = driver(fo, tmp_path, legal_entities=["usmf"])
    await error_of(made, request())
    error = await error_of(made, request())
    assert "does not know" in error.message
    assert len(keys(await pages(made, request()))) == 23
    await made.aclose()


async def test_a_read_that_was_left_goes_on_in_the_same_export(fo: DataManagement, tmp_path: Path) -> None:
    time = Time()
    made = driver(fo, tmp_path, time)
    page = await first_page(made, request(page_rows=5))
    await made.aclose()
    exports = len(begun(fo))

    made = driver(fo, tmp_path, time)  # the next process
    rest = keys(await pages(made, request(after=page.cursor, page_rows=5)))
    await made.aclose()

    assert len(begun(fo)) == exports
    assert page.table[KEY_COLUMN].to_pylist() + rest == sorted(page.table[KEY_COLUMN].to_pylist() + rest)
    assert len(rest) == 27 - 5
    assert not left_in(tmp_path)


@pytest.mark.parametrize("how", ["a newer export", "its age", "an import"])
async def test_an_export_that_may_be_out_of_date_is_not_taken_up(
    fo: DataManagement, tmp_path: Path, how: str
) -> None:
    time = Time()
    made = driver(fo, tmp_path, time)
    page = await first_page(made, request(page_rows=5))
    exports = len(begun(fo))
    if how == "a newer export":
        await pages(made, request(mode=ReadMode.BY_KEYS, keys=["usmf~00000001"]))
    elif how == "an import":
        await made.execute(command("update", {"key": "usmf~00000001", "title": "Other"}))
    else:
        time.seconds += 7 * 3_600
    between = len(begun(fo))

    rest = keys(await pages(made, request(after=page.cursor, page_rows=5)))
    await made.aclose()

    assert len(begun(fo)) == between + 2 >= exports + 2
    assert len(set(rest) | set(page.table[KEY_COLUMN].to_pylist())) == 27


async def test_nobody_else_may_read_what_is_kept_and_nothing_is_left(
    fo: DataManagement, tmp_path: Path
) -> None:
    made = driver(fo, tmp_path / "exports")
    await first_page(made, request(page_rows=5))
    kept = left_in(tmp_path)
    assert {each.suffix for each in kept} == {".db", ".json"}
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in kept)
    assert all(stat.S_IMODE(each.parent.stat().st_mode) == 0o700 for each in kept)

    await pages(made, request())
    await made.aclose()

    assert not left_in(tmp_path)


async def test_what_a_stream_that_is_no_more_left_behind_is_removed(
    fo: DataManagement, tmp_path: Path
) -> None:
    time = Time()
    made = driver(fo, tmp_path, time)
    await first_page(made, request(page_rows=5))
    await made.aclose()
    time.seconds += 24 * 3_600

    made = driver(fo, tmp_path, time)
    await pages(made, request(FO["vendors"].spec))
    await made.aclose()

    assert not left_in(tmp_path)


@pytest.mark.parametrize(
    ("status", "said"),
    [("PartiallySucceeded", "in part"), ("Failed", "failed"), ("Canceled", "cancelled")],
)
async def test_an_export_that_did_not_succeed_is_an_error_and_never_less_records(
    fo: DataManagement, tmp_path: Path, status: str, said: str
) -> None:
    fo.ends_as = {"export": status}
    fo.errors_text = '[{"RecordId":"1","Field":"","ErrorMessage":"Disk "D" is\nfull"}]'
    made = driver(fo, tmp_path)
    error = await error_of(made, request())
    assert said in error.message
    assert '1: Disk "D" is full' in error.message
    assert isinstance(error, SourceBusy)

    fo.ends_as = {}
    assert len(keys(await pages(made, request()))) == 27
    await made.aclose()


@pytest.mark.parametrize("refresh", ["IncrementalPush", ""])
async def test_a_project_that_exports_changes_is_refused(
    fo: DataManagement, tmp_path: Path, refresh: str
) -> None:
    fo.refresh = refresh
    made = driver(fo, tmp_path)
    error = await error_of(made, request())
    await made.aclose()

    assert isinstance(error, BadConfiguration)
    assert "records would be missing" in error.message


async def test_no_changes_are_promised(fo: DataManagement, tmp_path: Path) -> None:
    made = driver(fo, tmp_path)
    assert not made.describe().capabilities.incremental
    assert await made.signpost(ORDERS) is None
    with pytest.raises(BadConfiguration):
        await made.plan(request(mode=ReadMode.CHANGES, end=Mark(MarkKind.DATE, "2026-01-01")))
    await made.aclose()
    assert not fo.seen


# --- packages that are not as they should be


def repacked(change: Callable[[str, bytes], Sequence[tuple[str, bytes]]]) -> Callable[[bytes], bytes]:
    def edit(package: bytes) -> bytes:
        old, buffer = zipfile.ZipFile(io.BytesIO(package)), io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                for to, content in change(name, old.read(name)):
                    new.writestr(to, content)
        return buffer.getvalue()

    return edit


def without(part: str) -> Callable[[bytes], bytes]:
    return repacked(lambda name, content: [] if part in name else [(name, content)])


def replaced(old: bytes, new: bytes, part: str = "headers V2.xml") -> Callable[[bytes], bytes]:
    return repacked(lambda name, content: [(name, content.replace(old, new, 1) if part in name else content)])


BOMB = b"<Document>" + b" " * 3_000_000 + b"</Document>"
DTD = b'<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Document>'


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda _: b"no zip at all", "no zip archive"),
        (lambda package: package[: len(package) // 2], "no zip archive"),
        (without("Manifest"), "no manifest"),
        (without("lines V2"), "no file of the entity 'Purchase order lines V2'"),
        (replaced(b"<EntityName>", b"<EntityName>Other ", "Manifest"), "no entity 'Purchase order headers V2'"),
        (replaced(b"<Data", b"<!DOCTYPE x><Data", "Manifest"), "document type"),
        (replaced(b"<Document>", DTD), "document type"),
        (replaced(b"</Document>", b"</Documen>"), "no XML"),
        (replaced(b"00000001", b"00000002"), "more than one record with the key"),
        (replaced(b"<PURCHASEORDERNUMBER>00000001<", b"<PURCHASEORDERNUMBER><"), "has no value in"),
        (replaced(b"<LINENUMBER>2<", b"<LINENUMBER>1<", "lines V2.xml"), "same place"),
        (replaced(b"<PURCHASEORDERNAME>Order", b"<PURCHASEORDERNAME><B>x</B>Order"), "lies inside of another"),
    ],
)  # fmt: skip
async def test_a_package_that_is_not_as_it_should_be_is_an_error_that_names_it(
    fo: DataManagement, tmp_path: Path, edit: Callable[[bytes], bytes], said: str
) -> None:
    fo.edit = edit
    made = driver(fo, tmp_path, legal_entities=["usmf"])
    error = await error_of(made, request())
    await made.aclose()

    assert isinstance(error, SourceChanged)
    assert said in error.message
    assert not [each for each in left_in(tmp_path) if each.suffix in {".zip", ".part"}]


async def test_names_in_a_package_lead_nowhere(fo: DataManagement, tmp_path: Path) -> None:
    fo.edit = repacked(lambda name, content: [(f"../../../../..{tmp_path}/out/{name}", content)])
    made = driver(fo, tmp_path / "in")
    assert len(keys(await pages(made, request()))) == 27
    await made.aclose()

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "limit"),
    [
        ("max_package_bytes", 2_000),
        ("max_unpacked_bytes", 60_000),
        ("max_rows", 30),
        ("max_file_bytes", 1_048_576),
    ],
)
async def test_every_limit_is_kept_and_named(
    fo: DataManagement, tmp_path: Path, option: str, limit: int
) -> None:
    if option == "max_unpacked_bytes":
        # Far smaller packed: what counts is what comes out.
        fo.edit = replaced(b"<Document>", b"<Document>" + b" " * 200_000)
    if option == "max_file_bytes":
        fo.edit = replaced(b"Order 1<", b"x" * 3_000_000 + b"<")
    made = driver(fo, tmp_path, **{option: limit})
    error = await error_of(made, request())
    await made.aclose()

    assert option in f"{error.where} {error.hint}"
    assert not [each for each in left_in(tmp_path) if each.suffix in {".zip", ".part", ".db"}]


async def test_packages_come_from_named_hosts_and_see_no_token(fo: DataManagement, tmp_path: Path) -> None:
    made = driver(fo, tmp_path, package_hosts=[])
    error = await error_of(made, request())
    await made.aclose()
    assert error.where == "options.package_hosts"
    assert fo.storage.signature not in f"{error.message} {error.hint}"
    assert not fo.storage.seen

    made = driver(fo, tmp_path)
    await pages(made, request())
    await made.aclose()
    assert fo.storage.seen
    assert not any("authorization" in each.headers for each in fo.storage.seen)


async def test_an_address_that_is_none_of_the_web_is_told(fo: DataManagement, tmp_path: Path) -> None:
    fo.storage.address = lambda name: rf"\\fileserver\dmf\{name}"  # type: ignore[method-assign]
    made = driver(fo, tmp_path)
    error = await error_of(made, request())
    await made.aclose()

    assert "no web address" in error.message


async def test_a_file_that_lost_its_right_is_asked_for_anew_later(fo: DataManagement, tmp_path: Path) -> None:
    made = driver(fo, tmp_path)
    old, fo.storage.signature = fo.storage.signature, "other"
    fo.storage.address = lambda name: f"{fo.storage.url}/dmf/{name}?sig={old}"  # type: ignore[method-assign]
    error = await error_of(made, request())
    assert isinstance(error, SourceBusy)
    assert "403" in error.message
    fo.storage.signature = old
    exports = len(begun(fo))
    assert len(keys(await pages(made, request()))) == 27
    await made.aclose()
    assert len(begun(fo)) == exports


async def test_an_entity_without_company_is_exported_once(fo: DataManagement, tmp_path: Path) -> None:
    options = {**FO["vendors"].spec.options, "shared": True, "key": ["VENDORACCOUNTNUMBER"]}
    made = driver(fo, tmp_path)
    found = rows(await pages(made, request(replace(FO["vendors"].spec, options=options, columns=None))))
    await made.aclose()

    assert len(begun(fo)) == 1
    assert [row[KEY_COLUMN] for row in found] == ["1001", "1002", "1003", "1004", "1005"]
    assert "DATAAREAID" not in found[0]


async def test_an_empty_entity_is_empty_and_has_its_fields(fo: DataManagement, tmp_path: Path) -> None:
    made = driver(fo, tmp_path)
    for form in FORMS:
        fo.form = form
        fo.books.tables["VendorsV2"].clear()
        (page,) = await pages(made, request(FO["vendors"].spec))
        assert page.table.num_rows == 0
        assert "DATAAREAID" in page.table.column_names
        assert "VENDORORGANIZATIONNAME" in page.table.column_names
    await made.aclose()
