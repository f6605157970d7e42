"""The sandbox's options, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Final

from drivers.contract import BadConfiguration

DEFAULT_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULT_ORDERS: Final = 400
MAX_SIZE: Final = (
    1_000_000  # of one table; one number and one moment of each are held while changes are sorted
)
MAX_CHANGES_PER_MINUTE: Final = 600.0
EARLIEST_START: Final = datetime(2000, 1, 1, tzinfo=UTC)
NAMES: Final = ("seed", "size", "start", "changes_per_minute", "time", "advance", "bad_records")

# How many records the other tables have for each purchase order, where `size` does not say.
PROPORTIONS: Final[Mapping[str, float]] = {
    "purchase_orders": 1.0,
    "work_orders": 0.4,
    "inventory_items": 0.6,
    "vendors": 0.15,
    "assets": 0.3,
}
SMALLEST: Final = 10  # records of a table whose size follows from that of the purchase orders


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    seed: int = 1
    sizes: Mapping[str, int] = field(default_factory=dict)
    start: int = int(DEFAULT_START.timestamp())  # seconds; where a fixed clock stands
    changes_per_minute: float = 6.0
    fixed: bool = False  # the source's clock stands at `start` instead of showing the time of day
    advance: int = 0  # seconds that the source's clock is ahead
    bad_records: int = 2


def read_options(options: Mapping[str, Any], connection: str) -> SandboxOptions:
    reader = _Reader(options, f"{connection}.options")
    reader.refuse_unknown()
    return SandboxOptions(
        seed=int(reader.number("seed", 1, 0, 2**31)),
        sizes=reader.sizes(),
        start=reader.moment(),
        changes_per_minute=reader.number("changes_per_minute", 6.0, 0, MAX_CHANGES_PER_MINUTE),
        fixed=reader.fixed(),
        advance=int(reader.number("advance", 0, 0, 10 * 366 * 86_400)),
        bad_records=int(reader.number("bad_records", 2, 0, 1_000)),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    options: Mapping[str, Any]
    where: str

    def refuse_unknown(self) -> None:
        for name in self.options:
            if name not in NAMES:
                raise self._error(name, "the sandbox has no such option", f"There are: {', '.join(NAMES)}.")

    def number(self, name: str, fallback: float, least: float, most: float) -> float:
        return self._checked(name, self.options.get(name, fallback), least, most)

    def sizes(self) -> Mapping[str, int]:
        size = self.options.get("size", DEFAULT_ORDERS)
        given = size if isinstance(size, Mapping) else {"purchase_orders": size}
        for table in given:
            if table not in PROPORTIONS:
                hint = f"There are: {', '.join(PROPORTIONS)}."
                raise self._error(f"size.{table}", "the sandbox has no such table", hint)
        counts = {name: self._count(f"size.{name}", count) for name, count in given.items()}
        orders = counts.get("purchase_orders", DEFAULT_ORDERS)
        derived = {name: max(SMALLEST, round(orders * share)) for name, share in PROPORTIONS.items()}
        return derived | counts

    def moment(self) -> int:
        value = self.options.get("start", DEFAULT_START)
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            value = _parsed(date.fromisoformat, value)
        elif isinstance(value, str):
            value = _parsed(datetime.fromisoformat, value)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time(), UTC)
        if not isinstance(value, datetime):
            raise self._error("start", "start is not a date", 'Write start = "2026-01-01".')
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
        if value < EARLIEST_START:
            raise self._error("start", "start lies before 2000-01-01")
        return int(value.timestamp())

    def fixed(self) -> bool:
        value = self.options.get("time", "real")
        if value not in ("real", "fixed"):  # not a set: the value may be a list
            hint = 'real: the clock runs. fixed: it stands at "start" plus "advance" seconds.'
            raise self._error("time", 'time is either "real" or "fixed"', hint)
        return bool(value == "fixed")

    def _count(self, name: str, value: Any) -> int:
        return int(self._checked(name, value, 1, MAX_SIZE))

    def _checked(self, name: str, value: Any, least: float, most: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self._error(name, f"{name} must be a number from {least:g} to {most:g}")
        return value

    def _error(self, name: str, message: str, hint: str = "") -> BadConfiguration:
        return BadConfiguration(message, where=f"{self.where}.{name}", hint=hint)


def _parsed(parse: Any, text: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        return None
