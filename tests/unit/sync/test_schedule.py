from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent.clock import ManualClock, SystemClock
from agent.settings import SyncSettings
from agent.sync.schedule import OVERDUE_SECONDS, Schedule, trigger_for

SUNDAY_NOON = datetime(2026, 1, 4, 12, 0, tzinfo=UTC)


def settings(**table: object) -> SyncSettings:
    return SyncSettings.model_validate(table)


def next_time(table: dict[str, object], after: datetime) -> datetime:
    return trigger_for(settings(**table)).get_next_fire_time(None, after).astimezone(UTC)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 6 * * 1-5", "2026-01-05T06:00:00+00:00"),
        ("0 6 * * 0", "2026-01-11T06:00:00+00:00"),
        ("0 6 * * 7", "2026-01-11T06:00:00+00:00"),
        ("0 6 * * sat,tue", "2026-01-06T06:00:00+00:00"),
        ("0 6 * * 5-7", "2026-01-09T06:00:00+00:00"),
        ("0 6 * * */3", "2026-01-07T06:00:00+00:00"),
        ("*/15 * * * *", "2026-01-04T12:15:00+00:00"),
    ],
)
def test_cron_weekdays_mean_what_cron_means(cron: str, expected: str) -> None:
    after = SUNDAY_NOON + timedelta(seconds=1)

    assert next_time({"cron": cron}, after) == datetime.fromisoformat(expected)


def test_cron_runs_on_the_clock_of_the_site() -> None:
    found = next_time({"cron": "0 6 * * *", "time_zone": "Asia/Kathmandu"}, SUNDAY_NOON)

    assert found.astimezone(ZoneInfo("Asia/Kathmandu")).hour == 6


def test_a_manual_stream_has_no_trigger() -> None:
    assert trigger_for(settings(manual=True)) is None


async def test_a_stream_that_never_ran_is_due_at_once_and_a_recent_one_later() -> None:
    clock = ManualClock(SUNDAY_NOON)
    schedule = Schedule(lambda _: None, clock)

    schedule.add("c/new", settings(every="1h"), None)
    schedule.add("c/recent", settings(every="1h"), SUNDAY_NOON - timedelta(minutes=10))
    schedule.add("c/manual", settings(manual=True), None)
    schedule.start()
    looks = {name: schedule.next_look(name) for name in ("c/new", "c/recent", "c/manual")}
    schedule.stop()

    assert looks == {"c/new": SUNDAY_NOON, "c/recent": SUNDAY_NOON + timedelta(minutes=50), "c/manual": None}


async def test_a_tick_in_quiet_hours_looks_when_they_end() -> None:
    looked: list[str] = []
    clock = ManualClock(SUNDAY_NOON)
    schedule = Schedule(looked.append, clock)
    quiet = settings(every="1h", quiet_hours=["11:00-14:00"])

    await schedule._tick("c/s", quiet)
    schedule.start()
    postponed = schedule.next_look("c/s")
    schedule.stop()
    clock.advance(2 * 3600)
    await schedule._tick("c/s", quiet)

    assert postponed == SUNDAY_NOON + timedelta(hours=2)
    assert looked == ["c/s"]


async def test_a_tick_looks_on_the_thread_of_the_loop() -> None:
    """What is looked at belongs to the loop: no other thread may touch it."""
    threads: list[threading.Thread] = []
    clock = SystemClock()
    schedule = Schedule(lambda _: threads.append(threading.current_thread()), clock)
    schedule.start()
    try:
        schedule.add("c/s", settings(every="1h"), None)
        async with asyncio.timeout(30):
            while not threads:
                await asyncio.sleep(0.001)  # noqa: TID251 - the scheduler keeps to the real time of day
    finally:
        schedule.stop()

    assert threads == [threading.current_thread()]


async def test_whoever_reconciles_is_told_at_once_and_when_the_hours_of_a_stream_begin() -> None:
    told: list[str] = []
    clock = SystemClock()
    schedule = Schedule(lambda _: None, clock, reconcile=told.append)
    nights = settings(manual=True, time_zone="Asia/Kathmandu", reconcile_hours=["22:00-02:00", "03:00-04:00"])
    schedule.start()
    try:
        schedule.add("c/s", nights, None)
        async with asyncio.timeout(30):
            while len(told) < 2:
                await asyncio.sleep(0.001)  # noqa: TID251 - the scheduler keeps to the real time of day
        begins = {job.next_run_time.strftime("%H:%M %Z") for job in schedule._scheduler.get_jobs()}
        schedule.remove("c/s")
        left = schedule._scheduler.get_jobs()
    finally:
        schedule.stop()

    assert begins == {"22:00 +0545", "03:00 +0545"}
    assert left == []


async def test_a_removed_stream_is_looked_at_no_more() -> None:
    schedule = Schedule(lambda _: None, ManualClock(SUNDAY_NOON))
    schedule.add("c/s", settings(every="1h"), None)

    schedule.remove("c/s")

    assert schedule.next_look("c/s") is None


async def look_at_the_clock(schedule: Schedule) -> None:
    """One look, and a turn of the loop in which the scheduler heeds it."""
    watching = asyncio.create_task(schedule.mind_the_clock())
    for _ in range(4):
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_ticks_missed_while_the_host_slept_are_caught_up_at_the_next_look_at_the_clock() -> None:
    """The loop's clock stands still in a suspended host, so the scheduler's own sleep says nothing."""
    looked: list[str] = []
    clock = SystemClock()
    schedule = Schedule(looked.append, ImpatientClock())
    schedule.start()
    try:
        schedule.add("erp/orders", settings(every="7d"), clock.utcnow())
        # As after a suspension: the time of the tick has come, the scheduler still sleeps.
        job = schedule._scheduler.get_job("erp/orders")
        job._modify(next_run_time=clock.utcnow() - timedelta(days=1))
        schedule._scheduler._lookup_jobstore("default").update_job(job)
        await look_at_the_clock(schedule)

        assert looked == ["erp/orders"]
    finally:
        schedule.stop()


async def test_a_wall_clock_that_steps_back_silences_no_stream() -> None:
    looked: list[str] = []
    clock = ImpatientClock(step_seconds=-86_400)
    schedule = Schedule(looked.append, clock)
    schedule.start()
    try:
        schedule.add("erp/orders", settings(every="1h"), clock.utcnow())
        assert looked == []
        await look_at_the_clock(schedule)

        assert looked == ["erp/orders"]
    finally:
        schedule.stop()


class ImpatientClock(SystemClock):
    """The time of day, and sleeps that end at once; the wall clock may step during the first."""

    def __init__(self, step_seconds: float = 0.0) -> None:
        self._step = timedelta(seconds=step_seconds)
        self._shift = timedelta(0)

    def utcnow(self) -> datetime:
        return super().utcnow() + self._shift

    async def sleep(self, seconds: float) -> None:
        self._shift = self._step
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop


async def test_a_schedule_whose_streams_stay_due_does_not_keep_time() -> None:
    clock = ManualClock(SUNDAY_NOON)
    schedule = Schedule(lambda _: None, clock)
    schedule.add("c/s", settings(every="1h"), SUNDAY_NOON)
    schedule.add("c/manual", settings(manual=True), None)
    before = schedule.keeps_time()  # it has not been started
    schedule.start()
    kept = []
    for seconds in (0.0, 3600 + OVERDUE_SECONDS - 1, 2.0):
        clock.advance(seconds)  # the scheduler's own timer keeps to the real time of day, so it does not look
        kept.append(schedule.keeps_time())
    schedule.stop()

    assert (before, kept) == (False, [True, True, False])
    assert not schedule.keeps_time()
