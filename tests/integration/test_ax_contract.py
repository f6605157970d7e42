"""The tests' AX against contracts that an AX 2012 printed, and against zeep, a client that nobody here wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zeep
from lxml import etree

from drivers.contract import OperationKind, OutcomeStatus, ReadMode, ReadRequest, WriteCommand
from drivers.soap.documents.shape import document_of, shape_of
from drivers.soap.wsdl import read_definitions
from tests.ax import site
from tests.ax.contract import (
    ARRAYS,
    CONTEXT,
    CRITERIA,
    FAULT,
    INFOLOG,
    KEY,
    KEY_LIST,
    KEY_PAGE,
    PAGING,
    files,
)
from tests.ax.server import AxServer
from tests.integration.ax_sources import driver, opened, orders, vendors

XS = "{http://www.w3.org/2001/XMLSchema}"
COMMON = (PAGING, KEY, KEY_LIST, KEY_PAGE, CRITERIA, CONTEXT, FAULT, ARRAYS, INFOLOG)


@pytest.fixture(scope="module")
def captured(shared_dir: Path) -> dict[str, Path]:
    """Folders with the WSDL and the schemas of two services that a site built, by service."""
    folder = shared_dir / "erp" / "dynamics" / "ax2012"
    if not folder.is_dir():
        pytest.skip("needs ../shared/erp/dynamics/ax2012, contracts that an AX 2012 printed")
    return {
        "TEC_STG_PurchOrderService": folder / "UploadPurchOrderService",
        "QTQ_STG_VendorService": folder / "UploadVendorService",
    }


def roots(folder: Path) -> list[Any]:
    return [etree.parse(str(each)).getroot() for each in sorted(folder.iterdir())]


def schemas(found: list[Any]) -> dict[str, Any]:
    """By target namespace."""
    return {
        each.get("targetNamespace"): each
        for root in found
        for each in root.iter(f"{XS}schema")
        if each.get("targetNamespace")
    }


def said(schema: Any) -> dict[str, list[tuple[Any, ...]]]:
    """What a schema says of each type: members with how often they come, and the values of enumerations."""
    found = {}
    for each in schema:
        name = each.get("name")
        if name is None:
            continue
        members: list[tuple[Any, ...]] = [
            (
                (member.get("name") or member.get("ref") or "").rpartition(":")[2],
                (member.get("type") or "").rpartition(":")[2],
                member.get("minOccurs", "1"),
                member.get("maxOccurs", "1"),
                member.get("nillable", "false"),
            )
            for member in each.iter(f"{XS}element")
            if member is not each
        ]
        values = [(value.get("value"),) for value in each.iter(f"{XS}enumeration")]
        found[f"{each.tag} {name}"] = members + values
    return found


class TestAgainstCapturedContracts:
    def test_what_all_services_share_is_described_alike(self, captured: dict[str, Path]) -> None:
        real = schemas(roots(captured["TEC_STG_PurchOrderService"]))
        own = schemas([etree.fromstring(each) for each in files((site.ORDERS,), "http://ax/x.svc").values()])

        for namespace in COMMON:
            assert said(own[namespace]) == said(real[namespace]), namespace

    def test_operations_have_the_wrappers_actions_and_headers_of_the_real_ones(
        self, captured: dict[str, Path]
    ) -> None:
        address = "http://ax/x.svc"
        own_files = {
            f"{address}?{name}": text.encode() for name, text in files((site.ORDERS,), address).items()
        }
        own = read_definitions(own_files, f"{address}?wsdl", where="own", interface=site.ORDERS.service)
        real = definitions(captured, "TEC_STG_PurchOrderService")

        assert set(own.operations) == set(real.operations)
        for name, operation in real.operations.items():
            assert own.operations[name].action == operation.action
            for ours, theirs in (
                (own.operations[name].request, operation.request),
                (own.operations[name].reply, operation.reply),
            ):
                assert ours is not None
                assert theirs is not None
                assert ours.tag == theirs.tag
                assert [each.tag for each in own.type_of(ours).members] == [
                    each.tag for each in real.type_of(theirs).members
                ]
            assert [each.tag for each in own.operations[name].headers] == [
                each.tag for each in operation.headers
            ]

    def test_the_fields_of_the_order_are_fields_of_the_real_one_in_its_order(
        self, captured: dict[str, Path]
    ) -> None:
        real = document_of(definitions(captured, "TEC_STG_PurchOrderService"), "real")
        known = [each.name for each in real.type.members]
        own = [each.name for each in site.ORDERS.entity.fields]

        assert [name for name in known if name in own] == own
        line = real.definitions.type_of(real.below(real.type)["TEC_STG_PurchLine"])
        own_line = [each.name for each in site.ORDERS.entity.below[0].fields]
        assert [each.name for each in line.members if each.name in own_line] == own_line

    def test_streams_are_made_of_real_contracts(self, captured: dict[str, Path]) -> None:
        order = shape_of(orders(), definitions(captured, "TEC_STG_PurchOrderService"))
        vendor = shape_of(
            vendors(service="QTQ_STG_VendorService", key=["AccountNum"], replication_key=None),
            definitions(captured, "QTQ_STG_VendorService"),
        )

        assert len(order.columns) == 43
        assert {each.name: each.kind.value for each in order.columns}["Order_Total_Net"] == "decimal"
        assert {each.name: each.kind.value for each in order.lines[0].columns}["DeliveryDate"] == "date"
        assert {"AccountNum", "VATNum", "CreditMax"} <= {each.name for each in vendor.columns}
        assert vendor.document.definitions.types[
            next(each.type for each in vendor.document.type.members if each.name == "Blocked")
        ].values == ("No", "Invoice", "All", "Payment", "Requisition", "Never")

    async def test_what_the_driver_sends_and_reads_is_valid_by_the_real_schemas(
        self, captured: dict[str, Path], tmp_path: Path
    ) -> None:
        real = real_schema(captured["TEC_STG_PurchOrderService"], tmp_path)
        with opened() as (_, server):
            subject = driver(server, tmp_path)
            made = await subject.execute(create_order())
            changed = {
                "key": made.key,
                "notes": "x",
                "lineItems": [{"lineNo": 1, "quantity": "2"}, {"lineNo": 7, "price": "1"}],
            }
            outcome = await subject.execute(
                WriteCommand(OperationKind.UPDATE, "purchase_order", changed, "k2", orders())
            )
            end = await subject.signpost(orders())
            for request in (
                ReadRequest(orders(), ReadMode.CHANGES, start=end, end=end),
                ReadRequest(orders(), ReadMode.KEYS),
            ):
                assert [page async for page in subject.read(request)]
            gone = WriteCommand(OperationKind.DELETE, "purchase_order", {"key": made.key}, "k3", orders())
            assert (await subject.execute(gone)).status is OutcomeStatus.SUCCEEDED
            await subject.aclose()
            sent = [each for each in server.seen if each.body]

        assert (made.status, outcome.status) == (OutcomeStatus.SUCCEEDED, OutcomeStatus.SUCCEEDED)
        assert {each.action.rpartition("/")[2] for each in sent} >= {
            "create", "update", "delete", "read", "find", "getKeys", "getChangedKeys",
        }  # fmt: skip
        for each in sent:
            root = etree.fromstring(each.body)
            (body,) = root.find("{*}Body")
            real.assertValid(etree.ElementTree(body))
            (context,) = root.find("{*}Header")
            real.assertValid(etree.ElementTree(context))


class TestAgainstZeep:
    """zeep reads the port's WSDL by itself, and its calls are answered."""

    async def test_every_operation_is_understood(self, tmp_path: Path) -> None:
        with opened() as (system, server):
            service = await asyncio.to_thread(client, server)
            context = {"context": {"Company": "ceu", "MessageId": "11111111-2222-3333-4444-555555555555"}}
            keys = await asyncio.to_thread(
                service.create,
                TEC_STG_PurchOrder={
                    "TEC_STG_PurchTable": [
                        {"VendAccount": "V-0001", "VendorRef": "by zeep", "class": "entity"}
                    ]
                },
                _soapheaders=context,
            )
            (found,) = (
                await asyncio.to_thread(service.read, EntityKeyList={"EntityKey": keys}, _soapheaders=context)
            )["TEC_STG_PurchTable"]
            subject = driver(server, tmp_path)
            key = keys[0]["KeyData"]["KeyField"][0]["Value"]
            (page,) = [
                page async for page in subject.read(ReadRequest(orders(), ReadMode.BY_KEYS, keys=[key]))
            ]
            await subject.aclose()

        assert found["VendorRef"] == "by zeep"
        (row,) = page.table.to_pylist()
        assert (row["VendorRef"], row["RecId"]) == ("by zeep", str(found["RecId"]))
        assert ("TEC_STG_PurchOrderService", "create") in system.calls

    async def test_both_read_the_same_of_an_order(self, tmp_path: Path) -> None:
        with opened() as (_, server):
            service = await asyncio.to_thread(client, server)
            context = {"context": {"Company": "ceu"}}
            key = {"KeyData": {"KeyField": [{"Field": "StagingID", "Value": "ST00003"}]}}
            (theirs,) = (
                await asyncio.to_thread(
                    service.read, EntityKeyList={"EntityKey": [key]}, _soapheaders=context
                )
            )["TEC_STG_PurchTable"]
            subject = driver(server, tmp_path)
            request = ReadRequest(orders(), ReadMode.BY_KEYS, keys=["ST00003"])
            (page,) = [page async for page in subject.read(request)]
            await subject.aclose()

        (ours,) = page.table.to_pylist()
        assert ours["Order_Total_Net"] == str(theirs["Order_Total_Net"]) == "12345678901234.56"
        assert ours["DeliveryDate"] == theirs["DeliveryDate"]
        assert ours["InvoiceDate"] is None  # AX's empty date, which zeep gives as the first of January 1900
        assert [each["PurchQty"] for each in ours["lines"]] == [
            str(each["PurchQty"]) for each in theirs["TEC_STG_PurchLine"]
        ]


