"""What a policy says, worked out a second time: from the plain tables of its file, one question and one record at a time.

It shares no code with `agent.policy` but the model's names, so a fault of one is not a fault of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time
from decimal import Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

from agent.model.entities import PURCHASE_ORDER, Kind

Table = Mapping[str, Any]

HEADER = {field.alias: field for field in PURCHASE_ORDER.fields}
LINE = {field.alias for field in HEADER["lineItems"].fields}
COMMANDS = {"sync", "create", "update", "delete", "set_status"}


class Refused(Exception):
    """`args[0]` is the code."""


def command(file: Table, connection: str, name: str, now: datetime) -> str:
    if not connection:
        return (
            "allowed" if name in {"cancel", "diagnostics"} & set(file.get("commands", ())) else "not_allowed"
        )
    rule = file.get("connections", {}).get(connection)
    if rule is None or name not in COMMANDS & set(rule.get("commands", ())):
        return "not_allowed"
    here = now.astimezone(ZoneInfo(rule.get("time_zone", "UTC")))
    minute = here.hour * 60 + here.minute
    for text in rule.get("quiet_hours", ()):
        start, end = (time.fromisoformat(part) for part in text.split("-"))
        first, last = start.hour * 60 + start.minute, end.hour * 60 + end.minute
        # So many minutes after its start; a span over midnight is one of the next day's minutes.
        if (minute - first) % 1440 < (last - first) % 1440:
            return "quiet_hours"
    return "allowed"


def write(file: Table, operation: str, record: Table, now: datetime, count: int, whole: Table | None) -> str:
    """Of a purchase order through the connection erp."""
    found = command(file, "erp", operation, now)
    if found != "allowed":
        return found
    rule = file["connections"]["erp"].get("write", {}).get("purchase_order")
    if rule is None:
        return "not_allowed"
    try:
        _judge(rule, operation, record, count, whole)
    except Refused as refused:
        return str(refused.args[0])
    return "allowed"


def _judge(rule: Table, operation: str, record: Table, count: int, whole: Table | None) -> None:
    if operation not in rule.get("operations", ()):
        raise Refused("operation_not_allowed")
    if operation != "delete":
        for path in _set_paths(record):
            if not (operation == "set_status" and path == "status") and not _writable(rule, path):
                raise Refused("field_not_allowed")
    statuses = [record["status"]] if "status" in record else []
    statuses += [line["status"] for line in record.get("lineItems") or () if "status" in line]
    if any(status not in rule.get("statuses", ()) for status in statuses):
        raise Refused("status_not_allowed")
    _judge_amount(rule, operation, record, whole)
    if "per_hour" in rule and count >= rule["per_hour"]:
        raise Refused("too_many")


def _set_paths(record: Table) -> Iterator[str]:
    for name, value in record.items():
        if name == "lineItems" and value:
            yield from (f"{name}.{member}" for line in value for member in line)
        elif name == "customFields" and value:
            yield from (f"{name}.{member}" for member in value)
        else:
            yield name


def _writable(rule: Table, path: str) -> bool:
    above, _, below = path.partition(".")
    named = rule.get("fields", ())
    if above != "customFields" and (below not in LINE if below else above not in HEADER):
        return False
    if path in ("statusKey", "lineItems.statusKey"):
        return named != "all" and path in named
    return named == "all" or path in named or bool(below and above in named)


def _judge_amount(rule: Table, operation: str, record: Table, whole: Table | None) -> None:
    limits = rule.get("max_amount")
    says = {"totalNetValue", "totalTaxValue", "totalGrossValue", "currencyKey", "lineItems"}
    if limits is None or (operation == "update" and not says & set(record)):
        return
    judged = ([record] if operation == "create" else []) + ([whole] if whole is not None else [])
    if not judged:
        raise Refused("amount_unknown")
    for one in judged:
        with localcontext() as context:
            context.prec = 200
            sums = _sums(one)
        for currency, amount in sums.items():
            if currency not in limits:
                raise Refused("currency_not_allowed")
            if amount > Decimal(limits[currency]):
                raise Refused("amount_exceeded")


def _sums(record: Table) -> dict[str, Decimal]:
    own = record.get("currencyKey")
    sums: dict[str, Decimal] = {}
    for line in record.get("lineItems") or ():
        currency = line.get("currencyKey") or own
        if "quantity" not in line or "price" not in line or not currency:
            raise Refused("amount_unknown")
        unit = _size(line.get("priceUnit", "1"))
        if not unit:
            raise Refused("amount_unknown")
        dearer = max(Decimal(0), -Decimal(line.get("discount", "0")))
        made = max(
            _size(line["quantity"]) * _size(line["price"]) / unit + dearer,
            _size(line.get("lineTotalValue", "0")),
        )
        sums[currency] = sums.get(currency, Decimal(0)) + made + _size(line.get("lineTaxValue", "0"))
    net, tax, gross = (
        _size(record.get(name, "0")) for name in ("totalNetValue", "totalTaxValue", "totalGrossValue")
    )
    if any(name in record for name in ("totalNetValue", "totalTaxValue", "totalGrossValue")):
        if not own:
            raise Refused("amount_unknown")
        sums[own] = max(sums.get(own, Decimal(0)), gross, net + tax)
    if not sums:
        raise Refused("amount_unknown")
    return sums


def _size(text: str) -> Decimal:
    whole, _, part = text.removeprefix("-").partition(".")
    if not (whole + part).isdecimal() or not whole or (not part and "." in text):
        raise Refused("amount_unknown")
    return abs(Decimal(text))


def treatment(rule: Table, path: str) -> str:
    """stays, masked, hashed or leaves; `path` is that of a value, not of a list or an object."""
    if path in ("key", "contentHash"):
        return "leaves"
    names = {path, path.partition(".")[0]}
    for key, word in (("except", "stays"), ("mask", "masked"), ("hash", "hashed")):
        if names & set(rule.get(key, ())):
            return "masked" if word == "stays" and path == "orderNo" else word
    leaves = path != "raw" and (rule.get("fields", ()) == "all" or names & set(rule.get("fields", ())))
    if leaves:
        return "leaves"
    return "masked" if path == "orderNo" else "stays"


def chosen(rule: Table, record: Table) -> bool:
    """`record` by the names of the model, objects as tables."""
    for path, texts in rule.get("rows", {}).items():
        above, _, below = path.partition(".")
        value = record.get(above)
        if below:
            value = value.get(below) if value else None
        if not isinstance(value, str) or value not in texts:
            return False
    return True


def is_text(path: str) -> bool:
    """Of the fields that the cases use."""
    if path.startswith("customFields."):
        return path != "customFields.count"
    above, _, below = path.partition(".")
    fields = {field.alias: field for field in HEADER[above].fields} if below else HEADER
    field = fields.get(below or above)
    return field is not None and field.kind is Kind.STRING
