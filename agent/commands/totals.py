"""Totals that contradict the lines of the same record. Pure, and exact: nothing is rounded.

How a system rounds a line is its own business, so a line's total may differ from quantity times price by less than one
of its last digit. What is summed must be exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final

from agent.commands.ports import FieldFault
from agent.commands.values import amount_of

CODE: Final = "contradicts_lines"
_MINOR_UNITS: Final = (0, 2, 3, 4)  # digits after the point that currencies have
# Exact or an exception: products of two amounts of 38 digits and their sums over thousands of lines fit.
_EXACT: Final = Context(prec=400, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation])

Lines = Sequence[Mapping[str, Any]]


def contradictions(record: Mapping[str, Any], *, whole: bool) -> Iterator[FieldFault]:
    """What is not given, or is no amount, contradicts nothing; `whole`: the lines are all that the record will have."""
    lines = record.get("lineItems")
    if not isinstance(lines, list) or not all(isinstance(line, Mapping) for line in lines):
        lines = []
    for number, line in enumerate(lines):
        if _line_contradicts(line):
            message = "is not quantity times price (per price unit), less the discount, of the same line"
            yield FieldFault(f"lineItems[{number}].lineTotalValue", CODE, message)
    net = _amount(record, "totalNetValue")
    if whole and net is not None and lines and _net_contradicts(net, lines):
        yield FieldFault("totalNetValue", CODE, "is not the sum of the lines")
    tax, gross = _amount(record, "totalTaxValue"), _amount(record, "totalGrossValue")
    if net is not None and tax is not None and gross is not None and _EXACT.add(net, tax) != gross:
        yield FieldFault("totalGrossValue", CODE, "is not totalNetValue and totalTaxValue together")


def _net_contradicts(net: Decimal, lines: Lines) -> bool:
    totals = [_amount(line, "lineTotalValue") for line in lines]
    known = [total for total in totals if total is not None]
    if len(known) == len(lines):
        return _sum(known) != net
    bounds = [_line_bounds(line) for line in lines]
    sure = [bound for bound in bounds if bound is not None]
    if len(sure) < len(lines):
        return False  # a line's price is the system's to find
    slack = _EXACT.multiply(_unit(net), Decimal(len(lines)))  # each line is rounded by itself
    low, high = _sum([low for low, _ in sure]), _sum([high for _, high in sure])
    return not _EXACT.subtract(low, slack) < net < _EXACT.add(high, slack)


def _line_contradicts(line: Mapping[str, Any]) -> bool:
    total, bounds = _amount(line, "lineTotalValue"), _line_bounds(line, with_total=False)
    if total is None or bounds is None:
        return False
    low, high = bounds
    return not _EXACT.subtract(low, _unit(total)) < total < _EXACT.add(high, _unit(total))


def _line_bounds(line: Mapping[str, Any], *, with_total: bool = True) -> tuple[Decimal, Decimal] | None:
    """Between which amounts a line's exact total lies; None: it is not said."""
    total = _amount(line, "lineTotalValue")
    if with_total and total is not None:
        return total, total
    quantity, price = _amount(line, "quantity"), _amount(line, "price")
    if quantity is None or price is None:
        return None
    per = _amount(line, "priceUnit")
    product = _EXACT.multiply(quantity, price)
    discount = _amount(line, "discount") or Decimal(0)
    if per is None or per == 1:
        exact = _EXACT.subtract(product, discount)
        return exact, exact
    if per <= 0:
        return None
    # A quotient need not end: bracket it between two numbers of ten digits more than any amount has.
    step = Decimal(1).scaleb(-50)
    whole = _EXACT.divide_int(_EXACT.scaleb(product, 50), per)
    low = _EXACT.subtract(_EXACT.scaleb(whole, -50), discount)
    return _EXACT.subtract(low, step), _EXACT.add(low, step)


def _unit(amount: Decimal) -> Decimal:
    """One of the last digit that the amount's currency has, as far as the amount tells: 12.5 may stand for 12.50."""
    exponent = amount.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    return Decimal(1).scaleb(-next((unit for unit in _MINOR_UNITS if unit >= digits), digits))


def _sum(amounts: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def _amount(record: Mapping[str, Any], name: str) -> Decimal | None:
    return amount_of(record.get(name))
