"""What of the libraries knows a thread or the time of day, for as long as worlds are played.

The loop does the work of threads in line (tests/sim/loop.py). Two things do not go by way of it: APScheduler asks
`datetime` what time it is, and the relay's store hands its opening to its executor directly.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, tzinfo
from typing import Any
from unittest.mock import patch

import structlog

from agent.clock import SystemClock
from relay.store import database
from tests.sim.loop import HOST


class HostTime(datetime):
    """The time of day of the host that asks."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        host = HOST.get()
        clock = SystemClock() if host is None or host.clock is None else host.clock
        return clock.utcnow().astimezone(tz or UTC)


class InLine(Executor):
    """An executor without a thread."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        del wait, cancel_futures


@contextmanager
def simulated(note: Callable[[str, Any], None]) -> Iterator[None]:
    """`note` is told of each event that is logged."""

    def keep(_logger: Any, _method: str, event: dict[str, Any]) -> Any:
        note(event.pop("event"), event)
        raise structlog.DropEvent

    before = structlog.get_config()
    configured = structlog.is_configured()
    structlog.configure(
        processors=[keep], cache_logger_on_first_use=False, wrapper_class=structlog.BoundLogger
    )
    with ExitStack() as stack:
        for module in ("schedulers.base", "executors.base", "triggers.interval"):
            stack.enter_context(patch(f"apscheduler.{module}.datetime", HostTime))
        stack.enter_context(patch.object(database, "ThreadPoolExecutor", InLine))
        # pyarrow looks for it on the disk with each time zone that it meets, and does without it.
        stack.enter_context(patch.dict(sys.modules, {"dateutil": None}))
        try:
            yield
        finally:
            structlog.configure(**before) if configured else structlog.reset_defaults()
