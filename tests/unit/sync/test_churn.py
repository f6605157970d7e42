"""After any history an incremental copy is what a full copy would be; what no stamp told is told by reconciliation.

`GROUNDWIRE_CHURN=5000` runs so many histories.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.clock import ManualClock
from agent.errors import Unreachable
from agent.model.run import RunTrigger
from agent.outbox.store import Outbox
from agent.sync.cursor import read_checkpoint
from agent.sync.runner import Runner, RunResult
from agent.sync.window import WindowSettings
from tests.unit.sync.churning_source import ChurningSource, StampedBy
from tests.unit.sync.running import ADDRESS, World, make_stream

HISTORIES = int(os.environ.get("GROUNDWIRE_CHURN", "25"))
LAG = timedelta(minutes=10)
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Auckland",
    "America/St_Johns",
)
# A day before clocks are put forward or back somewhere among these, and an ordinary one.
DAYS = (
    "2026-03-07",
    "2026-03-28",
    "2026-04-04",
    "2026-09-26",
    "2026-10-03",
    "2026-10-24",
    "2026-10-31",
    "2026-06-10",
)
STAMPS = (
    StampedBy(),
    StampedBy(step=timedelta(seconds=1)),
    StampedBy(step=timedelta(minutes=30)),
    *(StampedBy(zone, step=timedelta(seconds=1)) for zone in ZONES),
    *(StampedBy(zone, day_only=True) for zone in ZONES),
)
KEYS = st.sampled_from([f"K{number:02}" for number in range(15)])
VALUES = st.integers(0, 9).map(lambda number: f"{number}.25")


@dataclass(frozen=True)
class Step:
    """One thing that happens: at the source, or a run with a fault."""

    kind: str
    key: str = ""
    value: str = ""
    minutes: int = 0
    meanwhile: tuple[Step, ...] = ()


AT_SOURCE = st.one_of(
    st.builds(Step, st.just("write"), KEYS, VALUES, st.sampled_from([0, 0, 1, 5, 10])),
    st.builds(Step, st.just("delete"), KEYS),
    st.builds(Step, st.just("advance"), minutes=st.sampled_from([0, 1, 5, 30, 90, 600])),
)
UNTOLD = st.one_of(
    st.builds(Step, st.just("unstamped"), KEYS, VALUES),
    st.builds(Step, st.just("ahead"), KEYS, VALUES),
    st.builds(Step, st.just("write"), KEYS, VALUES, st.sampled_from([60, 300])),  # later than the lag
)


def histories(at_source: st.SearchStrategy[Step]) -> st.SearchStrategy[list[Step]]:
    run = st.builds(
        Step,
        st.sampled_from(["run", "run", "fails", "short"]),
        minutes=st.integers(1, 4),
        meanwhile=st.lists(at_source, max_size=4).map(tuple),
    )
    return st.lists(st.one_of(at_source, at_source, run), min_size=5, max_size=30)


class Life:
    """A source that is written to while an agent reads it."""

    def __init__(self, outbox: Outbox, stamps: StampedBy, begin: datetime) -> None:
        self.source = ChurningSource(stamps, begin)
        self.world = World(
            outbox,
            replace(make_stream(max_share=1.0), window=WindowSettings(None, timedelta(minutes=5), LAG)),
        )
        self.runs = 0

    def happens(self, step: Step) -> None:
        source = self.source
        match step.kind:
            case "write":
                source.write(step.key, step.value, late=timedelta(minutes=step.minutes))
            case "unstamped":
                source.write_unstamped(step.key, step.value)
            case "ahead":
                source.write_ahead(step.key, step.value)
            case "delete":
                source.delete(step.key)
            case "advance":
                source.advance(timedelta(minutes=step.minutes))

    async def run(self, *, reconcile: bool = False) -> RunResult:
        self.runs += 1
        self.world.clock.advance(60)
        source: Any = self.source
        runner = Runner(self.world.stream, source, self.world.outbox, self.world.clock, lambda _: None)
        name = f"run{self.runs:03}"
        return await runner.run(name, RunTrigger.MANUAL, reconcile=source if reconcile else None)

    async def goes_on(self, history: list[Step]) -> None:
        for step in history:
            if step.kind not in ("run", "fails", "short"):
                self.happens(step)
                continue
            self.source.between_pages = [self._later(one) for one in step.meanwhile]
            self.source.cut_short = step.kind == "short"
            self.source.fault = (lambda: Unreachable("scripted")) if step.kind == "fails" else None
            self.source.fail_at_page = step.minutes
            await self.run()
            self.source.between_pages, self.source.cut_short, self.source.fault = [], False, None

    def _later(self, step: Step) -> Callable[[], None]:
        return lambda: self.happens(step)

    async def comes_to_rest(self) -> None:
        """Everything is committed, and a first run ends the pass that was cut short."""
        self.source.advance(timedelta(days=1))
        await self.run()
        self.source.advance(timedelta(days=1))

    async def copy(self) -> dict[str, float]:
        return {key: float(total) for key, total in (await self.world.replica()).items()}

    def there(self) -> dict[str, float]:
        return {key: float(total) for key, (total, _) in self.source.rows.items()}


def live(path: Path, stamps: StampedBy, begin: datetime, body: Callable[[Life], Any]) -> None:
    async def whole() -> None:
        async with await Outbox.open(path / "outbox.db", clock=ManualClock()) as outbox:
            await body(Life(outbox, stamps, begin))

    asyncio.run(whole())


begins = st.builds(
    lambda day, hour, minute: datetime.fromisoformat(day).replace(hour=hour, minute=minute, tzinfo=UTC),
    st.sampled_from(DAYS),
    st.integers(0, 23),
    st.sampled_from([0, 29, 55]),
)
as_long_as_it_takes = settings(
    max_examples=HISTORIES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.timeout(0 if "GROUNDWIRE_CHURN" in os.environ else 600)
@given(stamps=st.sampled_from(STAMPS), begin=begins, history=histories(AT_SOURCE))
@as_long_as_it_takes
def test_within_the_lag_an_incremental_copy_is_a_full_copy_and_nothing_differs(
    stamps: StampedBy, begin: datetime, history: list[Step], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Late commits within the lag, equal and coarse stamps, days, local clocks that are put forward and back, rows that
    come, go and come back while they are read, sources that fail or end early at any page."""

    async def body(life: Life) -> None:
        await life.goes_on(history)
        await life.comes_to_rest()
        result = await life.run()

        assert result.error is None
        assert await life.copy() == life.there()
        compared = await life.run(reconcile=True)
        assert compared.report.differences is not None
        assert compared.report.differences.total == 0
        assert compared.report.differences.at_source == compared.report.differences.held == len(life.there())

    live(tmp_path_factory.mktemp("churn"), stamps, begin, body)


