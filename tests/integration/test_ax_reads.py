"""Reading document services of AX 2012: what the conformance suite does not say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from drivers.contract import (
    BadConfiguration,
    DriverError,
    Mark,
    MarkKind,
    ReadMode,
    ReadRequest,
    SourceBusy,
    SourceChanged,
    StreamSpec,
)
from drivers.soap.documents.driver import DocumentsDriver
from tests.ax import site
from tests.ax.contract import Contract, Entity, Field, entity
from tests.ax.server import Trouble
from tests.ax.system import AifFault
from tests.integration.ax_sources import driver, opened, orders, vendors

ITEMS = {"port": "ItemPort", "service": "ItemService", "key": ["ItemId"]}


async def rows(subject: DocumentsDriver, request: ReadRequest) -> list[dict[str, Any]]:
    return [row async for page in subject.read(request) for row in page.table.to_pylist()]


async def keys(subject: DocumentsDriver, request: ReadRequest) -> list[str]:
    return [row["__key"] for row in await rows(subject, request)]


def mark(moment: Any) -> Mark:
    return Mark(MarkKind.TIMESTAMP, moment.isoformat())


class TestRecords:
    async def test_an_order_with_its_lines_arrives_as_ax_holds_it(self, tmp_path: Path) -> None:
        with opened() as (_, server):
            subject = driver(server, tmp_path)
            (row,) = await rows(subject, ReadRequest(orders(), ReadMode.BY_KEYS, keys=["ST00003"]))
            await subject.aclose()

        assert row["Order_Total_Net"] == "12345678901234.56"
        assert row["DeliveryDate"] == date(2026, 4, 1)
        assert row["InvoiceDate"] is None  # 1900-01-01
        assert row["RecId"].isdigit()
        assert row["RecVersion"] == "1"
        assert [(each["LineNum"], each["PurchQty"]) for each in row["lines"]] == [
            ("1", "1.5"),
            ("2", "2.5"),
            ("3", "3.5"),
        ]
        assert "_DocumentHash" not in row

    async def test_only_the_company_that_is_named_is_read(self, tmp_path: Path) -> None:
        with opened() as (_, server):
            ours, theirs = driver(server, tmp_path), driver(server, tmp_path, company="dat")
            found = await keys(theirs, ReadRequest(vendors(), ReadMode.SCAN))
            own = await keys(ours, ReadRequest(vendors(), ReadMode.SCAN))
            await ours.aclose()
            await theirs.aclose()

        assert found == ["V-OTHER"]
        assert len(own) == 12

    @pytest.mark.parametrize("joined", ["or", "and"])
    async def test_all_criteria_of_a_stream_hold_however_ax_joins_them(
        self, tmp_path: Path, joined: str
    ) -> None:
        stream = vendors(where={"CreditMax": {"ge": "2000", "lt": "4000"}, "VendGroup": "10"})
        changes = ReadRequest(
            stream, ReadMode.CHANGES, start=mark(site.NOW - timedelta(days=3)), end=mark(site.NOW)
        )
        with opened() as (system, server):
            system.habits.joined = joined
            subject = driver(server, tmp_path)
            found = await keys(subject, ReadRequest(stream, ReadMode.SCAN))
            changed = await keys(subject, changes)
            await subject.aclose()

        assert found == ["V-0002", "V-0003"]
        assert changed == ["V-0002"]

    async def test_an_entity_that_comes_once_becomes_columns_and_one_that_comes_twice_is_said(
        self, tmp_path: Path
    ) -> None:
        stream = StreamSpec("items", "inventory_item", ITEMS | {"expand": ["Invent"]})
        with opened() as (system, server):
            subject = driver(server, tmp_path)
            (row, *_) = await rows(subject, ReadRequest(stream, ReadMode.SCAN))
            held = system.rows("ItemService")[("I-0",)].record["Invent"]
            held.append(dict(held[0]))
            with pytest.raises(SourceChanged, match="more than one Invent"):
                await rows(subject, ReadRequest(stream, ReadMode.SCAN))
            await subject.aclose()

        assert (row["Invent/UnitId"], row["Invent/Price"]) == ("pcs", "12.34")

    async def test_a_record_that_goes_between_list_and_read_is_left_out(self, tmp_path: Path) -> None:
        with opened() as (system, server):
            subject = driver(server, tmp_path, page_size=4)
            reading = subject.read(ReadRequest(orders(), ReadMode.SCAN, page_rows=4))
            first = await anext(reading)
            for key in ("ST00005", "ST00006", "ST00015"):
                del system.rows("TEC_STG_PurchOrderService")[(key,)]
            rest = [row["__key"] async for page in reading for row in page.table.to_pylist()]
            await subject.aclose()

        assert first.table.num_rows == 4
        assert rest == [f"ST{n:05d}" for n in range(4, 16) if n not in {5, 6, 15}]

    async def test_a_record_that_is_there_and_cannot_be_read_stops_the_read_by_its_key(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with opened() as (system, server):
            plain = system.read

            def read(contract: Contract, context: Any, wanted: Any) -> Any:
                if ("V-0003",) in wanted:
                    raise AifFault("The party of vendor V-0003 is missing.", code="Broken")
                return plain(contract, context, wanted)

            monkeypatch.setattr(system, "read", read)
            subject = driver(server, tmp_path)
            with pytest.raises(DriverError, match=r"V-0003.*party of vendor") as raised:
                await rows(subject, ReadRequest(vendors(), ReadMode.SCAN))
            await subject.aclose()

        assert raised.value.code == "record"

    async def test_keys_that_the_documents_print_in_another_form_are_said_and_not_left_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with opened() as (system, server):
            plain = system.read

            def read(*given: Any) -> Any:
                return [
                    replace(each, record=each.record | {"AccountNum": f"{each.record['AccountNum']}.00"})
                    for each in plain(*given)
                ]

            monkeypatch.setattr(system, "read", read)
            subject = driver(server, tmp_path)
            with pytest.raises(
                SourceChanged, match=r"keys that its records do not have: one says V-0000\.00"
            ):
                await keys(subject, ReadRequest(vendors(), ReadMode.SCAN))
            await subject.aclose()

    async def test_fields_that_the_service_gains_are_found_each_time_without_a_new_connection(
        self, tmp_path: Path
    ) -> None:
        own = site.VENDORS.entity
        with opened() as (system, server):
            subject = driver(server, tmp_path)
            before = await rows(subject, ReadRequest(vendors(), ReadMode.SCAN))
            for name in ("Rating", "Score"):
                fields = sorted([*own.fields, Field(name, "text", 10)], key=lambda each: each.name.lower())
                own = Entity("VendTable", tuple(fields))
                wider = Contract("VendorService", "Vendor", own, ("AccountNum",))
                for document in system.rows("VendorService").values():
                    document.record[name] = "A"
                server.publish("VendorPort", (wider,))
                system.contracts["VendorService"] = wider
                unmoved = await rows(subject, ReadRequest(vendors(), ReadMode.SCAN))
                found = await rows(subject, ReadRequest(vendors(), ReadMode.SCAN))
                assert name not in unmoved[0]
                assert found[0][name] == "A"
                assert unmoved[0]["VendGroup"] == found[0]["VendGroup"] == before[0]["VendGroup"]
            await subject.aclose()

    async def test_a_field_that_lines_gained_is_found(self, tmp_path: Path) -> None:
        (line,) = site.ORDERS.entity.below
        fields = sorted([*line.fields, Field("Rating", "text", 10)], key=lambda each: each.name.lower())
        header = replace(site.ORDERS.entity, below=(Entity(line.name, tuple(fields)),))
        wider = replace(site.ORDERS, entity=header)
        with opened() as (system, server):
            subject = driver(server, tmp_path)
            await rows(subject, ReadRequest(orders(), ReadMode.SCAN))
            for document in system.rows("TEC_STG_PurchOrderService").values():
                for each in document.record["TEC_STG_PurchLine"]:
                    each["Rating"] = "A"
            server.publish("OrderPort", (wider,))
            system.contracts["TEC_STG_PurchOrderService"] = wider
            await rows(subject, ReadRequest(orders(), ReadMode.SCAN))
            found = await rows(subject, ReadRequest(orders(), ReadMode.SCAN))
            await subject.aclose()

        assert found[3]["lines"][0]["Rating"] == "A"

    async def test_records_whose_key_is_a_number_are_listed(self, tmp_path: Path) -> None:
        numbered = Contract("TieService", "Tie", entity("TieTable", "LineNo int; Text text 20"), ("LineNo",))
        stream = StreamSpec("ties", "vendor", {"port": "TiePort", "service": "TieService", "key": ["LineNo"]})
        system = site.system(TieService=numbered)
        for number in (0, 1, 20):
            system.put("TieService", LineNo=str(number))
        with opened(system) as (_, server):
            server.publish("TiePort", (numbered,))
            subject = driver(server, tmp_path)
            found = await keys(subject, ReadRequest(stream, ReadMode.SCAN))
            await subject.aclose()

        assert found == ["0", "1", "20"]


class TestNamed:
    """A key is asked for by itself: the stream's own limits hold all the same, though AX's `read` knows nothing of them."""

    @pytest.mark.parametrize("more", [0, 30], ids=["few", "many"])
    async def test_a_record_that_left_the_streams_criteria_is_not_found_by_its_key(
        self, tmp_path: Path, more: int
    ) -> None:
        stream = vendors(where={"VendGroup": "10"})
        wanted = ["V-0001", "V-0002", "V-0003", *(f"X-{number}" for number in range(more))]
        with opened() as (system, server):
            system.touch("VendorService", ("V-0002",), VendGroup="20")
            subject = driver(server, tmp_path)
            found = await keys(subject, ReadRequest(stream, ReadMode.BY_KEYS, keys=wanted))
            await subject.aclose()

        assert found == ["V-0001", "V-0003"]

    @pytest.mark.parametrize("more", [0, 30], ids=["few", "many"])
    @pytest.mark.parametrize("changes", ["getChangedKeys", None])
    async def test_a_record_that_left_the_document_filter_is_not_found_by_its_key(
        self, tmp_path: Path, more: int, changes: str | None
    ) -> None:
        stream = orders(changes=changes, keys_by="getKeys")
        wanted = ["ST00001", "ST00002", "ST00003", *(f"X-{number}" for number in range(more))]
        with opened() as (system, server):
            system.touch("TEC_STG_PurchOrderService", ("ST00002",), VendorRef="closed")
            system.habits.lets_through = lambda record: record["VendorRef"] != "closed"
            subject = driver(server, tmp_path, page_size=3)
            found = await keys(subject, ReadRequest(stream, ReadMode.BY_KEYS, keys=wanted))
            await subject.aclose()

        assert found == ["ST00001", "ST00003"]

    async def test_what_was_written_just_now_is_read_back_without_listing_the_stream(
        self, tmp_path: Path
    ) -> None:
        with opened() as (system, server):
            system.touch("TEC_STG_PurchOrderService", ("ST00002",), VendorRef="new")
            subject = driver(server, tmp_path)
            found = await keys(subject, ReadRequest(orders(), ReadMode.BY_KEYS, keys=["ST00002"]))
            await subject.aclose()

        assert found == ["ST00002"]
        assert [operation for _, operation in system.calls] == ["read", "getChangedKeys"]

    async def test_keys_that_are_gone_cost_a_list_and_not_a_call_each(self, tmp_path: Path) -> None:
        gone = [f"X-{number}" for number in range(300)]
        with opened() as (system, server):
            subject = driver(server, tmp_path)
            found = await keys(subject, ReadRequest(vendors(), ReadMode.BY_KEYS, keys=["V-0001", *gone]))
            await subject.aclose()

        assert found == ["V-0001"]
        assert [operation for _, operation in system.calls] == ["findKeys", "read"]


class TestChanges:
    async def test_get_changed_keys_gives_what_changed_since_the_mark(self, tmp_path: Path) -> None:
        with opened() as (system, server):
            system.touch("TEC_STG_PurchOrderService", ("ST00009",), VendorRef="new")
            subject = driver(server, tmp_path, page_size=1)
            request = ReadRequest(
                orders(), ReadMode.CHANGES, start=mark(site.NOW - timedelta(hours=2)), end=mark(site.NOW)
            )
            found = await keys(subject, request)
            await subject.aclose()

        assert found == ["ST00000", "ST00001", "ST00009"]

    async def test_a_replication_key_gives_the_same_in_the_order_of_the_changes(self, tmp_path: Path) -> None:
        with opened() as (_, server):
            subject = driver(server, tmp_path)
            start, end = site.NOW - timedelta(days=5), site.NOW - timedelta(days=2)
            request = ReadRequest(vendors(), ReadMode.CHANGES, start=mark(start), end=mark(end), page_rows=2)
            found = await keys(subject, request)
            await subject.aclose()

        assert found == ["V-0004", "V-0003", "V-0002"]

    async def test_the_time_of_a_gateway_that_answers_with_an_error_is_not_taken_for_the_systems(
        self, tmp_path: Path
    ) -> None:
        with opened() as (_, server):
            subject = driver(server, tmp_path)
            now = await subject.signpost(vendors())
            server.troubles.append(Trouble(r"GET .*\?wsdl ", times=2, status=502, body=b"<html/>"))
            with pytest.raises(SourceBusy, match="502"):
                await subject.signpost(vendors())
            await subject.aclose()

        assert now == mark(site.NOW)

    async def test_a_window_has_the_records_that_were_never_stamped(self, tmp_path: Path) -> None:
        with opened() as (system, server):
            system.rows("VendorService")[("V-0009",)].record["ModifiedDateTime"] = "1900-01-01T00:00:00Z"
            subject = driver(server, tmp_path)
            request = ReadRequest(
                vendors(), ReadMode.WINDOW, start=mark(site.NOW - timedelta(days=1, hours=1))
            )
            found = await rows(subject, request)
            await subject.aclose()

        assert [row["__key"] for row in found] == ["V-0000", "V-0001", "V-0009"]
        assert found[-1]["ModifiedDateTime"] is None

    async def test_many_changes_are_read_in_stretches_none_of_them_whole(self, tmp_path: Path) -> None:
        system = site.system()
        for number in range(620):
            system.put("TieService", Number=f"{number:04d}", changed_at=site.NOW - timedelta(minutes=number))
        stream = StreamSpec(
            "ties",
            "vendor",
            {
                "port": "TiePort",
                "service": "TieService",
                "key": ["Number"],
                "replication_key": "ModifiedDateTime",
            },
        )
        with opened(system) as (_, server):
            subject = driver(server, tmp_path)
            found = await keys(
                subject, ReadRequest(stream, ReadMode.CHANGES, end=mark(site.NOW), page_rows=100)
            )
            await subject.aclose()

        assert found == [f"{number:04d}" for number in reversed(range(620))]

    @pytest.mark.parametrize(
        ("habit", "kind", "words"),
        [
            ({"change_tracking": False}, BadConfiguration, "change tracking is off"),
            ({"tracked_for": timedelta(hours=1)}, SourceChanged, "does not reach back"),
            ({"filter_changed": True}, SourceChanged, "document filter was changed"),
            ({"document_filter": False}, BadConfiguration, "no document filter"),
        ],
        ids=["change tracking off", "too long ago", "filter changed", "no filter"],
    )
    async def test_what_keeps_changes_from_being_told_is_an_error_and_never_an_empty_answer(
        self, tmp_path: Path, habit: dict[str, Any], kind: type[DriverError], words: str
    ) -> None:
        with opened() as (system, server):
            for name, value in habit.items():
                setattr(system.habits, name, value)
            subject = driver(server, tmp_path)
            request = ReadRequest(
                orders(), ReadMode.CHANGES, start=mark(site.NOW - timedelta(hours=2)), end=mark(site.NOW)
            )
            with pytest.raises(kind, match=words) as raised:
                await keys(subject, request)
            await subject.aclose()

        assert raised.value.hint

    async def test_an_empty_list_is_not_believed_where_nothing_can_tell_it_from_a_missing_filter(
        self, tmp_path: Path
    ) -> None:
        fewer = Contract("TEC_STG_PurchOrderService", "TEC_STG_PurchOrder", site.ORDERS.entity, ("StagingID",),
                         ("read", "getKeys", "getChangedKeys"), site.TEMPURI)  # fmt: skip
        start, end = mark(site.NOW - timedelta(hours=1)), mark(site.NOW)
        with opened() as (system, server):
            server.publish("OrderPort", (fewer,))
            system.habits.document_filter = False
            subject = driver(server, tmp_path)
            for request in (
                ReadRequest(orders(), ReadMode.KEYS),
                ReadRequest(orders(), ReadMode.CHANGES, start=start, end=end),
            ):
                with pytest.raises(BadConfiguration, match="getKeys gives nothing") as raised:
                    await keys(subject, request)
                assert "findKeys" in raised.value.hint
            await subject.aclose()

    async def test_bookmarks_that_go_round_in_a_circle_end_the_read(self, tmp_path: Path) -> None:
        with opened() as (system, server):
            system.habits.bookmarks_in_a_circle = True
            subject = driver(server, tmp_path, page_size=5)
            with pytest.raises(SourceChanged, match="same pages again"):
                await keys(subject, ReadRequest(orders(), ReadMode.KEYS))
            await subject.aclose()

    async def test_a_port_whose_filter_was_lost_deletes_nothing(self, tmp_path: Path) -> None:
        """A full list of keys is what deletions are found by."""
        with opened() as (system, server):
            system.habits.document_filter = False
            subject = driver(server, tmp_path)
            with pytest.raises(BadConfiguration, match="no document filter"):
                await keys(subject, ReadRequest(orders(), ReadMode.KEYS))
            await subject.aclose()
