"""A small company on the server: orders with lines, vendors, items, production orders, assets.

Pages of which no WSDL was captured are made in the shape of the captured ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.nav.server import COMPANY, EXCEPTIONS, Fault, NavServer, Page, Row
from tests.nav.wsdls import PageDefinition, captured, codeunit_wsdl, page_wsdl

NOW = datetime(2026, 6, 15, 12, 0, 5, tzinfo=UTC)
STATUSES = ("Open", "Released", "Pending_Approval", "Pending_Prepayment")
ORDERS = PageDefinition(
    "PurchaseOrder",
    {
        "No": "string",
        "Buy_from_Vendor_No": "string",
        "Buy_from_Vendor_Name": "string",
        "Order_Date": "date",
        "Due_Date": "date",
        "Expected_Receipt_Date": "date",
        "Requested_Receipt_Date": "date",
        "Vendor_Order_No": "string",
        "Purchaser_Code": "string",
        "Assigned_User_ID": "string",
        "Status": STATUSES,
        "Currency_Code": "string",
        "Payment_Terms_Code": "string",
        "Shipment_Method_Code": "string",
        "Location_Code": "string",
        "Posting_Description": "string",
    },
    ["No"],
    {
        "PurchLines": (
            "Purchase_Order_Line",
            {
                "Type": ("_blank_", "G_L_Account", "Item", "Fixed_Asset", "Charge_Item"),
                "No": "string",
                "Description": "string",
                "Location_Code": "string",
                "Quantity": "decimal",
                "Unit_of_Measure_Code": "string",
                "Direct_Unit_Cost": "decimal",
                "Line_Discount_Percent": "decimal",
                "Line_Amount": "decimal",
                "Quantity_Received": "decimal",
                "Expected_Receipt_Date": "date",
                "Requested_Receipt_Date": "date",
                "Line_No": "int",
            },
        )
    },
)
VENDORS = PageDefinition(
    "Vendors",
    {
        "No": "string",
        "Name": "string",
        "Blocked": ("_blank_", "Payment", "All"),
        "Last_Date_Modified": "date",
        "Changed_At": "dateTime",
        "City": "string",
        "Price_Rule": ("Profit_x003D_Price_Cost", "No_Relationship"),
        "Balance_LCY": "decimal",
    },
    ["No"],
)
LISTED = PageDefinition(
    "VendorLedgerEntries",
    {"Entry_No": "int", "Vendor_No": "string", "Amount": "decimal"},
    ["Entry_No"],
    read_only=True,
)
RELEASE = ("PurchaseRelease", {"ReleaseOrder": ["documentNo"], "ReopenOrder": ["documentNo"]})


def order(number: int, lines: int = 2, **more: Any) -> Row:
    no = f"{106_000 + number}"
    held = [
        {
            "_id": f"{no}-{line}",
            "_v": 1,
            "Type": "Item",
            "No": f"I{line}",
            "Description": f"Item <{line}> & more",
            "Quantity": f"{line + 1}.5",
            "Direct_Unit_Cost": "12345678901234.56789",
            "Line_No": (line + 1) * 10_000,
        }
        for line in range(lines)
    ]
    return {
        "_v": 1,
        "_lines": {"PurchLines": held},
        "No": no,
        "Buy_from_Vendor_No": f"V{number % 5}",
        "Order_Date": date(2026, 6, 1) + timedelta(days=number % 20),
        "Vendor_Order_No": "",
        "Status": STATUSES[number % 2],
        **more,
    }


def vendor(number: int, **more: Any) -> Row:
    return {
        "_v": 1,
        "_lines": {},
        "No": f"V{number}",
        "Name": f"Vendor {number}, O'Brien's",
        "Blocked": "_blank_",
        "Last_Date_Modified": date(2026, 6, 15) - timedelta(days=number % 40) if number % 7 else None,
        "Changed_At": NOW - timedelta(hours=number * 5) if number % 7 else None,
        "Price_Rule": "Profit_x003D_Price_Cost",
        "Balance_LCY": "0.10",
        **more,
    }


def rows(*held: Row, by: tuple[str, ...] = ("No",)) -> dict[tuple[str, ...], Row]:
    return {tuple(str(each[name]) for name in by): each for each in held}


def orders_page(server: NavServer, count: int = 23) -> Page:
    numbers = (f"{107_000 + number}" for number in itertools.count())
    page = Page(
        "PurchaseOrder",
        page_wsdl(ORDERS).encode(),
        ("No",),
        rows(*(order(number, number % 4) for number in range(count))),
        number=lambda: next(numbers),
    )

    def validate(row: Row, change: Mapping[str, Any]) -> None:
        if row.get("Status") == "Released" and ("_delete" in change or set(change) - {"Posting_Description"}):
            raise Fault(
                f"{EXCEPTIONS}.NavTestFieldException", "Status must be equal to 'Open' in Purchase Header."
            )
        vendor_no = change.get("Buy_from_Vendor_No")
        if vendor_no is not None and (vendor_no,) not in server.pages["Vendors"].rows:
            raise Fault(f"{EXCEPTIONS}.NavNCLDialogException", f"The Vendor {vendor_no} does not exist.")
        if "Buy_from_Vendor_No" in change:
            row.setdefault("Status", "Open")

    page.validate = validate
    return server.add(page)


def nav(count: int = 23) -> NavServer:
    server = NavServer()
    server.clock = lambda: NOW
    server.add(Page("Vendors", page_wsdl(VENDORS).encode(), ("No",), rows(*(vendor(n) for n in range(60)))))
    orders = orders_page(server, count)
    entries = [
        {"_v": 1, "_lines": {}, "Entry_No": n, "Vendor_No": "V1", "Amount": "1.00"} for n in range(1, 8)
    ]
    server.add(
        Page(
            "VendorLedgerEntries", page_wsdl(LISTED).encode(), ("Entry_No",), rows(*entries, by=("Entry_No",))
        )
    )

    def set_status(status: str, parameters: Mapping[str, str]) -> None:
        row = orders.rows.get((parameters["documentNo"],))
        if row is None:
            raise Fault(
                f"{EXCEPTIONS}.NavCSideRecordNotFoundException", "The Purchase Header does not exist."
            )
        row["Status"] = status
        row["_v"] += 1

    name, functions = RELEASE
    server.codeunits[name] = (
        codeunit_wsdl(name, functions).encode(),
        {
            "ReleaseOrder": lambda parameters: set_status("Released", parameters),
            "ReopenOrder": lambda parameters: set_status("Open", parameters),
        },
    )
    return server


def captured_page(server: NavServer, name: str, held: list[Row], primary: tuple[str, ...] = ("No",)) -> Page:
    page = server.add(Page(name, captured(name), primary))
    for each in held:
        known = {field for field, _ in page.members}
        row = {key: value for key, value in each.items() if key in known or key.startswith("_")}
        row.setdefault("_lines", {part: [] for part in page.parts})
        page.rows[tuple(str(row[one]) for one in primary)] = row
    return page


def connection(server: NavServer, folder: Any, **options: Any) -> tuple[dict[str, Any], dict[str, str]]:
    user, password = server.account
    made = {
        "services": "nav-pages",
        "url": server.root,
        "company": COMPANY,
        "auth": {"kind": "basic", "user": user},
        "wsdl_folder": str(folder),
        "time_zone": "Europe/Berlin",
        **options,
    }
    return made, {"password": password}