@pytest.mark.timeout(0 if "GROUNDWIRE_CHURN" in os.environ else 600)
@given(stamps=st.sampled_from(STAMPS), begin=begins, history=histories(st.one_of(AT_SOURCE, UNTOLD)))
@as_long_as_it_takes
def test_whatever_no_stamp_tells_is_told_by_number_and_repaired(
    stamps: StampedBy, begin: datetime, history: list[Step], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Commits later than the lag, updates without a stamp, dates in the future: a reconciliation finds what is left."""

    async def body(life: Life) -> None:
        await life.goes_on(history)
        await life.comes_to_rest()
        assert (await life.run()).error is None
        copy, there = await life.copy(), life.there()
        other = {key for key in copy.keys() | there.keys() if copy.get(key) != there.get(key)}

        compared = await life.run(reconcile=True)

        assert compared.report.differences is not None
        assert compared.report.differences.total == len(other)
        assert set(compared.report.differences.examples) <= other
        assert await life.copy() == there
        floor = read_checkpoint(await life.world.outbox.last_checkpoint(ADDRESS)).floor
        assert floor is not None
        assert stamps.read(floor) <= stamps.stamp(life.source.now)  # type: ignore[operator]

    live(tmp_path_factory.mktemp("churn"), stamps, begin, body)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("minutes", [1, 6, 9])
def test_a_late_commit_while_clocks_are_put_forward_is_not_passed_over(
    zone: str, minutes: int, tmp_path: Path
) -> None:
    """Ten minutes of lag are seventy of a local clock then."""
    jump = _put_forward(zone)

    async def body(life: Life) -> None:
        life.world.stream = replace(life.world.stream, deletions=make_stream(compare=False).deletions)
        life.source.write("K01", "1.25")
        await life.run()
        life.source.advance(jump - timedelta(minutes=1) - life.source.now)
        life.source.write("K01", "2.25", late=timedelta(minutes=10))
        life.source.advance(timedelta(minutes=minutes))
        await life.run()
        life.source.advance(timedelta(minutes=10))
        await life.run()
        await life.comes_to_rest()
        await life.run()
        assert await life.copy() == {"K01": 2.25}

    live(tmp_path, StampedBy(zone, step=timedelta(seconds=1)), jump - timedelta(hours=6), body)


def _put_forward(zone: str) -> datetime:
    """The moment in 2026 in which the zone's clocks are put forward; any, where they never are."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    while moment.year == 2026:
        after = moment + timedelta(minutes=30)
        if after.astimezone(ZoneInfo(zone)).utcoffset() > moment.astimezone(ZoneInfo(zone)).utcoffset():  # type: ignore[operator]
            return after
        moment = after
    return moment
