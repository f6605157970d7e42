"""What holds for every page: the whole-column result is that of a plain row-by-row mapping, and bad rows stay alone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.mapping.compile import Mapped, compile_mapping

BERLIN = ZoneInfo("Europe/Berlin")
STATUSES = {"1": "approved", "2": "closed"}
COMPILED = compile_mapping(
    {
        "defaults": {"zone": "Europe/Berlin", "empty_dates": True},
        "orderNo": {"from": "no", "strip_zeros": True},
        "title": {"coalesce": [{"from": "title", "trim": True}, {"const": "none"}]},
        "status": {"from": "status", "values": STATUSES},
        "orderDate": "day",
        "dueAt": {"from": "sap_day", "date": "yyyymmdd", "time": "sap_time"},
        "totalNetValue": {"from": "amount", "decimal_separator": ",", "thousands": "."},
        "notes": {"concat": ["no", "title"], "separator": "/"},
        "lineItems": {
            "lines": "lines",
            "where": {"kind": "2"},
            "map": {
                "lineNo": "no",
                "quantity": "qty",
                "currencyKey": {"header": "status"},
                "name": {"lookup": {"lines": "names", "match": "no", "key": "no", "take": "name"}},
            },
        },
        "custom": {
            "n": {"count": "lines"},
            "some": {"count": "lines", "where": {"kind": ["", "2"]}},
            "net": {"sum": "lines", "of": "qty", "where": {"kind": "2"}},
        },
    },
    entity="purchase_order",
    where="laws",
)
NAME = pa.struct({"no": pa.string(), "name": pa.string()})
LINE = pa.struct({"no": pa.string(), "qty": pa.string(), "kind": pa.string()})
COLUMNS = ("no", "title", "status", "day", "sap_day", "sap_time", "amount")
SCHEMA = pa.schema(
    {
        "__key": pa.string(),
        **dict.fromkeys(COLUMNS, pa.string()),
        "lines": pa.list_(LINE),
        "names": pa.list_(NAME),
    }
)


class Bad(Exception):
    pass


def plain_number(text: str | None) -> Decimal | None:
    if text is None or not text.strip():
        return None
    text = text.strip()
    sign = "-" if text.endswith("-") else ""
    body = text.removesuffix("-").rstrip()
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", body) or (sign and body[0] in "+-"):
        raise Bad
    return Decimal(sign + body)


def german_number(text: str | None) -> Decimal | None:
    if text is None or not text.strip():
        return None
    text = text.strip()
    if "." in text and not re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+(,\d*)?\s*[+-]?", text):
        raise Bad
    return plain_number(text.replace(".", "").replace(",", "."))


def empty(day: date) -> bool:
    return (day.year, day.month, day.day) in {(1, 1, 1), (1753, 1, 1), (1900, 1, 1)}


def iso_day(text: str | None) -> date | None:
    if text is None or text.strip() in {"", "0000-00-00", "00000000"}:
        return None
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise Bad from None
    return None if empty(day) else day


def sap_moment(day: str | None, clock: str | None) -> datetime | None:
    if day is None or day.strip() in {"", "00000000"}:
        return None
    try:
        midnight = datetime.strptime(f"{day.strip()}+0000", "%Y%m%d%z").replace(tzinfo=None)
    except ValueError:
        raise Bad from None
    if empty(midnight.date()):
        return None
    digits = (clock or "").strip().rjust(6, "0")
    if not digits.isdecimal():
        raise Bad
    hours, minutes, seconds = int(digits[:-4]), int(digits[-4:-2]), int(digits[-2:])
    if digits != "240000" and (hours > 23 or minutes > 59 or seconds > 59):
        raise Bad
    local = midnight + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    there_and_back = local.replace(tzinfo=BERLIN).astimezone(UTC).astimezone(BERLIN).replace(tzinfo=None)
    if there_and_back != local:  # inside the missing hour: the first moment after it
        local = local.replace(hour=3, minute=0, second=0)
    return local.replace(tzinfo=BERLIN).astimezone(UTC)


def line_document(line: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    names = [name["name"] for name in row["names"] if line["no"] is not None and name["no"] == line["no"]]
    return {
        "line_no": line["no"],
        "quantity": plain_number(line["qty"]),
        "currency_key": row["status"],
        "name": names[0] if names else None,
    }


def mapped_alone(row: dict[str, Any]) -> dict[str, Any]:
    number, title, code = row["no"], row["title"], row["status"]
    if number is None:
        raise Bad
    found = [plain_number(line["qty"]) for line in row["lines"] if line["kind"] == "2"]
    amounts = [amount for amount in found if amount is not None]
    return {
        "order_no": (number.lstrip("0") or "0") if re.fullmatch("[0-9]+", number) else number,
        "title": ((title or "").strip()) or "none",
        "status": None if code is None else STATUSES.get(code, "unknown"),
        "status_key": code,
        "order_date": iso_day(row["day"]),
        "due_at": sap_moment(row["sap_day"], row["sap_time"]),
        "total_net_value": german_number(row["amount"]),
        "notes": "/".join(part for part in (number, title) if part is not None),
        "line_items": [line_document(line, row) for line in row["lines"] if line["kind"] == "2"],
        "custom_fields": {
            "n": len(row["lines"]),
            "some": sum(line["kind"] in (None, "2") for line in row["lines"]),
            "net": sum(amounts) if amounts else None,
        },
    }


def reference(rows: list[dict[str, Any]]) -> tuple[dict[str, dict[str, Any]], set[str]]:
    good, bad = {}, set()
    for row in rows:
        try:
            good[row["__key"]] = mapped_alone(row)
        except Bad:
            bad.add(row["__key"])
    return good, bad


def some(*values: str) -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, *values])


LINES = st.lists(
    st.fixed_dictionaries(
        {"no": some("1", "2"), "qty": some("1.5", "2-", "", "x", ".5"), "kind": some("1", "2")}
    ),
    max_size=3,
)
ROW = st.fixed_dictionaries(
    {
        "no": some("007", "000", "A01", "", "1 "),
        "title": some("", "  ", " a ", "b"),
        "status": some("1", "2", "9", ""),
        "day": some("2026-01-05", "2026-02-30", "", "1753-01-01", "0000-00-00", "5.1.2026", " 2026-01-05 "),
        "sap_day": some("20260105", "00000000", "20260329", "20261025", "20260231", "", "19000101", "1"),
        "sap_time": some("073000", "240000", "023000", "240001", "", "noon", "73000"),
        "amount": some("1.234,50-", "1,5", "1.5", "-7", "", "x", "0", "12.345.678,9", "1,2,3", "5 -"),
        "lines": LINES,
        "names": st.lists(st.fixed_dictionaries({"no": some("1", "2"), "name": some("n", "m")}), max_size=2),
    }
)


def page_of(rows: list[dict[str, Any]]) -> tuple[pa.Table, list[dict[str, Any]]]:
    keyed = [{"__key": str(number), **row} for number, row in enumerate(rows)]
    return pa.Table.from_pylist(keyed, SCHEMA), keyed


def documents(mapped: Mapped) -> dict[str, dict[str, Any]]:
    found = {}
    for record in mapped.records.to_pylist():
        record.pop("content_hash")
        found[record.pop("key")] = record
    return found


@settings(max_examples=120)
@given(st.lists(ROW, max_size=8))
def test_whole_columns_give_what_a_row_by_row_mapping_gives(rows: list[dict[str, Any]]) -> None:
    page, keyed = page_of(rows)
    good, bad = reference(keyed)

    mapped = COMPILED.apply(page)

    assert documents(mapped) == good
    assert {reject.key for reject in mapped.rejects} == bad
    assert mapped.records["key"].to_pylist() == [row["__key"] for row in keyed if row["__key"] in good]


@settings(max_examples=60)
@given(rows=st.lists(ROW, min_size=1, max_size=6), data=st.data())
def test_a_record_is_mapped_alike_in_any_company(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    page, _ = page_of(rows)
    together = documents(COMPILED.apply(page))
    chosen = data.draw(st.integers(0, len(rows) - 1))

    alone = documents(COMPILED.apply(page.slice(chosen, 1)))

    assert alone.get(str(chosen)) == together.get(str(chosen))
