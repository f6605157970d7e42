"""What a record comes to, by currency, in exact numbers. Pure.

Taken on the careful side: of what the header says and what the lines come to the larger counts, signs are left out (a
credit moves money too), discounts are not subtracted, and one below zero is added. What cannot be told is an error,
never zero.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final

_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")


class AmountUnknown(Exception):
    """What the record comes to cannot be told; the text says why, and `field` where."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field


@dataclass(frozen=True, slots=True)
class AmountFields:
    """Where an entity says what it comes to."""

    totals: tuple[str, ...]
    currency: str = "currencyKey"
    lines: str | None = None

    def touched_by(self, record: Mapping[str, Any]) -> bool:
        """Whether a change of these fields may change what the record comes to."""
        return any(name in record for name in (*self.totals, self.currency, self.lines) if name)


AMOUNTS: Final[Mapping[str, AmountFields]] = MappingProxyType(
    {
        "purchase_order": AmountFields(
            ("totalNetValue", "totalTaxValue", "totalGrossValue"), lines="lineItems"
        ),
        "asset": AmountFields(("purchaseCost",)),
    }
)


def amounts_of(entity: str, record: Mapping[str, Any]) -> dict[str, Fraction]:
    """What the record comes to in each currency it names. Raises AmountUnknown."""
    where = AMOUNTS.get(entity)
    if where is None:
        raise AmountUnknown("", f"a {entity} has no amount")
    own = _currency(record, where.currency, None)
    found = _line_amounts(record, where, own)
    header = _header(record, where)
    if header is not None:
        if own is None:
            raise AmountUnknown(where.currency, "the record has an amount and names no currency")
        found[own] = max(found.get(own, Fraction(0)), header)
    if not found:
        raise AmountUnknown(where.totals[-1], "the record names no amount")
    return found


def grown_amounts(entity: str, present: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Fraction]:
    """What a record comes to whose lines were changed and whose totals the system is to find. Raises AmountUnknown.

    What its totals are above its lines now, such as tax, freight or lines that are not mapped, grows with the lines.
    """
    where = AMOUNTS.get(entity)
    if where is None:
        raise AmountUnknown("", f"a {entity} has no amount")
    own, total = _currency(present, where.currency, None), _header(present, where)
    if own is None or total is None:
        return {}
    before = _line_amounts(present, where, own).get(own, Fraction(0))
    after = _line_amounts(whole, where, own).get(own, Fraction(0))
    if total <= before:
        return {}
    return {own: total * after / before if before else total + after}


def _line_amounts(record: Mapping[str, Any], where: AmountFields, own: str | None) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for index, line in enumerate(_lines(record, where)):
        place = f"{where.lines}[{index}]"
        currency = _currency(line, where.currency, own, place)
        if currency is None:
            raise AmountUnknown(
                f"{place}.{where.currency}", "neither the line nor its order names a currency"
            )
        found[currency] = found.get(currency, Fraction(0)) + _line(line, place)
    return found


def _header(record: Mapping[str, Any], where: AmountFields) -> Fraction | None:
    """The largest total; net and tax together where the record leaves out the gross. None: it says none."""
    totals = [_number(record[name], name) for name in where.totals if record.get(name) is not None]
    parts = [_number(record[name], name) for name in where.totals[:2] if record.get(name) is not None]
    return max(*totals, sum(parts, Fraction(0))) if totals else None


def _line(line: Mapping[str, Any], place: str) -> Fraction:
    said = _part(line, "lineTotalValue", place)
    tax = _part(line, "lineTaxValue", place) or Fraction(0)
    quantity, price = _part(line, "quantity", place), _part(line, "price", place)
    unit = _part(line, "priceUnit", place)
    if unit == 0:
        raise AmountUnknown(f"{place}.priceUnit", "a price for a quantity of 0")
    if quantity is None or price is None:
        # A line total alone tells the amount only if the line says nothing that the system would calculate with.
        if said is None or quantity is not None or price is not None:
            missing = "quantity" if quantity is None else "price"
            raise AmountUnknown(f"{place}.{missing}", "what the line comes to cannot be told without it")
        return said + tax
    counted = quantity * price / (Fraction(1) if unit is None else unit) + _surcharge(line, place)
    return max(counted, said or Fraction(0)) + tax


def _surcharge(line: Mapping[str, Any], place: str) -> Fraction:
    """A discount below zero makes the line dearer."""
    discount = _part(line, "discount", place) or Fraction(0)
    return discount if str(line.get("discount")).startswith("-") else Fraction(0)


def _part(line: Mapping[str, Any], name: str, place: str) -> Fraction | None:
    value = line.get(name)
    return None if value is None else _number(value, f"{place}.{name}")


def _number(value: object, field: str) -> Fraction:
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(abs(value))
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return abs(Fraction(value))
    raise AmountUnknown(field, "this is no decimal number")


def _currency(table: Mapping[str, Any], name: str, inherited: str | None, place: str = "") -> str | None:
    value = table.get(name)
    if value is None:
        return inherited
    if not isinstance(value, str) or not value:
        raise AmountUnknown(f"{place}.{name}".removeprefix("."), "this is no currency")
    return value


def _lines(record: Mapping[str, Any], where: AmountFields) -> Sequence[Mapping[str, Any]]:
    value = record.get(where.lines) if where.lines else None
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(line, Mapping) for line in value):
        raise AmountUnknown(where.lines or "", "this is no list of lines")
    return value
