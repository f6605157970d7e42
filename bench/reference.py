"""What the ledger's documents must be, row by row from psql's text output, with the standard library alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from bench.workload import MAPPED, Workload, selected

Row = dict[str, str | None]

HEADER_STATUS = {"0": "draft", "1": "approved", "2": "pending_approval", "3": "ordered"}
LINE_TYPE = {"1": "account", "2": "item"}


def documents(workload: Workload) -> Iterator[dict[str, Any]]:
    """Every order in the order of its key."""
    lines = itertools.groupby(
        _rows(workload, "purchase_line", "document_no_, line_no_"), key=lambda row: row["document_no_"]
    )
    group: tuple[str | None, Iterator[Row]] | None = next(lines, None)
    for header in _rows(workload, "purchase_header", "no_"):
        own: list[Row] = []
        if group is not None and group[0] == header["no_"]:
            own = list(group[1])
            group = next(lines, None)
        yield _order(header, own)
    if group is not None:
        raise AssertionError(f"lines without a header: {group[0]}")


def _rows(workload: Workload, table: str, order: str) -> Iterator[Row]:
    names = MAPPED[table]
    with workload.copy_out(f"select {selected(table, 'mapped')} from {table} order by {order}") as process:
        assert process.stdout is not None
        for line in process.stdout:
            values = line.decode().rstrip("\n").split("\t")
            yield {name: None if value == "\\N" else value for name, value in zip(names, values, strict=True)}
    if process.returncode != 0:
        raise AssertionError(f"psql ended with {process.returncode}")


def _order(row: Row, lines: list[Row]) -> dict[str, Any]:
    currency = row["currency_code"] or "EUR"
    return {
        "key": row["no_"],
        "sourceKey": row["no_"],
        "orderNo": row["no_"],
        "title": row["your_reference"] or None,
        "status": HEADER_STATUS[row["status"] or ""],
        "statusKey": row["status"],
        "orderDate": row["order_date"],
        "dueAt": _midnight(row["due_date"]),
        "deliveryAt": _midnight(row["expected_receipt_date"]),
        "vendorKey": row["buy_from_vendor_no_"],
        "vendorCode": row["buy_from_vendor_no_"],
        "vendorName": row["buy_from_vendor_name"],
        "locationKey": row["location_code"],
        "userRequestedKey": row["purchaser_code"],
        "currencyKey": currency,
        "terms": row["payment_terms_code"],
        "shippingMethod": row["shipment_method_code"],
        "shipmentAddress": {
            "addressee": row["ship_to_name"],
            "city": row["ship_to_city"],
            "postCode": row["ship_to_post_code"],
        },
        "totalNetValue": _amount(row["amount"]),
        "totalTaxValue": _amount(row["vat_amount"]),
        "totalGrossValue": _amount(row["amount_including_vat"]),
        "updatedAt": _moment(row["modified_at"]),
        "customFields": {"currencyFactor": _amount(row["currency_factor"])},
        "lineItems": [_line(line, currency) for line in lines],
    }


def _line(row: Row, currency: str) -> dict[str, Any]:
    received = row["completely_received"] == "t"
    return {
        "lineNo": row["line_no_"],
        "type": LINE_TYPE[row["type"] or ""],
        "code": row["no_"],
        "description": row["description"],
        "materialKey": row["no_"],
        "accountKey": row["job_no_"] or None,
        "storeroomKey": row["location_code"],
        "locationKey": row["bin_code"] or None,
        "status": "received" if received else "ordered",
        "statusKey": "true" if received else "false",
        "quantity": _amount(row["quantity"]),
        "receivedQuantity": _amount(row["quantity_received"]),
        "uomKey": row["unit_of_measure_code"],
        "price": _amount(row["direct_unit_cost"]),
        "discount": _amount(row["line_discount_pct"]),
        "lineTotalValue": _amount(row["amount"]),
        "currencyKey": currency,
        "deliveryAt": _midnight(row["planned_receipt_date"]),
        "dueAt": _midnight(row["expected_receipt_date"]),
    }


def _amount(text: str | None) -> str | None:
    """The canonical form: every digit that says something, and none that does not."""
    if text is None:
        return None
    exact = format(Decimal(text), "f")
    return exact.rstrip("0").rstrip(".") if "." in exact else exact


def _midnight(day: str | None) -> str | None:
    return None if day is None else f"{day}T00:00:00Z"


def _moment(text: str | None) -> str | None:
    """The source's local time, which bench/connection.toml says is UTC; fractions only as far as they say something."""
    if text is None:
        return None
    whole, _, fraction = text.partition(".")
    return f"{whole.replace(' ', 'T')}{'.' + fraction.ljust(6, '0') if fraction else ''}Z"


def first_difference(expected: Any, actual: Any, path: str = "") -> str | None:
    """None when equal; the API may add provenance, and null for what is not mapped, but no other value."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name, value in actual.items():
            found = (
                first_difference(expected[name], value, f"{path}.{name}")
                if name in expected
                else (
                    None
                    if value in (None, [], {}) or name in _PROVENANCE
                    else f"{path}.{name}: unexpected {value!r}"
                )
            )
            if found:
                return found
        missing = [name for name in expected if name not in actual]
        return f"{path}: {missing} missing" if missing else None
    if isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            return f"{path}: {len(expected)} expected, {len(actual)} found"
        pairs = enumerate(zip(expected, actual, strict=True))
        return next(
            (
                found
                for i, (mine, theirs) in pairs
                if (found := first_difference(mine, theirs, f"{path}[{i}]"))
            ),
            None,
        )
    return None if expected == actual else f"{path}: expected {expected!r}, found {actual!r}"


_PROVENANCE = {"deleted", "contentHash", "connection", "system", "syncRun", "readAt", "receivedAt"}
