from __future__ import annotations

import pytest
import structlog

from agent.calls.logs import LogCalls
from agent.clock import ManualClock
from agent.errors import ConfigurationError
from agent.telemetry.levels import EVERYTHING, Levels, part_of
from agent.telemetry.logging import Logs, install
from agent.telemetry.sinks import Event


class Kept:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def take(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None: ...


def test_a_connection_s_level_comes_before_its_part_s_and_that_before_the_one_for_everything() -> None:
    levels = Levels("info", ManualClock())
    levels.set(EVERYTHING, "error")
    levels.set("sync", "warning")
    levels.set("erp", "debug")

    assert levels.logs("debug", "sync", {"stream": "erp/orders"})
    assert levels.logs("debug", "tunnel", {"connection": "erp"})
    assert not levels.logs("info", "sync", {"stream": "crm/orders"})
    assert levels.logs("warning", "sync", {})
    assert not levels.logs("warning", "tunnel", {})


def test_a_level_for_a_while_falls_back_by_itself() -> None:
    clock = ManualClock()
    levels = Levels("info", clock)
    levels.set(EVERYTHING, "debug", 60.0)

    assert levels.logs("debug", "sync", {})
    assert levels.document()["changed"] == [{"name": None, "level": "debug", "seconds_left": 60}]
    clock.advance(60)

    assert not levels.logs("debug", "sync", {})
    assert levels.document()["changed"] == []


def test_a_level_that_ends_while_another_thread_logs_ends_no_line() -> None:
    levels = Levels("info", ManualClock())

    class Part(str):
        """A name at whose second look another thread has taken the level back."""

        looked = 0
        __slots__ = ()

        def __hash__(self) -> int:
            Part.looked += 1
            if Part.looked == 2:
                levels.reset("sync")
            return str.__hash__(self)

    levels.set("sync", "debug")

    assert levels.logs("debug", Part("sync"), {})
    assert not levels.logs("debug", "sync", {})


def test_the_clock_on_the_wall_moves_no_level() -> None:
    clock = ManualClock()
    levels = Levels("info", clock)
    levels.set(EVERYTHING, "debug", 60.0)
    clock.step_wall_clock(10_000)

    assert levels.logs("debug", "sync", {})


@pytest.mark.parametrize(
    ("module", "part"),
    [
        ("agent.tunnel.link", "tunnel"),
        ("agent.hosting.process", "drivers"),
        ("agent.app", "agent"),
        ("libraries", "libraries"),
        ("", ""),
    ],
)
def test_each_module_belongs_to_a_part(module: str, part: str) -> None:
    assert part_of(module) == part


def test_a_logger_that_was_bound_before_heeds_a_level_that_is_changed_after() -> None:
    kept = Kept()
    levels = Levels("info", ManualClock())
    install(levels, [kept])
    log = structlog.get_logger("agent.tunnel.link").bind(stream="erp/orders")

    log.debug("before")
    levels.set("tunnel", "debug")
    log.debug("after")

    assert [(event["event"], event["part"]) for event in kept.events] == [("after", "tunnel")]


async def test_the_call_changes_a_level_and_takes_it_back() -> None:
    logs = Logs(Levels("info", ManualClock()))
    calls = LogCalls(logs, lambda: ["erp"]).handlers()

    changed = await calls["log_level"]({"name": "erp", "level": "debug", "seconds": 1800}, lambda _: None)
    assert changed["changed"] == [{"name": "erp", "level": "debug", "seconds_left": 1800}]

    back = await calls["log_level"]({"name": "erp", "level": "default"}, lambda _: None)
    assert back["changed"] == []
    assert (await calls["log_levels"]({}, lambda _: None))["configured"] == "info"


@pytest.mark.parametrize(
    "args",
    [{"level": "loud"}, {"name": "nobody", "level": "debug"}, {"level": "debug", "seconds": 10**9}, {}],
    ids=str,
)
async def test_what_cannot_be_set_is_refused(args: dict[str, object]) -> None:
    calls = LogCalls(Logs(Levels("info", ManualClock())), list).handlers()

    with pytest.raises(ConfigurationError):
        await calls["log_level"](args, lambda _: None)
