"""How fast a page of a NAV-like source is hashed, mapped and encoded: 2,000 orders of 5 lines with 25 columns.

.venv/bin/python -m bench.mapping_speed
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from agent.mapping.compile import compile_mapping
from agent.mapping.hashes import content_hashes
from agent.model.payload import decode, encode_records
from agent.model.render import to_documents

ORDERS, LINES_PER_ORDER, ROUNDS = 2_000, 5, 15
LINES = ORDERS * LINES_PER_ORDER
MAPPING = {
    "defaults": {"empty_dates": True, "zone": "Europe/Berlin"},
    "orderNo": "No_",
    "status": {"from": "Status", "values": {"0": "draft", "1": "approved", "2": "pending_approval"}},
    "orderDate": "Order Date",
    "vendorKey": "Buy-from Vendor No_",
    "vendorName": {"from": "Buy-from Vendor Name", "trim": True},
    "currencyKey": {"coalesce": ["Currency Code", {"const": "EUR"}]},
    "lineItems": {
        "lines": "lines",
        "map": {
            "key": {"concat": ["Document No_", "Line No_"], "separator": "~"},
            "lineNo": "Line No_",
            "type": {"from": "Type", "values": {"1": "account", "2": "item"}},
            "code": {"from": "No_", "strip_zeros": True},
            "description": {"from": "Description", "trim": True},
            "quantity": "Quantity",
            "receivedQuantity": "Quantity Received",
            "uomKey": "Unit of Measure Code",
            "price": "Direct Unit Cost",
            "discount": "Line Discount",
            "lineTotalValue": "Line Amount",
            "lineTaxValue": "VAT Base Amount",
            "storeroomKey": "Location Code",
            "dueAt": "Expected Receipt Date",
            "currencyKey": {"header": "Currency Code"},
        },
    },
}


def page(*, amounts_as_text: bool) -> pa.Table:
    rng = random.Random(7)
    day = datetime(2025, 1, 1)

    def amounts(digits: int, scale: int) -> pa.Array:
        values = [Decimal(rng.randrange(10**digits)).scaleb(-scale) for _ in range(LINES)]
        if amounts_as_text:
            return pa.array([f"{value:.20f}" for value in values], pa.string())
        return pa.array(values, pa.decimal128(38, 20))

    def codes(*choices: str) -> pa.Array:
        return pa.array(rng.choices(choices, k=LINES))

    def days(spread: int) -> pa.Array:
        return pa.array([day + timedelta(rng.randrange(spread)) for _ in range(LINES)], pa.timestamp("us"))

    numbers = [f"PO{100_000 + number}" for number in range(ORDERS)]
    items = [f"00{rng.randrange(70_000, 75_000)}" for _ in range(LINES)]
    line = {
        "Document No_": pa.array([number for number in numbers for _ in range(LINES_PER_ORDER)]),
        "Line No_": pa.array([10_000 * (index % LINES_PER_ORDER + 1) for index in range(LINES)], pa.int32()),
        "Type": codes("1", "2", "2", "2"),
        "No_": pa.array(items),
        "Description": pa.array([f"Bearing {item[-4:]} galvanised " for item in items]),
        "Quantity": amounts(3, 0),
        "Quantity Received": amounts(2, 0),
        "Unit of Measure Code": codes("PCS", "BOX", "KG"),
        "Direct Unit Cost": amounts(7, 2),
        "Line Discount": amounts(1, 0),
        "Line Amount": amounts(8, 2),
        "VAT Base Amount": amounts(8, 2),
        "Location Code": codes("BLUE", "RED", "GREEN"),
        "Expected Receipt Date": days(200),
        "Requested Date": days(200),
        "Promised Date": days(200),
    }
    for index in range(9):
        line[f"Extra {index}"] = codes("", "A", "B") if index % 2 else amounts(5, 2)
    child = pa.StructArray.from_arrays(list(line.values()), names=list(line))
    offsets = pa.array(range(0, LINES + 1, LINES_PER_ORDER), pa.int32())
    return pa.table(
        {
            "__key": numbers,
            "No_": numbers,
            "Status": rng.choices(["0", "1", "2"], k=ORDERS),
            "Order Date": pa.array(
                [day + timedelta(rng.randrange(300)) for _ in range(ORDERS)], pa.timestamp("us")
            ),
            "Buy-from Vendor No_": [f"{rng.randrange(10_000, 10_400)}" for _ in range(ORDERS)],
            "Buy-from Vendor Name": [f"Vendor {rng.randrange(400)} Ltd " for _ in range(ORDERS)],
            "Currency Code": rng.choices([None, "USD"], k=ORDERS),
            "lines": pa.ListArray.from_arrays(offsets, child),
        },
    )


def measure(name: str, work: Callable[[], Any]) -> Any:
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    print(f"  {name:<22} {LINES / best / 1e3:>8.0f} k lines/s   {best / LINES * 1e6:.2f} µs/line")
    return result


def main() -> None:
    mapping = compile_mapping(MAPPING, entity="purchase_order", where="bench")
    for amounts_as_text in (False, True):
        print("amounts as text" if amounts_as_text else "amounts as decimal128(38, 20)")
        source = page(amounts_as_text=amounts_as_text)
        hashes = measure("content_hashes", lambda source=source: content_hashes(source))
        mapped = measure("apply", lambda source=source, hashes=hashes: mapping.apply(source, hashes=hashes))
        assert not mapped.rejects, mapped.rejects[:1]
        records = mapped.records
        payload = measure(
            "encode", lambda records=records: encode_records(records, {"entity": "purchase_order"})
        )
        decoded = measure("decode", lambda payload=payload: decode("records", payload))
        print(f"  payload                {len(payload) / LINES:>8.1f} bytes/line")
        assert decoded.table is not None
        measure("render all", lambda table=decoded.table: to_documents(table, range(ORDERS)))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
