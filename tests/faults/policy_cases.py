"""Cases for the policy and its oracle: files, orders to be written, pages of records. Made from a seed, often near a limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa

from tests.faults import policy_oracle as oracle


def file_of(random: Random) -> dict[str, Any]:
    def some(*names: str, most: int = 9) -> list[str]:
        return random.sample(names, random.randint(0, min(most, len(names))))

    fields = "orderNo currencyKey lineItems lineItems.quantity lineItems.price totalNetValue statusKey customFields.a"
    write: dict[str, Any] = {
        "operations": random.choice([["create", "update", "delete", "set_status"], some("create", "update")]),
        "fields": random.choice(["all", "all", fields.split(), some(*fields.split())]),
        "statuses": some("approved", "closed"),
    }
    if random.random() < 0.6:
        write["max_amount"] = random.choice([{"EUR": "100.00"}, {"EUR": "100", "USD": "5"}, {}])
    if random.random() < 0.4:
        write["per_hour"] = random.randint(0, 3)
    commands = ["sync", "create", "update", "delete", "set_status"]
    erp: dict[str, Any] = {
        "commands": random.choice([commands, commands, commands, some(*commands), ["syn", "createe"]]),
        "write": {"purchase_order": write},
    }
    if random.random() < 0.3:
        spans = ["22:00-05:00", "12:00-13:30", "23:59-00:00", "00:00-23:59", "04:30-04:31"]
        erp["quiet_hours"] = random.sample(spans, random.randint(1, 2))
        erp["time_zone"] = random.choice(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kolkata"])
    return {"commands": some("cancel", "diagnostics"), "connections": {"erp": erp}}


AMOUNTS = (
    "1",
    "10",
    "-10",
    "50",
    "100",
    "100.00",
    "100.01",
    "100.000000000000000000001",
    "0",
    "5",
    "-101",
    "99.5",
)


def order_of(random: Random) -> dict[str, Any]:
    record: dict[str, Any] = {}

    def maybe(table: dict[str, Any], name: str, chance: float, *values: Any) -> None:
        if random.random() < chance:
            table[name] = random.choice(values)

    maybe(record, "orderNo", 0.7, "4711")
    maybe(record, "currencyKey", 0.85, "EUR", "EUR", "EUR", "USD", "eur")
    for name in ("totalNetValue", "totalTaxValue", "totalGrossValue"):
        maybe(record, name, 0.2, *AMOUNTS)
    maybe(record, "status", 0.15, "approved", "closed", "Approved", None)
    maybe(record, "statusKey", 0.05, "2")
    maybe(record, random.choice(["notes", "Notes", "order_no", "contentHash2"]), 0.1, "x")
    maybe(record, "customFields", 0.1, {"a": "1"}, {"b": "1"}, {"status": "x"}, {})
    if random.random() < 0.6:
        record["lineItems"] = [line_of(random, maybe) for _ in range(random.randint(0, 2))]
    return record


def line_of(random: Random, maybe: Callable[..., None]) -> dict[str, Any]:
    line: dict[str, Any] = {}
    maybe(line, "price", 0.95, *AMOUNTS)
    maybe(
        line,
        "quantity",
        0.95 if "price" in line else 1,
        "1",
        "2",
        "-1",
        "1",
        "0.5",
        "1e1",
        "NaN",
    )
    maybe(line, "priceUnit", 0.15, "1", "10", "-10", "0")
    maybe(line, "discount", 0.15, "5", "-0.01", "-50", "0")
    maybe(line, "lineTotalValue", 0.15, *AMOUNTS)
    maybe(line, "lineTaxValue", 0.15, *AMOUNTS)
    maybe(line, "currencyKey", 0.15, "EUR", "USD")
    maybe(line, "status", 0.05, "approved", "closed")
    maybe(line, random.choice(["statusKey", "Quantity", "name"]), 0.1, "x")
    return line


def moment_of(random: Random) -> datetime:
    """Often near a change of the clocks, and near midnight."""
    day = random.choice([datetime(2026, 3, 28), datetime(2026, 10, 24), datetime(2026, 6, 1)]).replace(
        tzinfo=UTC
    )
    return day + timedelta(
        minutes=random.choice([random.randint(0, 4_000), 1440, 1439, 720, 810, 809, 270, 271, 300])
    )


PATHS = [
    *("orderNo", "status", "vendorName", "notes", "organizationKey", "totalNetValue"),
    *("lineItems", "lineItems.name", "lineItems.quantity", "billingAddress", "billingAddress.city"),
    *(
        "customFields",
        "customFields.project",
        "customFields.Project",
        "customFields.a.b",
        "customFields.count",
    ),
]
TEXTS = [path for path in PATHS if oracle.is_text(path) and path != "status"]
WORDS = ("1000", "2000", "approved", "", "secret")


def rule_of(random: Random) -> dict[str, Any]:
    def some(names: list[str], most: int) -> list[str]:
        return random.sample(names, random.randint(0, most))

    rule: dict[str, Any] = {"fields": random.choice(["all", "all", some(PATHS, 6)])}
    for key, names in (("except", PATHS), ("mask", PATHS), ("hash", TEXTS)):
        if random.random() < 0.4:
            rule[key] = some(names, 3)
    if random.random() < 0.5:
        places = [
            "organizationKey",
            "status",
            "billingAddress.city",
            "customFields.project",
            "customFields.a.b",
            "key",
            "siteKey",  # that no mapping fills
        ]
        rule["rows"] = {
            place: random.sample(WORDS, random.randint(1, 2))
            for place in random.sample(places, random.randint(1, 2))
        }
    return rule


LINES = pa.list_(
    pa.struct([("name", pa.string()), ("quantity", pa.decimal128(38, 10)), ("unheard_of", pa.string())])
)
SCHEMA = pa.schema(
    {
        "key": pa.string(),
        "order_no": pa.string(),
        "status": pa.string(),
        "vendor_name": pa.string(),
        "notes": pa.string(),
        "organization_key": pa.string(),
        "total_net_value": pa.decimal128(38, 10),
        "line_items": LINES,
        "billing_address": pa.struct([("city", pa.string())]),
        "custom_fields": pa.struct(
            [("project", pa.string()), ("Project", pa.string()), ("a.b", pa.string()), ("count", pa.int64())]
        ),
        "raw": pa.string(),
        "content_hash": pa.uint64(),
    }
)
NAMES = {
    "orderNo": "order_no",
    "vendorName": "vendor_name",
    "organizationKey": "organization_key",
    "totalNetValue": "total_net_value",
}


def record_of(random: Random, key: int) -> dict[str, Any]:
    def text() -> str | None:
        return random.choice([*WORDS, None])

    record: dict[str, Any] = {
        name: text() for name in ("order_no", "status", "vendor_name", "notes", "organization_key")
    }
    record |= {"key": f"K{key}", "raw": "the source's row", "content_hash": key + 1}
    record["total_net_value"] = random.choice([None, Decimal("12.5")])
    line = {"name": text(), "quantity": Decimal(key), "unheard_of": "secret"}
    record["line_items"] = random.choice([None, [], [line], [line, line]])
    record["billing_address"] = random.choice([None, {"city": text()}])
    record["custom_fields"] = random.choice(
        [None, {"project": text(), "Project": text(), "a.b": text(), "count": key}]
    )
    return record
