"""How fast the sandbox's world turns, and the two ways in which its tables live.

Everything is a function of the seed and the moment: nothing is stored, and a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from drivers.sandbox.chance import Chance, Ids
from drivers.sandbox.columns import SECONDS_PER_DAY, Mask

MICROSECONDS: Final = 1_000_000
STILL_SPAN_SECONDS: Final = 90 * SECONDS_PER_DAY  # how far back the records of a world at rest lie
LONGEST_LIFE_SECONDS: Final = 60 * SECONDS_PER_DAY  # from a document's first draft to its end
GONE: Final = "-"  # the step at which somebody deletes the document

# What part of all changes falls on each table.
SHARES: Final = {
    "purchase_orders": 0.5,
    "work_orders": 0.2,
    "inventory_items": 0.2,
    "assets": 0.07,
    "vendors": 0.03,
}


@dataclass(frozen=True, slots=True)
class Steps:
    """Which step of its life each document has reached."""

    path: Ids
    step: Ids
    moments: Ids  # one row for each document, one column for each step
    alive: Mask

    @property
    def changed(self) -> Ids:
        return self.at(self.step)

    def at(self, step: Ids | int) -> Ids:
        """The moment of a step, whether it has come yet or not."""
        rows = np.arange(len(self.path))
        return self.moments[rows, np.broadcast_to(np.asarray(step), self.path.shape)]


@dataclass(frozen=True, slots=True)
class DocumentLife:
    """Orders: made one after the other, each with a life of its own, the oldest archived as new ones come.

    So a table keeps its size however long the sandbox runs.
    """

    chance: Chance
    size: int
    start: int
    every_us: int  # one document more in so many microseconds
    paths: Sequence[
        str
    ]  # one letter for each step's status; a repeated letter is a change that leaves the status
    weights: Sequence[int]  # of the paths, in percent

    @classmethod
    def of(
        cls,
        chance: Chance,
        size: int,
        start: int,
        per_minute: float,
        paths: Sequence[str],
        weights: Sequence[int],
    ) -> DocumentLife:
        per_document = sum(len(path) * weight for path, weight in zip(paths, weights, strict=True)) / 100
        changes = per_minute * SHARES[chance.table]
        seconds = 60 * per_document / changes if changes else STILL_SPAN_SECONDS / size
        return cls(chance, size, start, max(1, round(seconds * MICROSECONDS)), paths, weights)

    def span(self, now: int) -> tuple[int, int]:
        """First and last number of the documents that are not archived."""
        last = ((now - self.start + 1) * MICROSECONDS - 1) // self.every_us
        return last - self.size + 1, last

    def made_at(self, numbers: Ids) -> Ids:
        return self.start + numbers * self.every_us // MICROSECONDS

    def steps(self, numbers: Ids, now: int) -> Steps:
        path = self._path(numbers)
        last = np.array([len(letters) - 1 for letters in self.paths])[path]
        moments = self._moments(numbers)
        reached = (moments <= now).sum(axis=1) - 1
        step = np.minimum(reached, last)
        gone = np.array([letters.endswith(GONE) for letters in self.paths])[path] & (step == last)
        return Steps(path, step, moments, ~gone)

    def letters(self, steps: Steps) -> Ids:
        """The status of each document, as a character code."""
        longest = max(len(letters) for letters in self.paths)
        table = np.array([[ord(letter) for letter in letters.ljust(longest)] for letters in self.paths])
        return table[steps.path, steps.step]

    def _path(self, numbers: Ids) -> Ids:
        return np.searchsorted(np.cumsum(self.weights), self.chance.below("path", numbers, 100), side="right")

    def _moments(self, numbers: Ids) -> Ids:
        count = max(len(letters) for letters in self.paths)
        whole = min(self.size * self.every_us * 7 // 10 // MICROSECONDS, LONGEST_LIFE_SECONDS)
        life = whole // 2 + self.chance.below("life", numbers, max(1, whole // 2))
        moments = np.empty((len(numbers), count), dtype=np.int64)
        for step in range(count):
            late = (
                self.chance.below(f"late {step}", numbers, 900) if step else np.zeros(len(numbers), np.int64)
            )
            moments[:, step] = life * (1_000 * step + late) // (1_000 * count)
        return moments + self.made_at(numbers)[:, None]


@dataclass(frozen=True, slots=True)
class MasterLife:
    """Vendors, items, assets: always the same ones, each changed again and again at its own rhythm."""

    chance: Chance
    size: int
    start: int
    period: int  # seconds from one change of a record to its next

    @classmethod
    def of(cls, chance: Chance, size: int, start: int, per_minute: float) -> MasterLife:
        changes = per_minute * SHARES[chance.table]
        return cls(chance, size, start, max(1, round(60 * size / changes)) if changes else STILL_SPAN_SECONDS)

    def span(self) -> tuple[int, int]:
        return 0, self.size - 1

    def generation(self, numbers: Ids, now: int) -> Ids:
        return (now - self.start - self._phase(numbers)) // self.period

    def changed_at(self, numbers: Ids, generation: Ids) -> Ids:
        return self.start + self._phase(numbers) + generation * self.period

    def _phase(self, numbers: Ids) -> Ids:
        return self.chance.below("phase", numbers, self.period)
