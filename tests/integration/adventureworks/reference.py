"""The unified documents that AdventureWorks must become, made row by row from the files alone.

Written against the data's description and the unified model, with nothing but the standard library, so that it cannot
share a mistake with the code it judges. Only the fields that the connection file maps are expected here.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

Document = dict[str, Any]
Rows = list[list[str]]

STATUSES = {"1": "pending_approval", "2": "approved", "3": "rejected", "4": "closed"}
RATINGS = {"1": "superior", "2": "excellent", "3": "above average", "4": "average", "5": "below average"}
PRODUCT_LINES = {"R": "Road", "M": "Mountain", "T": "Touring", "S": "Standard"}


class Reference:
    def __init__(self, data: Path) -> None:
        self._data = data
        self._units = {code.strip(): name for code, name, _ in self._rows("UnitMeasure.csv")}
        self._vendors = {row[0]: row for row in self._rows("Vendor.csv")}
        self._products = {row[0]: row for row in self._rows("Product.csv")}
        self._supply = {(row[0], row[1]): row for row in self._rows("ProductVendor.csv")}

    def purchase_orders(self) -> dict[str, Document]:
        methods = {row[0]: row[1] for row in self._rows("ShipMethod.csv")}
        lines = _grouped(self._rows("PurchaseOrderDetail.csv"))
        return {
            row[0]: self._order(row, methods, lines[row[0]]) for row in self._rows("PurchaseOrderHeader.csv")
        }

    def vendors(self) -> dict[str, Document]:
        return {key: self._vendor(row) for key, row in self._vendors.items()}

    def inventory_items(self) -> dict[str, Document]:
        locations = {row[0]: row[1] for row in self._rows("Location.csv")}
        stocks = _grouped(self._rows("ProductInventory.csv"))
        return {key: self._item(row, stocks[key], locations) for key, row in self._products.items()}

    def _rows(self, file: str) -> Rows:
        with (self._data / file).open(encoding="ascii", newline="") as text:
            return list(csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE))

    def _order(self, row: list[str], methods: dict[str, str], lines: Rows) -> Document:
        (
            key,
            revision,
            status,
            employee,
            vendor,
            method,
            ordered,
            shipped,
            net,
            tax,
            freight,
            gross,
            changed,
        ) = row
        return {
            "key": key,
            "sourceKey": key,
            "orderNo": key,
            "status": STATUSES[status],
            "statusKey": status,
            "orderDate": _moment(ordered).date(),
            "shipmentDate": _moment(shipped).date(),
            "vendorKey": vendor,
            "vendorCode": self._vendors[vendor][1],
            "vendorName": self._vendors[vendor][2],
            "userRequestedKey": employee,
            "currencyKey": "USD",
            "shippingMethod": methods[method],
            "totalNetValue": Decimal(net),
            "totalTaxValue": Decimal(tax),
            "totalGrossValue": Decimal(gross),
            "updatedAt": _moment(changed),
            "customFields": {"freight": Decimal(freight), "revision": int(revision)},
            "lineItems": [self._line(line, vendor) for line in sorted(lines, key=lambda line: int(line[1]))],
        }

    def _line(self, row: list[str], vendor: str) -> Document:
        _, number, due, quantity, product, price, total, received, *_ = row
        return {
            "key": number,
            "lineNo": number,
            "code": self._products[product][2],
            "name": self._products[product][1],
            "materialKey": product,
            "vendorKey": vendor,
            "quantity": Decimal(quantity),
            "receivedQuantity": Decimal(received),
            "uomKey": self._supply[product, vendor][9].strip() if (product, vendor) in self._supply else None,
            "price": Decimal(price),
            "priceUnit": Decimal(1),
            "lineTotalValue": Decimal(total),
            "currencyKey": "USD",
            "dueAt": _moment(due),
        }

    def _vendor(self, row: list[str]) -> Document:
        key, account, name, rating, preferred, active, website, changed = row
        return {
            "key": key,
            "sourceKey": key,
            "code": account,
            "name": name,
            "isActive": active == "1",
            "currencyKey": "USD",
            "website": website or None,
            "updatedAt": _moment(changed),
            "customFields": {"creditRating": RATINGS[rating], "preferred": preferred == "1"},
        }

    def _item(self, row: list[str], stocks: Rows, locations: dict[str, str]) -> Document:
        key, name, number, made, _finished, color, safety, reorder, cost, price, size, size_unit = row[:12]
        weight_unit, weight, days, line, quality, style = row[12:18]
        stock_of_item = sorted(stocks, key=lambda stock: int(stock[1]))
        offers = sorted(
            (offer for offer in self._supply.values() if offer[0] == key), key=lambda o: int(o[1])
        )
        return {
            "key": key,
            "sourceKey": key,
            "code": number,
            "name": name,
            "type": "manufactured" if made == "1" else "purchased",
            "isActive": not row[21] and not row[22],
            "isAssembly": made == "1",
            "categoryName": PRODUCT_LINES[line.strip()] if line else None,
            "updatedAt": _moment(row[24]),
            "customFields": {
                "color": color or None,
                "size": size or None,
                "sizeUnit": self._units[size_unit.strip()] if size_unit else None,
                "weight": Decimal(weight) if weight else None,
                "weightUnit": self._units[weight_unit.strip()] if weight_unit else None,
                "class": quality.strip() or None,
                "style": style.strip() or None,
                "listPrice": Decimal(price),
                "daysToManufacture": int(days),
            },
            "stocks": [_stock(stock, locations, cost, safety, reorder) for stock in stock_of_item],
            "supplyOptions": [
                {
                    "vendorKey": offer[1],
                    "price": Decimal(offer[3]),
                    "currencyKey": "USD",
                    "uomKey": offer[9].strip(),
                }
                for offer in offers
            ],
        }


def _stock(row: list[str], locations: dict[str, str], cost: str, safety: str, reorder: str) -> Document:
    product, location, shelf, place, quantity, *_ = row
    return {
        "key": f"{product}~{location}",
        "locationKey": location,
        "storeroomKey": locations[location],
        "position": f"{shelf}-{place}" if shelf else place,
        "quantity": Decimal(quantity),
        "unitCost": Decimal(cost),
        "currencyKey": "USD",
        "minLevel": Decimal(safety),
        "reorderPoint": Decimal(reorder),
    }


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Every place where an API's document is not what is expected; a null that is not expected is no difference."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        found = [
            line
            for name in expected
            for line in differences(expected[name], actual.get(name), f"{path}.{name}")
        ]
        extra = [name for name in actual if name not in expected and actual[name] not in (None, [], {})]
        return found + [
            f"{path}.{name}: unexpected {actual[name]!r}" for name in extra if name not in _AGENT_FIELDS
        ]
    if isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            return [f"{path}: {len(expected)} entries expected, {len(actual)} found"]
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for i, (mine, theirs) in pairs for line in differences(mine, theirs, f"{path}[{i}]")]
    return [] if _same(expected, actual) else [f"{path}: expected {expected!r}, found {actual!r}"]


# Filled by the agent and the relay for every record; checked by name where they matter.
_AGENT_FIELDS = frozenset(
    {
        "contentHash",
        "connection",
        "system",
        "syncRun",
        "readAt",
        "receivedAt",
        "position",
        "deleted",
    }
)


def _same(expected: Any, actual: Any) -> bool:
    if isinstance(expected, Decimal):
        return isinstance(actual, str) and actual == canonical(expected)
    if isinstance(expected, datetime):
        return isinstance(actual, str) and datetime.fromisoformat(actual) == expected
    if isinstance(expected, date):
        return bool(actual == expected.isoformat())
    return type(expected) is type(actual) and bool(expected == actual)


def canonical(value: Decimal) -> str:
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    text = (
        "".join(map(str, digits)).rjust(1 - exponent, "0")
        if exponent < 0
        else "".join(map(str, digits)) + "0" * exponent
    )
    whole, fraction = (text[:exponent], text[exponent:].rstrip("0")) if exponent < 0 else (text, "")
    body = (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")
    return f"-{body}" if sign and body != "0" else body


def _grouped(rows: Rows) -> defaultdict[str, Rows]:
    groups: defaultdict[str, Rows] = defaultdict(list)
    for row in rows:
        groups[row[0]].append(row)
    return groups


def _moment(text: str) -> datetime:
    """The files write up to nine digits of a second; the source keeps six."""
    return datetime.fromisoformat(text[:26]).replace(tzinfo=UTC)
