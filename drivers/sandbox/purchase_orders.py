"""Purchase orders: every state, exact totals, custom fields, awkward texts, and a few that nobody can map."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drivers.sandbox import company
from drivers.sandbox.chance import Chance, Ids, take
from drivers.sandbox.columns import (
    MONEY,
    QUANTITY,
    SECONDS_PER_DAY,
    Mask,
    compact_date,
    constant,
    decimal,
    half_up,
    iso_date,
    nested,
    padded,
    stamp,
    sum_by_header,
    trailing_minus,
    where,
)
from drivers.sandbox.options import SandboxOptions
from drivers.sandbox.pace import GONE, DocumentLife, Steps
from drivers.sandbox.tables import CHANGED, InventoryItems, SampleTable, State, Vendors

# Draft, Waiting for approval, Approved, reJected, Ordered, Partly received, Received, Closed, cancelled (X).
CODES: Final = {
    "D": "DR",
    "W": "PA",
    "A": "AP",
    "J": "RJ",
    "O": "OR",
    "P": "PR",
    "R": "RC",
    "C": "CL",
    "X": "CA",
}
PATHS: Final = ("DWAOPPRRC", "DAORRC", "DWWJ", "DWAOX", "DDX", f"DD{GONE}")
WEIGHTS: Final = (74, 10, 5, 4, 3, 4)
ENDED: Final = frozenset("CX")  # no change is taken any more
APPROVED_STEP: Final = (2, 1, 0, 2, 0, 0)  # of each path; 0: never
RECEIVED_STEP: Final = (6, 3, 0, 0, 0, 0)
RECEIVED_EIGHTHS: Final = {"P": 3, "R": 8, "C": 8}  # how much of each line has come in that state
MOST_LINES: Final = 7
PRICE_UNITS: Final = (1, 1, 1, 10, 100)
IMPOSSIBLE_DATE: Final = "2026-02-31"  # typed into a field that the system never checked


class PurchaseOrders(SampleTable):
    name = "purchase_orders"
    entity = "purchase_order"
    key_column = "order_number"
    base = 4_500_000_000

    def __init__(self, options: SandboxOptions) -> None:
        size = options.sizes[self.name]
        self.chance = Chance(options.seed, self.name)
        self.life = DocumentLife.of(
            self.chance, size, options.start, options.changes_per_minute, PATHS, WEIGHTS
        )
        self._vendors = Vendors(options)
        self._items = InventoryItems(options)
        self._bad = min(options.bad_records, size)

    def span(self, now: int) -> tuple[int, int]:
        return self.life.span(now)

    def state(self, numbers: Ids, now: int) -> State:
        steps = self.life.steps(numbers, now)
        return State(steps.alive | self.bad(numbers), steps.changed)

    def bad(self, numbers: Ids) -> Mask:
        """As many as the option says among any `size` orders in a row."""
        step = max(1, self.life.size // max(1, self._bad))
        place = numbers % self.life.size
        return (place % step == 0) & (place // step < self._bad)

    def status(self, number: int, now: int) -> str:
        """The letter of one order's status."""
        numbers = np.array([number], dtype=np.int64)
        return chr(int(self._letters(numbers, self.life.steps(numbers, now))[0]))

    def build(self, numbers: Ids, now: int) -> pa.Table:
        steps = self.life.steps(numbers, now)
        letters = self._letters(numbers, steps)
        made = self.life.made_at(numbers)
        vendor = self.chance.below("vendor", numbers, self._vendors.life.size)
        city = self._vendors.city(vendor)
        due = made + SECONDS_PER_DAY * (3 + self.chance.below("due", numbers, 60))
        lines = _Lines(self, numbers, letters, city, due)
        approved, received = np.array(APPROVED_STEP)[steps.path], np.array(RECEIVED_STEP)[steps.path]
        special = self.chance.share("custom", numbers, 25)
        due_text = iso_date(due, self.chance.share("has due", numbers, 85))
        return pa.table(
            {
                "order_number": self.keys(numbers),
                "revision": pa.array(steps.step, pa.int32()),
                "status_code": _code_texts(letters),
                "title": self.chance.pick("title", numbers, company.TITLES),
                "vendor_number": self._vendors.keys(vendor),
                "vendor_name": self._vendors.names(vendor),
                "company_code": constant("0100", len(numbers)),
                "plant": self.chance.pick("plant", numbers, company.PLANTS),
                "requested_by": self.chance.pick("requested", numbers, company.PEOPLE),
                "approved_by": where((approved > 0) & (steps.step >= approved), self.chance.pick("approved", numbers, company.PEOPLE)),
                "order_date": compact_date(made),
                "due_date": pc.if_else(pa.array(self.bad(numbers)), IMPOSSIBLE_DATE, due_text),
                "approved_at": stamp(steps.at(approved), (approved > 0) & (steps.step >= approved)),
                "completed_at": stamp(steps.at(received), (received > 0) & (steps.step >= received)),
                "currency": take(company.CURRENCIES, city),
                "payment_terms": self.chance.pick("terms", numbers, company.TERMS),
                "ship_via": self.chance.pick("ship", numbers, company.SHIPPING),
                "ship_name": self.chance.pick("ship name", numbers, ("Main works", "Werk Süd / Tor 3", 'Yard "B"')),
                "ship_street": self.chance.pick("street", numbers, company.STREETS),
                "ship_city": constant("Hamburg", len(numbers)),
                "ship_postcode": constant("01234", len(numbers)),
                "ship_country": constant("DE", len(numbers)),
                "net_amount": decimal(lines.net_total, MONEY),
                "tax_amount": decimal(lines.tax_total, MONEY),
                "gross_amount": decimal(lines.net_total + lines.tax_total, MONEY),
                "x_project": where(special, self.chance.pick("project", numbers, company.PROJECTS)),
                "x_budget": where(special, decimal(self.chance.below("budget", numbers, 10**7), MONEY)),
                "x_urgent": where(special, pa.array(self.chance.share("urgent", numbers, 20))),
                "notes": self.chance.pick("notes", numbers, company.NOTES),
                "created_at": stamp(made),
                CHANGED: stamp(steps.changed),
                "lines": lines.column(),
            }
        )  # fmt: skip

    def lines_of(self, numbers: Ids) -> Ids:
        return 1 + self.chance.below("lines", numbers, MOST_LINES)

    @property
    def items(self) -> InventoryItems:
        return self._items

    def _letters(self, numbers: Ids, steps: Steps) -> Ids:
        """A bad record that was deleted in another life is a draft instead, so that their number is as asked for."""
        letters = self.life.letters(steps)
        return np.where(self.bad(numbers) & (letters == ord(GONE)), ord("D"), letters)


