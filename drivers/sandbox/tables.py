"""What a table of the sandbox is, and the master data: vendors, inventory items, assets."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
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
    iso_date,
    joined,
    nested,
    padded,
    stamp,
    where,
)
from drivers.sandbox.options import SandboxOptions
from drivers.sandbox.pace import MasterLife

CHANGED: Final = "changed_at"


@dataclass(frozen=True, slots=True)
class State:
    alive: Mask  # whether the source has the record at that moment
    changed: Ids  # seconds


class SampleTable(ABC):
    """One table. Records have running numbers; a key is a number as text, of fixed width, so both sort alike."""

    name: str
    entity: str
    key_column: str
    prefix: str = ""
    digits: int = 10
    base: int = 0  # what the first number is printed as

    @abstractmethod
    def span(self, now: int) -> tuple[int, int]:
        """First and last number that may exist."""

    @abstractmethod
    def state(self, numbers: Ids, now: int) -> State: ...

    @abstractmethod
    def build(self, numbers: Ids, now: int) -> pa.Table:
        """The columns of these records, `key_column` among them."""

    def keys(self, numbers: Ids) -> pa.Array:
        return padded(numbers + self.base, self.digits, self.prefix)

    def number_of(self, key: str) -> int | None:
        """The number that a key is made of; None for what is no key of this table."""
        if not re.fullmatch(re.escape(self.prefix) + f"[0-9]{{{self.digits}}}", key, re.ASCII):
            return None
        return int(key[len(self.prefix) :]) - self.base

    def existing(self, numbers: Ids, now: int) -> Ids:
        first, last = self.span(now)
        inside = numbers[(numbers >= first) & (numbers <= last)]
        return inside[self.state(inside, now).alive]

    def exists(self, key: str, now: int) -> bool:
        number = self.number_of(key)
        return number is not None and len(self.existing(np.array([number], dtype=np.int64), now)) == 1


class MasterTable(SampleTable):
    """A table whose records stay and change."""

    def __init__(self, options: SandboxOptions) -> None:
        self.chance = Chance(options.seed, self.name)
        self.life = MasterLife.of(
            self.chance, options.sizes[self.name], options.start, options.changes_per_minute
        )

    def span(self, now: int) -> tuple[int, int]:  # noqa: ARG002 - the same at any moment
        return self.life.span()

    def state(self, numbers: Ids, now: int) -> State:
        generation = self.life.generation(numbers, now)
        return State(np.ones(len(numbers), dtype=bool), self.life.changed_at(numbers, generation))

    def changing(self, topic: str, numbers: Ids, generation: Ids, limit: int) -> Ids:
        """A number that is another one after each change of the record."""
        return self.chance.below(topic, numbers * 1_000_003 + generation, limit)


class Vendors(MasterTable):
    name = "vendors"
    entity = "vendor"
    key_column = "vendor_number"
    base = 100_001

    def build(self, numbers: Ids, now: int) -> pa.Table:
        generation = self.life.generation(numbers, now)
        city = self.city(numbers)
        blocked = self.blocked(numbers)
        return pa.table(
            {
                "vendor_number": self.keys(numbers),
                "name": self.names(numbers),
                "legal_name": where(self.chance.share("legal", numbers, 40), self.names(numbers)),
                "tax_number": padded(self.chance.below("tax", numbers, 10**9), 9, "DE"),
                "active_flag": take(("X", ""), self.changing("active", numbers, generation, 30) // 29),
                "block_flag": take(("", "X"), blocked.astype(np.int64)),
                "currency": take(company.CURRENCIES, city),
                "payment_terms": self.chance.pick("terms", numbers, company.TERMS),
                "email": joined(constant("sales+", len(numbers)), padded(numbers, 3), constant("@vendor.example", len(numbers))),
                "phone": padded(self.changing("phone", numbers, generation, 10**7), 7, "+49 40 "),
                "street": self.chance.pick("street", numbers, company.STREETS),
                "city": take([name for name, _, _ in company.CITIES], city),
                "postcode": take([code for _, code, _ in company.CITIES], city),
                "country": take([country for _, _, country in company.CITIES], city),
                CHANGED: stamp(self.life.changed_at(numbers, generation)),
            }
        )  # fmt: skip

    def names(self, numbers: Ids) -> pa.Array:
        name = take(company.VENDOR_NAMES, numbers % len(company.VENDOR_NAMES))
        series = numbers // len(company.VENDOR_NAMES)
        return pc.if_else(pa.array(series > 0), joined(name, padded(series + 1, 1, " ")), name)

    def city(self, numbers: Ids) -> Ids:
        return self.chance.below("city", numbers, len(company.CITIES))

    def blocked(self, numbers: Ids) -> Mask:
        return self.chance.below("blocked", numbers, 25) == 7  # noqa: PLR2004 - any one of them


class InventoryItems(MasterTable):
    name = "inventory_items"
    entity = "inventory_item"
    key_column = "item_number"
    base = 10_001
    digits = 18  # as SAP stores a material number

    def __init__(self, options: SandboxOptions) -> None:
        super().__init__(options)
        self._vendors = Vendors(options)

    def state(self, numbers: Ids, now: int) -> State:
        generation = self.life.generation(numbers, now)
        deleted = self.chance.below("deleted", numbers * 1_000_003 + generation // 4, 50) == 0
        return State(~deleted, self.life.changed_at(numbers, generation))

    def build(self, numbers: Ids, now: int) -> pa.Table:
        generation = self.life.generation(numbers, now)
        goods = self.goods(numbers)
        return pa.table(
            {
                "item_number": self.keys(numbers),
                "part_number": padded(self.chance.below("part", numbers, 10**6), 6, "00-"),
                "description": take([text for text, _, _ in company.GOODS], goods),
                "item_group": take([group for _, group, _ in company.GOODS], goods),
                "item_type": self.chance.pick("type", numbers, ("ROH", "HIBE", "ERSA", "NLAG")),
                "deleted_flag": take(("", "X"), self.chance.below("flag", numbers, 20) // 19),
                "base_unit": self.units(numbers),
                "manufacturer": self.chance.pick("maker", numbers, company.MAKERS),
                "abc_class": self.chance.pick("abc", numbers, ("A", "B", "C", "")),
                CHANGED: stamp(self.life.changed_at(numbers, generation)),
                "stocks": self._stocks(numbers, generation),
                "suppliers": self._suppliers(numbers),
            }
        )

    def goods(self, numbers: Ids) -> Ids:
        return self.chance.below("goods", numbers, len(company.GOODS))

    def names(self, numbers: Ids) -> pa.Array:
        return take([text for text, _, _ in company.GOODS], self.goods(numbers))

    def units(self, numbers: Ids) -> pa.Array:
        return take([unit for _, _, unit in company.GOODS], self.goods(numbers))

    def price(self, numbers: Ids) -> Ids:
        """In hundredths of a cent, for one unit."""
        return 500 + self.chance.below("price", numbers, 4_000_000)

    def out_of_stock(self, numbers: Ids) -> Mask:
        return self.chance.below("empty", numbers, 30) == 7  # noqa: PLR2004 - any one of them

    def _stocks(self, numbers: Ids, generation: Ids) -> pa.Array:
        counts = self.chance.below("stocks", numbers, 4)  # none for some: a catalogue item
        item = np.repeat(numbers, counts)
        place = np.arange(len(item)) - np.repeat(np.cumsum(counts) - counts, counts)
        spot = item * 8 + place
        moved = self.changing("moved", spot, np.repeat(generation, counts), 500_000)
        quantity = np.where(self.out_of_stock(item), 0, moved)
        return nested(
            counts,
            {
                "plant": take(company.PLANTS, place % len(company.PLANTS)),
                "storeroom": self.chance.pick("storeroom", spot, company.STOREROOMS),
                "bin": padded(self.chance.below("bin", spot, 99), 2, "R-0"),
                "on_hand": decimal(quantity, QUANTITY),
                "reserved": decimal(quantity // 10, QUANTITY),
                "unit": self.units(item),
                "unit_cost": decimal(self.price(item), pa.decimal128(18, 4)),
                "reorder_point": decimal(self.chance.below("reorder", spot, 50) * 1_000, QUANTITY),
                "max_level": decimal(500_000 + 0 * spot, QUANTITY),
            },
        )

    def _suppliers(self, numbers: Ids) -> pa.Array:
        counts = 1 + self.chance.below("suppliers", numbers, 2)
        item = np.repeat(numbers, counts)
        place = np.arange(len(item)) - np.repeat(np.cumsum(counts) - counts, counts)
        vendor = self.chance.below("supplier", item * 8 + place, self._vendors.life.size)
        return nested(
            counts,
            {
                "vendor_number": self._vendors.keys(vendor),
                "vendor_part": padded(self.chance.below("vendor part", item * 8 + place, 10**5), 5, "0"),
                "price": decimal(self.price(item), pa.decimal128(18, 4)),
                "currency": take(company.CURRENCIES, self._vendors.city(vendor)),
            },
        )


class Assets(MasterTable):
    name = "assets"
    entity = "asset"
    key_column = "equipment"
    prefix = "EQ-"
    digits = 8
    base = 1

    def __init__(self, options: SandboxOptions) -> None:
        super().__init__(options)
        self._vendors = Vendors(options)
        self._start = options.start

    def build(self, numbers: Ids, now: int) -> pa.Table:
        generation = self.life.generation(numbers, now)
        kind = self.chance.below("kind", numbers, len(company.ASSET_KINDS))
        bought = self._start - SECONDS_PER_DAY * (30 + self.chance.below("bought", numbers, 5_000))
        status = self.changing("status", numbers, generation, 20)
        retired = status == 0
        parent = self.chance.below("parent", numbers, np.maximum(numbers, 1))
        return pa.table(
            {
                "equipment": self.keys(numbers),
                "description": take([text for text, _, _ in company.ASSET_KINDS], kind),
                "category": take([code for _, code, _ in company.ASSET_KINDS], kind),
                "object_group": take([group for _, _, group in company.ASSET_KINDS], kind),
                "parent_equipment": where((numbers > 0) & self.chance.share("nested", numbers, 30), self.keys(parent)),
                "system_status": take(("RETD", "MAIN", *["INST"] * 18), status),
                "serial_number": padded(self.chance.below("serial", numbers, 10**10), 12),
                "manufacturer": self.chance.pick("maker", numbers, company.MAKERS),
                "model": padded(self.chance.below("model", numbers, 900) + 100, 3, "MX-"),
                "abc_indicator": self.chance.pick("abc", numbers, ("A", "B", "C", "")),
                "plant": self.chance.pick("plant", numbers, company.PLANTS),
                "vendor_number": self._vendors.keys(self.chance.below("vendor", numbers, self._vendors.life.size)),
                "purchase_date": compact_date(bought),
                "retired_on": iso_date(self.life.changed_at(numbers, generation), retired),
                "purchase_value": decimal(10_000 + self.chance.below("value", numbers, 50_000_000), MONEY),
                "currency": constant("EUR", len(numbers)),
                CHANGED: stamp(self.life.changed_at(numbers, generation)),
            }
        )  # fmt: skip
