"""Work orders with their tasks, materials and resources."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from drivers.sandbox import company
from drivers.sandbox.chance import Chance, Ids, take
from drivers.sandbox.columns import (
    MONEY,
    QUANTITY,
    SECONDS_PER_DAY,
    decimal,
    half_up,
    iso_date,
    nested,
    padded,
    stamp,
    where,
)
from drivers.sandbox.options import SandboxOptions
from drivers.sandbox.pace import GONE, DocumentLife
from drivers.sandbox.tables import CHANGED, Assets, InventoryItems, SampleTable, State, Vendors

# Draft, Planned, Released, In progress, on Hold, comPleted (F), Closed, cancelled (X).
CODES: Final = {"D": "10", "P": "20", "R": "30", "I": "40", "H": "45", "F": "50", "C": "60", "X": "99"}
PATHS: Final = ("DPRIFC", "DPRIHIFC", "DPX", f"D{GONE}")
WEIGHTS: Final = (65, 20, 10, 5)
ENDED: Final = frozenset("CX")
STARTED_STEP: Final = (3, 3, 0, 0)  # of each path; 0: never
FINISHED_STEP: Final = (4, 6, 0, 0)


class WorkOrders(SampleTable):
    name = "work_orders"
    entity = "work_order"
    key_column = "work_order"
    prefix = "WO"
    base = 8_000_000

    def __init__(self, options: SandboxOptions) -> None:
        self.chance = Chance(options.seed, self.name)
        self.life = DocumentLife.of(
            self.chance, options.sizes[self.name], options.start, options.changes_per_minute, PATHS, WEIGHTS
        )
        self._items = InventoryItems(options)
        self._assets = Assets(options)
        self._vendors = Vendors(options)

    def span(self, now: int) -> tuple[int, int]:
        return self.life.span(now)

    def state(self, numbers: Ids, now: int) -> State:
        steps = self.life.steps(numbers, now)
        return State(steps.alive, steps.changed)

    def status(self, number: int, now: int) -> str:
        """The letter of one order's status."""
        numbers = np.array([number], dtype=np.int64)
        return chr(int(self.life.letters(self.life.steps(numbers, now))[0]))

    def build(self, numbers: Ids, now: int) -> pa.Table:
        steps = self.life.steps(numbers, now)
        letters = self.life.letters(steps)
        made = self.life.made_at(numbers)
        planned = made + SECONDS_PER_DAY * (1 + self.chance.below("planned", numbers, 14))
        begun, done = np.array(STARTED_STEP)[steps.path], np.array(FINISHED_STEP)[steps.path]
        started, finished = (begun > 0) & (steps.step >= begun), (done > 0) & (steps.step >= done)
        hours = 25 * (1 + self.chance.below("hours", numbers, 60))
        known = list(CODES)
        return pa.table(
            {
                "work_order": self.keys(numbers),
                "description": self.chance.pick("job", numbers, company.JOBS),
                "order_type": self.chance.pick("type", numbers, ("PM01", "PM02", "PM03")),
                "system_status": take(list(CODES.values()), np.array([known.index(chr(c)) if chr(c) in CODES else 0 for c in letters], dtype=np.int64)),
                "priority": self.chance.pick("priority", numbers, ("1", "2", "3", "4", "")),
                "equipment": self._assets.keys(self.chance.below("asset", numbers, self._assets.life.size)),
                "plant": self.chance.pick("plant", numbers, company.PLANTS),
                "responsible": self.chance.pick("responsible", numbers, company.PEOPLE),
                "planned_hours": decimal(hours, MONEY),
                "actual_hours": decimal(np.where(finished, hours * 5 // 4, 0), MONEY),
                "scheduled_on": iso_date(planned),
                "due_on": iso_date(planned + 3 * SECONDS_PER_DAY, self.chance.share("has due", numbers, 80)),
                "started_at": stamp(steps.at(begun), started),
                "finished_at": stamp(steps.at(done), finished),
                "remarks": where(finished, self.chance.pick("remarks", numbers, ("done", "Don't restart before check", ""))),
                "created_at": stamp(made),
                CHANGED: stamp(steps.changed),
                "tasks": self._tasks(numbers, steps.step),
                "materials": self._materials(numbers, finished),
                "resources": self._resources(numbers, finished),
            }
        )  # fmt: skip

    def _spread(self, topic: str, numbers: Ids, limit: int, least: int) -> tuple[Ids, Ids, Ids]:
        """How many lines each order has; then of each line its order and its place."""
        counts = least + self.chance.below(topic, numbers, limit)
        order = np.repeat(numbers, counts)
        return counts, order, np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)

    def _tasks(self, numbers: Ids, step: Ids) -> pa.Array:
        counts, order, place = self._spread("tasks", numbers, 5, least=1)
        ready = place < np.repeat(step, counts) - 2
        return nested(
            counts,
            {
                "operation": padded(10 * (place + 1), 4),
                "text": take(company.STEPS, (order + place) % len(company.STEPS)),
                "status": take(("20", "50"), ready.astype(np.int64)),
            },
        )

    def _materials(self, numbers: Ids, finished: np.ndarray) -> pa.Array:
        counts, order, place = self._spread("materials", numbers, 4, least=0)
        line = order * 8 + place
        item = self.chance.below("item", line, self._items.life.size)
        needed = 1_000 * (1 + self.chance.below("needed", line, 12))
        return nested(
            counts,
            {
                "item_number": self._items.keys(item),
                "storeroom": self.chance.pick("storeroom", line, company.STOREROOMS),
                "required": decimal(needed, QUANTITY),
                "used": decimal(np.where(np.repeat(finished, counts), needed, 0), QUANTITY),
                "unit": self._items.units(item),
            },
        )

    def _resources(self, numbers: Ids, finished: np.ndarray) -> pa.Array:
        counts, order, place = self._spread("resources", numbers, 3, least=0)
        line = order * 8 + place
        hours = 25 * (1 + self.chance.below("hours", line, 40))
        rate = 4_500 + 250 * self.chance.below("rate", line, 12)
        worked = np.where(np.repeat(finished, counts), hours, 0)
        vendor = self.chance.below("vendor", line, self._vendors.life.size)
        return nested(
            counts,
            {
                "person": self.chance.pick("person", line, company.PEOPLE),
                "vendor_number": where(self.chance.share("external", line, 30), self._vendors.keys(vendor)),
                "planned": decimal(hours, MONEY),
                "worked": decimal(worked, MONEY),
                "rate": decimal(rate, MONEY),
                "cost": decimal(half_up(worked * rate, 100), MONEY),
            },
        )