class _Lines:
    """The lines of a page of orders, one after the other, and their exact totals in cents."""

    def __init__(self, orders: PurchaseOrders, numbers: Ids, letters: Ids, city: Ids, due: Ids) -> None:
        chance, items = orders.chance, orders.items
        self._chance = chance
        self._items = items
        self._counts = orders.lines_of(numbers)
        self._place = np.arange(self._counts.sum()) - np.repeat(
            np.cumsum(self._counts) - self._counts, self._counts
        )
        self._line = np.repeat(numbers, self._counts) * 8 + self._place
        self._letters = np.repeat(letters, self._counts)
        self._due = np.repeat(due, self._counts)
        self._item = chance.below("item", self._line, items.life.size)
        self._unit_of_price = np.array(PRICE_UNITS)[chance.below("price unit", self._line, len(PRICE_UNITS))]
        self._quantity = 500 * (1 + chance.below("quantity", self._line, 80))  # thousandths: 0.5 to 40
        self._price = items.price(self._item) * self._unit_of_price  # 1/10,000, for so many units
        gross = half_up(self._quantity * items.price(self._item), 100_000)
        percent = np.array((0, 0, 0, 2, 5))[chance.below("discount", self._line, 5)]
        self._discount = gross * percent // 100
        self._net = gross - self._discount
        self._tax = half_up(self._net * np.repeat(np.array(company.TAX_PERMILLE)[city], self._counts), 1_000)
        self.net_total = sum_by_header(self._counts, self._net)
        self.tax_total = sum_by_header(self._counts, self._tax)

    def column(self) -> pa.Array:
        eighths = np.zeros(128, dtype=np.int64)
        for letter, share in RECEIVED_EIGHTHS.items():
            eighths[ord(letter)] = share
        received = self._quantity * eighths[self._letters] // 8
        return nested(
            self._counts,
            {
                "line_no": padded(10 * (self._place + 1), 5),
                "item_number": self._items.keys(self._item),
                "item_name": self._items.names(self._item),
                "status_code": _code_texts(self._letters),
                "quantity": decimal(self._quantity, QUANTITY),
                "received": decimal(received, QUANTITY),
                "unit": self._items.units(self._item),
                "price": decimal(self._price, pa.decimal128(18, 4)),
                "price_unit": pa.array(self._unit_of_price, pa.int32()),
                "discount": trailing_minus(self._discount),
                "tax_amount": decimal(self._tax, MONEY),
                "net_amount": decimal(self._net, MONEY),
                "account": padded(self._chance.below("account", self._line, 900) + 400_100, 10),
                "due_date": iso_date(self._due, self._chance.share("line due", self._line, 70)),
            },
        )


def _code_texts(letters: Ids) -> pa.Array:
    known = list(CODES)
    index = np.zeros(128, dtype=np.int64)
    index[[ord(letter) for letter in known]] = np.arange(len(known))
    return take(list(CODES.values()), index[letters])
