"""The tests' AX 2012 with connections to it, and the streams that tests read and write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drivers.contract import StreamSpec
from drivers.soap.documents.driver import DocumentsDriver
from tests.ax import site
from tests.ax.server import ROOT, AxServer
from tests.ax.system import System


@contextmanager
def opened(system: System | None = None) -> Iterator[tuple[System, AxServer]]:
    found = system or site.system()
    if system is None:
        site.fill(found)
    with site.site(found) as server:
        yield found, server


def driver(server: AxServer, folder: Path, **options: Any) -> DocumentsDriver:
    given = {
        "services": "ax-documents",
        "url": f"{server.url}{ROOT}",
        "company": "ceu",
        "wsdl_folder": str(folder),
        "ports": {port: [each.service for each in contracts] for port, contracts in server.ports.items()},
    }
    return DocumentsDriver("ax", given | options, {})


def orders(**more: Any) -> StreamSpec:
    options = {
        "port": "OrderPort",
        "service": "TEC_STG_PurchOrderService",
        "key": ["StagingID"],
        "changes": "getChangedKeys",
        "lines": {"lines": {"entity": "TEC_STG_PurchLine"}},
    }
    return StreamSpec("orders", "purchase_order", options | more, write=ORDER_WRITES)


def vendors(**more: Any) -> StreamSpec:
    options = {
        "port": "VendorPort",
        "service": "VendorService",
        "key": ["AccountNum"],
        "replication_key": "ModifiedDateTime",
    }
    return StreamSpec("vendors", "vendor", options | more, write=VENDOR_WRITES)


def ties() -> StreamSpec:
    options = {
        "port": "TiePort",
        "service": "TieService",
        "key": ["Number"],
        "replication_key": "ModifiedDateTime",
    }
    return StreamSpec("ties", "vendor", options)


ORDER_WRITES = {
    "keys": ["vendorKey", "lineItems.materialKey"],
    "idempotency_key_length": 20,
    "create": {
        "required": ["vendorKey", "lineItems", "lineItems.quantity"],
        "values": {
            "VendAccount": "vendorKey",
            "DeliveryDate": "dueAt",
            "Order_Total_Net": "totalNetValue",
            "VendorRef": "notes",
            "PurchaseType": {"const": "Purch"},
            "EXTERNAL_ORD_ID": "idempotencyKey",
        },
        "lines": {
            "TEC_STG_PurchLine": {
                "for_each": "lineItems",
                "values": {
                    "LineNum": "line.number",
                    "Itemid": "lineItems.materialKey",
                    "Name": "lineItems.name",
                    "PurchQty": "lineItems.quantity",
                    "PurchPrice": "lineItems.price",
                },
            }
        },
        "find": "EXTERNAL_ORD_ID",
        "reference": "result.StagingID",
    },
    "update": {
        "values": {"VendorRef": "notes", "DeliveryDate": "dueAt", "EXTERNAL_ORD_ID": "idempotencyKey"},
        "lines": {
            "TEC_STG_PurchLine": {
                "for_each": "lineItems",
                "match": {"LineNum": "lineItems.lineNo"},
                "create_missing": True,
                "values": {"PurchQty": "lineItems.quantity", "PurchPrice": "lineItems.price"},
            }
        },
        "find": "EXTERNAL_ORD_ID",
    },
    "set_status": {
        "statuses": {"received": "Receipt", "ordered": "Order"},
        "values": {"OrderUpdateType": "status", "EXTERNAL_ORD_ID": "idempotencyKey"},
        "find": "EXTERNAL_ORD_ID",
    },
    "delete": {},
}
VENDOR_WRITES = {
    "create": {"required": ["name"], "values": {"Name": "name", "VendGroup": {"const": "10"}}},
    "update": {"values": {"Name": "name", "Memo": "notes"}},
}
