"""Writing through document services of AX 2012: what the conformance suite does not say."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from drivers.contract import (
    BadConfiguration,
    DriverError,
    NotPermitted,
    OperationKind,
    Outcome,
    OutcomeStatus,
    SourceBusy,
    SourceChanged,
    StreamSpec,
    Unreachable,
    WriteCommand,
)
from drivers.soap.documents.driver import DocumentsDriver
from tests.ax.contract import Contract, entity
from tests.ax.server import AxServer, Trouble
from tests.ax.system import AifFault, Record, System
from tests.canaries import canary
from tests.integration.ax_sources import ORDER_WRITES, driver, opened, orders, vendors

CREATE = {"vendorKey": "V-0001", "lineItems": [{"materialKey": "I-1", "quantity": "3", "price": "0.5"}]}
SERVICE = "TEC_STG_PurchOrderService"


def command(
    kind: OperationKind, record: Mapping[str, Any], key: str = "k", stream: StreamSpec | None = None
) -> WriteCommand:
    stream = stream or orders()
    return WriteCommand(kind, stream.entity, record, key, stream)


def order(system: System, key: str) -> Record:
    return system.rows(SERVICE)[(key,)].record


def sent(server: AxServer, operation: str) -> list[Any]:
    """The messages of an operation as they came."""
    return [etree.fromstring(each.body) for each in server.seen if each.action.endswith(f"/{operation}")]


async def done(subject: DocumentsDriver, wanted: WriteCommand) -> Outcome:
    outcome = await subject.execute(wanted)
    await subject.aclose()
    return outcome


class TestUpdates:
    async def test_only_what_is_given_is_sent_and_the_rest_stays(self, tmp_path: Path) -> None:
        with opened() as (system, server):
            before = dict(order(system, "ST00003"))
            outcome = await done(
                driver(server, tmp_path), command(OperationKind.UPDATE, {"key": "ST00003", "notes": "Gate 4"})
            )
            after = order(system, "ST00003")
            (message,) = sent(server, "update")

        assert outcome.status is OutcomeStatus.SUCCEEDED
        (header,) = message.iter("{*}TEC_STG_PurchTable")
        names = [etree.QName(each).localname for each in header]
        assert header.get("action") == "update"
        assert names == ["_DocumentHash", "EXTERNAL_ORD_ID", "RecId", "RecVersion", "VendorRef"]
        changed = {"VendorRef", "EXTERNAL_ORD_ID", "RecVersion"}
        assert {k: v for k, v in before.items() if k not in changed} == {
            k: v for k, v in after.items() if k not in changed
        }

    async def test_null_empties_a_field_and_an_absent_one_is_not_touched(self, tmp_path: Path) -> None:
        with opened() as (system, server):
            order(system, "ST00003")["VendorRef"] = "old"
            await done(
                driver(server, tmp_path), command(OperationKind.UPDATE, {"key": "ST00003", "notes": None})
            )
            emptied = order(system, "ST00003")["VendorRef"]
            kept = order(system, "ST00003")["DeliveryDate"]
            subject = driver(server, tmp_path)
            await done(subject, command(OperationKind.UPDATE, {"key": "ST00003", "dueAt": None}, "k2"))
            cleared = order(system, "ST00003")["DeliveryDate"]

        assert (emptied, kept, cleared) == ("", "2026-04-01", "1900-01-01")

    async def test_lines_are_changed_created_and_left_alone_by_what_matches(self, tmp_path: Path) -> None:
        lines = [{"lineNo": 2, "quantity": "20"}, {"lineNo": 9, "quantity": "9", "price": "1.25"}]
        with opened() as (system, server):
            outcome = await done(
                driver(server, tmp_path),
                command(OperationKind.UPDATE, {"key": "ST00003", "lineItems": lines}),
            )
            held = order(system, "ST00003")["TEC_STG_PurchLine"]

        assert outcome.status is OutcomeStatus.SUCCEEDED
        assert [(Decimal(each["LineNum"]), each["PurchQty"], each["PurchPrice"]) for each in held] == [
            (1, "1.5", "0.1"),
            (2, "20", "0.1"),
            (3, "3.5", "0.1"),
            (9, "9", "1.25"),
        ]

    async def test_matched_lines_can_be_deleted_and_one_that_is_not_there_refuses_the_write(
        self, tmp_path: Path
    ) -> None:
        writes = {
            "keys": ["lineItems.materialKey"],
            "update": {
                "lines": {
                    "TEC_STG_PurchLine": {
                        "for_each": "lineItems",
                        "match": {"LineNum": "lineItems.lineNo"},
                        "delete": True,
                    }
                }
            },
        }
        stream = StreamSpec("orders", "purchase_order", orders().options, write=writes)
        with opened() as (system, server):
            subject = driver(server, tmp_path)
            gone = {"key": "ST00003", "lineItems": [{"lineNo": 2}]}
            first = await subject.execute(command(OperationKind.UPDATE, gone, "a", stream))
            second = await done(subject, command(OperationKind.UPDATE, gone, "b", stream))
            held = order(system, "ST00003")["TEC_STG_PurchLine"]

        assert first.status is OutcomeStatus.SUCCEEDED
        assert [Decimal(each["LineNum"]) for each in held] == [1, 3]
        assert second.status is OutcomeStatus.FAILED
        assert (second.messages[0].code, second.messages[0].field) == ("not_found", "lineItems[0].key")

    async def test_what_somebody_else_changed_meanwhile_is_not_written_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with opened() as (system, server):
            plain = system.read

            def read(*given: Any) -> Any:
                found = plain(*given)
                copies = [type(each)(dict(each.record), each.changed_at) for each in found]
                system.touch(SERVICE, ("ST00003",), VendorRef="theirs")
                return copies

            monkeypatch.setattr(system, "read", read)
            outcome = await done(
                driver(server, tmp_path), command(OperationKind.UPDATE, {"key": "ST00003", "notes": "ours"})
            )
            held = order(system, "ST00003")["VendorRef"]

        assert outcome.status is OutcomeStatus.FAILED
        assert outcome.messages[0].code == "changed_meanwhile"
        assert "changed since it was read" in outcome.messages[0].text
        assert held == "theirs"


class TestRefusals:
    async def test_a_refusal_has_the_words_the_code_and_the_field_of_aif(self, tmp_path: Path) -> None:
        with opened() as (_, server):
            outcome = await done(
                driver(server, tmp_path), command(OperationKind.CREATE, CREATE | {"vendorKey": "BLOCKED"})
            )

        assert outcome.status is OutcomeStatus.FAILED
        assert [(each.text, each.code, each.field) for each in outcome.messages] == [
            ("Vendor account BLOCKED is on hold.", "VendorOnHold", "VendAccount"),
            ("Update has been canceled.", "infolog", ""),
        ]

    @pytest.mark.parametrize(
        ("record", "code", "field"),
        [
            ({"dueAt": "soon"}, "not_a_moment", "dueAt"),
            ({"totalNetValue": "1e40"}, "not_exact", "totalNetValue"),
            ({"totalNetValue": "0.12345678901234567"}, "not_exact", "totalNetValue"),
            ({"notes": "x" * 61}, "too_long", "notes"),
            ({"notes": "a\x01b"}, "not_a_text", "notes"),
            (
                {"lineItems": [{"materialKey": "I", "quantity": "many"}]},
                "not_a_decimal",
                "lineItems[0].quantity",
            ),
            ({"shippingMethod": "air"}, "not_writable", "shippingMethod"),
        ],
        ids=["date", "large", "fine", "long", "control", "number", "unknown"],
    )
    async def test_a_value_that_ax_would_cut_or_refuse_is_refused_by_its_field_before_anything_is_sent(
        self, tmp_path: Path, record: dict[str, Any], code: str, field: str
    ) -> None:
        with opened() as (_, server):
            outcome = await done(driver(server, tmp_path), command(OperationKind.CREATE, CREATE | record))
            created = sent(server, "create")

        assert outcome.status is OutcomeStatus.FAILED
        assert (outcome.messages[0].code, outcome.messages[0].field) == (code, field)
        assert not created

    async def test_an_account_without_the_right_is_an_error_that_says_so(self, tmp_path: Path) -> None:
        def refuse(_: Record) -> None:
            raise AifFault("User GW is not authorized to perform this operation.", code="Unauthorized")

        with opened() as (system, server):
            system.checks[SERVICE] = refuse
            subject = driver(server, tmp_path)
            with pytest.raises(NotPermitted, match="not authorized"):
                await subject.execute(command(OperationKind.CREATE, CREATE))
            await subject.aclose()

    async def test_a_lock_at_the_time_of_a_write_is_a_refusal_for_aif_says_that_nothing_was_changed(
        self, tmp_path: Path
    ) -> None:
        def refuse(_: Record) -> None:
            raise AifFault(
                "Cannot edit a record in PurchTable. Deadlock, where one or more users have locked it."
            )

        with opened() as (system, server):
            system.checks[SERVICE] = refuse
            outcome = await done(driver(server, tmp_path), command(OperationKind.CREATE, CREATE))

        assert outcome.status is OutcomeStatus.FAILED
        assert outcome.messages[0].code == "busy"


class TestDoubles:
    async def test_a_lost_reply_is_looked_up_by_the_external_reference(self, tmp_path: Path) -> None:
        with opened() as (system, server):
            server.troubles.append(Trouble("/create$", drop="after"))
            subject = driver(server, tmp_path)
            wanted = command(OperationKind.CREATE, CREATE)
            with pytest.raises(Unreachable):
                await subject.execute(wanted)
            found = await subject.find_effect(wanted)
            none = await subject.find_effect(command(OperationKind.CREATE, CREATE, "other"))
            await subject.aclose()
            made = [key for key in system.rows(SERVICE) if key[0].startswith("AX")]

        assert found is not None
        assert (found.status, found.key) == (OutcomeStatus.SUCCEEDED, made[0][0])
        assert none is None
        assert len(made) == 1

    async def test_each_command_has_a_message_id_of_its_own_and_always_the_same(self, tmp_path: Path) -> None:
        with opened() as (_, server):
            subject = driver(server, tmp_path)
            first, second = (command(OperationKind.CREATE, {"name": "X"}, key, vendors()) for key in "ab")
            for wanted in (first, second):
                await subject.execute(wanted)
            with pytest.raises(SourceBusy, match="processed a message with this id before"):
                await subject.execute(first)
            await subject.aclose()
            ids = [each.findtext(".//{*}MessageId") for each in sent(server, "create")]

        assert len(ids) == 3
        assert ids[0] == ids[2] != ids[1]

    async def test_without_a_reference_field_the_message_id_still_keeps_a_double_from_being_made(
        self, tmp_path: Path
    ) -> None:
        with opened() as (system, server):
            server.troubles.append(Trouble("/create$", drop="after"))
            subject = driver(server, tmp_path)
            wanted = command(OperationKind.CREATE, {"name": "Only once"}, "k", vendors())
            with pytest.raises(Unreachable):
                await subject.execute(wanted)
            with pytest.raises(SourceBusy):
                await subject.execute(wanted)
            with pytest.raises(BadConfiguration, match="cannot be looked up"):
                await subject.find_effect(wanted)
            await subject.aclose()
            named = [
                each for each in system.rows("VendorService").values() if each.record["Name"] == "Only once"
            ]

        assert len(named) == 1

    async def test_a_message_that_aif_refused_once_may_not_pass_for_done_the_second_time(
        self, tmp_path: Path
    ) -> None:
        """AIF remembers the id of a message that it refused, too."""
        with opened() as (_, server):
            subject = driver(server, tmp_path)
            wanted = command(OperationKind.CREATE, CREATE | {"vendorKey": "BLOCKED"})
            first = await subject.execute(wanted)
            with pytest.raises(SourceBusy):
                await subject.execute(wanted)
            await subject.aclose()

        assert first.status is OutcomeStatus.FAILED

    async def test_a_create_whose_answer_names_another_key_is_no_failure_for_it_happened(
        self, tmp_path: Path
    ) -> None:
        stream = StreamSpec(
            "orders", "purchase_order", orders().options | {"key": ["PurchID"]}, write=ORDER_WRITES
        )
        with opened() as (system, server):
            subject = driver(server, tmp_path)
            wanted = command(OperationKind.CREATE, CREATE, stream=stream)
            outcome = await done(subject, wanted)
            made = [key for key in system.rows(SERVICE) if key[0].startswith("AX")]

        assert len(made) == 1
        assert (outcome.status, outcome.key) == (OutcomeStatus.SUCCEEDED, "")

    async def test_an_error_page_in_place_of_the_reply_leaves_the_write_open(self, tmp_path: Path) -> None:
        with opened() as (_, server):
            server.troubles.append(Trouble("/create$", status=500, body=b"<html>Runtime Error</html>"))
            subject = driver(server, tmp_path)
            with pytest.raises(SourceBusy):
                await subject.execute(command(OperationKind.CREATE, CREATE))
            await subject.aclose()

    async def test_what_fails_before_the_write_is_sent_changed_nothing(self, tmp_path: Path) -> None:
        with opened() as (_, server):
            server.troubles.append(Trouble("/read$", times=2, drop="before"))
            outcome = await done(driver(server, tmp_path), command(OperationKind.DELETE, {"key": "ST00003"}))

        assert outcome.status is OutcomeStatus.FAILED
        assert outcome.messages[0].code == "unreachable"


class TestRecipes:
    @pytest.mark.parametrize(
        ("change", "place", "words"),
        [
            ({"create": {"values": {"Vendor": "vendorKey"}}}, "create.values.Vendor", "no field 'Vendor'"),
            ({"create": {"values": {"RecId": "vendorKey"}}}, "create.values.RecId", "set by what was read"),
            ({"create": {"values": {"VendAccount": "key"}}}, "create.values.VendAccount", "has no key yet"),
            ({"create": {"lines": {"PurchLine": {"values": {"Name": "title"}}}}}, "create.lines.PurchLine", "no entity"),
            ({"create": {"values": {"VendorRef": "lineItems.name"}, "lines": {"TEC_STG_PurchLine": {"for_each": "lineItems", "values": {"Name": "lineItems.name"}}}}}, "create.values.VendorRef", "many lines"),
            ({"create": {"values": {"EXTERNAL_ORD_ID": "idempotencyKey"}, "find": "EXTERNAL_ORD_ID"}}, "create.find", "takes 20 characters"),
            ({"create": {"values": {"VendAccount": "vendorKey"}, "find": "EXTERNAL_ORD_ID"}}, "create.find", "is not where idempotencyKey"),
            ({"create": {"required": ["title"], "values": {"VendAccount": "vendorKey"}}}, "create.required", "no part uses"),
            ({"set_status": {"values": {"OrderUpdateType": "status"}}}, "set_status.statuses", "names the statuses"),
            ({"create": {"value": {}}}, "create.value", "no option 'value'"),
            ({"delete": {"values": {"VendorRef": {"const": "x"}}}}, "delete", "writes no fields"),
        ],
        ids=["field", "ours", "key", "entity", "lines", "length", "find", "required", "statuses", "option", "delete"],
    )  # fmt: skip
    async def test_a_mistake_is_told_by_its_place_before_anything_is_written(
        self, tmp_path: Path, change: dict[str, Any], place: str, words: str
    ) -> None:
        stream = StreamSpec("orders", "purchase_order", orders().options, write=change)
        with opened() as (_, server):
            subject = driver(server, tmp_path)
            with pytest.raises((BadConfiguration, SourceChanged)) as raised:
                await subject.operations([stream])
            await subject.aclose()

        assert raised.value.where == f"streams.orders.write.{place}"
        assert words in raised.value.message

    async def test_the_matrix_says_what_can_be_written(self, tmp_path: Path) -> None:
        with opened() as (_, server):
            subject = driver(server, tmp_path)
            found = {each.kind: each for each in await subject.operations([orders()])}
            await subject.aclose()

        create = found[OperationKind.CREATE]
        assert set(found) == set(OperationKind)
        assert create.required == tuple(ORDER_WRITES["create"]["required"])
        assert "lineItems.price" in create.fields
        assert create.effect_settles_after is not None
        assert found[OperationKind.SET_STATUS].statuses == ("received", "ordered")
        assert found[OperationKind.DELETE].effect_settles_after is None


async def test_an_error_names_no_secret(tmp_path: Path) -> None:
    with opened() as (system, server):
        system.checks[SERVICE] = _repeats_the_password
        subject = DocumentsDriver(
            "ax",
            {
                "services": "ax-documents",
                "url": driver_url(server),
                "company": "ceu",
                "wsdl_folder": str(tmp_path),
                "auth": {"kind": "basic", "user": "GW"},
            },
            {"password": canary()},
        )
        try:
            outcome = await subject.execute(command(OperationKind.CREATE, CREATE))
        except DriverError as error:
            told = f"{error} {error.hint}"
        else:
            told = str(outcome.messages)
        await subject.aclose()

    assert canary() not in told
    assert "***" in told


def _repeats_the_password(_: Record) -> None:
    raise AifFault(f"Logon data GW/{canary()} is odd.")


def driver_url(server: AxServer) -> str:
    return server.address("OrderPort").partition("/OrderPort")[0]


async def test_line_ends_arrive_as_they_were_given(tmp_path: Path) -> None:
    with opened() as (system, server):
        notes = "one\r\ntwo\nthree <&> 'four'"
        await done(
            driver(server, tmp_path), command(OperationKind.UPDATE, {"key": "ST00003", "notes": notes})
        )

        assert order(system, "ST00003")["VendorRef"] == notes


SALES = Contract(
    "SalesOrderService",
    "SalesOrder",
    entity(
        "SalesTable",
        "CustAccount text 20; SalesId text 20",
        entity(
            "SalesLine",
            "ItemId text 20; LineNum decimal; SalesQty decimal",
            entity("InventDim", "InventLocationId text 10; InventSiteId text 10"),
        ),
    ),
    ("SalesId",),
)
SALES_LINES = {
    "for_each": "lineItems",
    "values": {"LineNum": "line.number", "ItemId": "lineItems.code", "SalesQty": "lineItems.quantity"},
    "lines": {
        "InventDim": {"values": {"InventSiteId": "siteKey", "InventLocationId": "lineItems.storeroomKey"}}
    },
}


async def test_an_entity_inside_a_line_is_written_with_it_and_changed_with_it(tmp_path: Path) -> None:
    writes = {
        "create": {"values": {"CustAccount": "vendorKey"}, "lines": {"SalesLine": SALES_LINES}},
        "update": {
            "lines": {
                "SalesLine": {
                    "for_each": "lineItems",
                    "match": {"LineNum": "lineItems.lineNo"},
                    "create_missing": True,
                    "lines": {"InventDim": {"values": {"InventLocationId": "lineItems.storeroomKey"}}},
                }
            }
        },
    }
    read = {"port": "SalesPort", "service": "SalesOrderService", "key": ["SalesId"]}
    stream = StreamSpec("sales", "purchase_order", read, write=writes)
    system = System({"SalesOrderService": SALES})
    server = AxServer(system, {"SalesPort": (SALES,)})
    try:
        subject = driver(server, tmp_path)
        lines = [{"code": "I-1", "quantity": "2", "storeroomKey": "11"}, {"code": "I-2", "quantity": "1"}]
        record = {"vendorKey": "C-1", "siteKey": "1", "lineItems": lines}
        made = await subject.execute(command(OperationKind.CREATE, record, "a", stream))
        change = {
            "key": made.key,
            "lineItems": [{"lineNo": 1, "storeroomKey": "12"}, {"lineNo": 5, "storeroomKey": "15"}],
        }
        changed = await done(subject, command(OperationKind.UPDATE, change, "b", stream))
        held = system.rows("SalesOrderService")[(made.key,)].record["SalesLine"]
    finally:
        server.close()

    assert (made.status, changed.status) == (OutcomeStatus.SUCCEEDED, OutcomeStatus.SUCCEEDED), (
        changed.messages
    )
    dims = [[(each["InventSiteId"], each["InventLocationId"]) for each in line["InventDim"]] for line in held]
    assert [Decimal(each["LineNum"]) for each in held] == [1, 2, 5]
    assert dims == [[("1", "12")], [("1", "")], [("", "15")]]
