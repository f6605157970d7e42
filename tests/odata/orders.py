"""A small purchasing system behind the test service: orders with lines and vendors, and records of one instant."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from drivers.contract import ReadMode, ReadRequest, StreamSpec
from drivers.odata.driver import ODataDriver
from tests.conformance.suite import pages
from tests.conformance.suite import rows as rows_of
from tests.odata.server import ROOT, EntityType, ODataServer, Refused, Row

ODD = ("plain", "O'Brien & Söhne", "100 % / a+b #1", "", None, "😀 ü", "a;b=c,d", "~%7E~", "line\nbreak\ttab")
BEGIN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def types(version: int) -> dict[str, EntityType]:
    stamp = "Edm.DateTime" if version == 2 else "Edm.DateTimeOffset"
    day = "Edm.DateTime:date" if version == 2 else "Edm.Date"
    return {
        "Orders": EntityType(
            ("OrderNo",),
            {
                "OrderNo": "Edm.String!",
                "Vendor": "Edm.String",
                "Amount": "Edm.Decimal",
                "Title": "Edm.String",
                "Changed": "Edm.DateTimeOffset",
                "Created": stamp,
                "Due": day,
                "Urgent": "Edm.Boolean",
                "Version": "Edm.Int64!",
                "Status": "Edm.String",
                "Reference": "Edm.String",
            },
            {"to_Lines": ("Lines", True), "to_Vendor": ("Vendors", False)},
            {"to_Lines": {"OrderNo": "OrderNo"}, "to_Vendor": {"Code": "Vendor"}},
            etag="Version",
        ),
        "Lines": EntityType(
            ("OrderNo", "LineNo"),
            {
                "OrderNo": "Edm.String!",
                "LineNo": "Edm.Int32!",
                "Item": "Edm.String",
                "Qty": "Edm.Decimal",
                "Text": "Edm.String",
            },
            {"to_Schedule": ("Schedule", True)},
            {"to_Schedule": {"OrderNo": "OrderNo", "LineNo": "LineNo"}},
        ),
        "Schedule": EntityType(
            ("OrderNo", "LineNo", "Number"),
            {"OrderNo": "Edm.String!", "LineNo": "Edm.Int32!", "Number": "Edm.Int32!", "Qty": "Edm.Decimal"},
        ),
        "Vendors": EntityType(("Code",), {"Code": "Edm.String!", "Name": "Edm.String"}),
        "Ties": EntityType(
            ("A", "B"), {"A": "Edm.String!", "B": "Edm.Int32!", "Changed": "Edm.DateTimeOffset!"}
        ),
    }


def rows(count: int = 43) -> dict[str, list[Row]]:
    chance = random.Random(7)
    found: dict[str, list[Row]] = {name: [] for name in types(4)}
    for number in range(count):
        order = f"45{number:08}" if number % 5 else f"45/{number} '{number % 3}"
        changed = BEGIN + timedelta(minutes=number // 3, microseconds=1_000_123 * (number % 3))
        found["Orders"].append(
            {
                "OrderNo": order,
                "Vendor": f"V{number % 4}",
                "Amount": Decimal(chance.randrange(10**12)) / 1000 if number % 7 else None,
                "Title": ODD[number % len(ODD)],
                "Changed": changed if number % 11 else None,
                "Created": changed.replace(tzinfo=None),
                "Due": datetime(2026, 2, 1 + number % 27),
                "Urgent": (True, False, None)[number % 3],
                "Version": number,
                "Status": "open",
                "Reference": None,
            }
        )
        for line in range(number % 6):
            found["Lines"].append(
                {
                    "OrderNo": order,
                    "LineNo": 10 * (line + 1),
                    "Item": f"I-{line}",
                    "Qty": Decimal("1.500") * line,
                    "Text": ODD[line],
                }
            )
            found["Schedule"] += [
                {"OrderNo": order, "LineNo": 10 * (line + 1), "Number": each, "Qty": Decimal(each)}
                for each in range(line % 3)
            ]
    chance.shuffle(found["Lines"])
    found["Vendors"] = [{"Code": f"V{number}", "Name": f"Vendor {number}"} for number in range(3)]
    found["Ties"] = [
        {"A": f"a{number % 10}", "B": number, "Changed": BEGIN + timedelta(microseconds=number % 900)}
        for number in range(1_000)
    ]
    return found


def service(version: int) -> ODataServer:
    held = rows()
    if version == 4:
        for row in held["Orders"]:
            row["Created"] = row["Created"].replace(tzinfo=UTC)
            row["Due"] = row["Due"].date()
        for row in held["Ties"]:
            row["Changed"] = BEGIN
    return ODataServer(version, types(version), held)


def driver(server: ODataServer, secrets: dict[str, str] | None = None, **options: Any) -> ODataDriver:
    return ODataDriver("erp", {"url": server.url, "service": ROOT[1:], **options}, secrets or {})


def orders(*, own_set: bool = False, **changes: Any) -> StreamSpec:
    lines: dict[str, Any] = {"expand": "to_Lines"}
    if own_set:
        lines = {"entity_set": "Lines", "parent": ["OrderNo"], "order_by": ["LineNo"]}
    options = {"entity_set": "Orders", "replication_key": "Changed", "lines": {"lines": lines}, **changes}
    return StreamSpec("orders", "purchase_order", options)


def ties() -> StreamSpec:
    return StreamSpec("ties", "vendor", {"entity_set": "Ties", "replication_key": "Changed"})


# --- writing

ORDER: dict[str, Any] = {
    "vendorKey": "V1",
    "notes": "Bolts & nuts 'blue'",
    "totalNetValue": "12.50",
    "dueAt": "2026-02-03T00:00:00Z",
    "lineItems": [
        {"materialKey": "I-1", "quantity": "3.000000000000000001"},
        {"materialKey": "I-2", "quantity": "1", "notes": "blue"},
    ],
}


def write(**changes: Any) -> dict[str, Any]:
    return {
        "settles_after": "1s",
        "keys": ["vendorKey"],
        "create": {
            "required": ["vendorKey", "lineItems", "lineItems.materialKey", "lineItems.quantity"],
            "reference": "result.OrderNo",
            "find": "Reference eq :idempotencyKey",
            "steps": [
                {
                    "create": "Orders",
                    "values": {
                        "Vendor": "vendorKey",
                        "Title": "notes",
                        "Amount": "totalNetValue",
                        "Due": "dueAt",
                        "Status": {"const": "open"},
                        "Reference": "idempotencyKey",
                    },
                    "lines": {
                        "to_Lines": {
                            "for_each": "lineItems",
                            "values": {
                                "LineNo": "line.number",
                                "Item": "lineItems.materialKey",
                                "Qty": "lineItems.quantity",
                                "Text": "lineItems.notes",
                            },
                        }
                    },
                }
            ],
        },
        "update": {
            "updatable_in": {"notes": ["draft", "pending_approval"]},
            "find": "OrderNo eq :key and Reference eq :idempotencyKey",
            "steps": [
                {
                    "update": "Orders",
                    "where": {"OrderNo": "key"},
                    "set": {
                        "Title": "notes",
                        "Amount": "totalNetValue",
                        "Due": "dueAt",
                        "Reference": "idempotencyKey",
                    },
                },
                {
                    "update": "Lines",
                    "for_each": "lineItems",
                    "where": {"OrderNo": "key", "LineNo": "lineItems.lineNo"},
                    "set": {"Qty": "lineItems.quantity"},
                },
            ],
        },
        "delete": {"steps": [{"delete": "Orders", "where": {"OrderNo": "key"}}]},
        "set_status": {
            "statuses": {"approved": "2", "rejected": "3"},
            "steps": [
                {
                    "update": "Orders",
                    "where": {"OrderNo": "key"},
                    "set": {"Status": "status"},
                    "status": "approved",
                },
                {"call": "RejectOrder", "values": {"OrderNo": "key"}, "status": "rejected"},
            ],
        },
    } | changes


def writable_stream(**changes: Any) -> StreamSpec:
    options = {"entity_set": "Orders", "lines": {"lines": {"expand": "to_Lines"}}}
    return StreamSpec("orders", "purchase_order", options, write=write(**changes))


def writable_service(version: int) -> ODataServer:
    """Numbers its orders, refuses a blocked vendor, and rejects by a function of its own."""
    server = service(version)
    server.rows["Orders"] = server.rows["Orders"][:5]
    server.csrf = True

    def number(_: ODataServer, row: Row) -> None:
        if row["Vendor"] == "V-BLOCKED":
            raise Refused(
                400,
                "06/321",
                "Vendor V-BLOCKED is blocked",
                (("06/321", "Vendor V-BLOCKED is blocked", "Vendor"),),
            )
        if row["OrderNo"] is None:
            server.numbers += 1
            row["OrderNo"] = f"46{server.numbers:08}"
            row["Version"] = row["Version"] or 0

    def reject(_: ODataServer, given: dict[str, Any]) -> None:
        found = [row for row in server.rows["Orders"] if row["OrderNo"] == given["OrderNo"]]
        if not found:
            raise Refused(404, "PO/001", "No such order")
        found[0]["Status"] = "3"

    server.hooks["Orders"] = number
    server.functions["RejectOrder"] = reject
    return server


async def scan(
    server: ODataServer, stream: StreamSpec, page_rows: int = 1_000, **options: Any
) -> list[dict[str, Any]]:
    made = driver(server, **options)
    try:
        return rows_of(await pages(made, ReadRequest(stream, ReadMode.SCAN, page_rows=page_rows)))
    finally:
        await made.aclose()