def client(server: AxServer) -> Any:
    found = zeep.Client(f"{server.address('OrderPort')}?wsdl")
    return found.bind("RoutingService", "BasicHttpBinding_TEC_STG_PurchOrderService")


def create_order() -> WriteCommand:
    record = {
        "vendorKey": "V-0001",
        "dueAt": "2026-05-04",
        "lineItems": [{"materialKey": "I-1", "quantity": "3", "price": "0.5"}],
    }
    return WriteCommand(OperationKind.CREATE, "purchase_order", record, "k1", orders())


def definitions(captured: dict[str, Path], service: str) -> Any:
    folder = captured[service]
    base = "http://ax2012.example.invalid/"
    documents = {base + each.name: each.read_bytes() for each in folder.iterdir()}
    (main,) = (each.name for each in folder.glob("RoutingService*.wsdl"))
    return read_definitions(documents, base + main, where="captured", interface=service)


def real_schema(folder: Path, scratch: Path) -> etree.XMLSchema:
    """All of the real schemas together; the one without a namespace declares nothing that is sent."""
    imports = "".join(_imports(folder))
    main = scratch / "all.xsd"
    main.write_text(f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>')
    return etree.XMLSchema(etree.parse(str(main)))


def _imports(folder: Path) -> Iterator[str]:
    for each in sorted(folder.glob("*.xsd")):
        namespace = etree.parse(str(each)).getroot().get("targetNamespace")
        if namespace:
            yield f'<xs:import namespace="{namespace}" schemaLocation="{each.as_uri()}"/>'
