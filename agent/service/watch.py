"""The service that watches over an upgrade: there from the exchange of the program until it is decided, then gone.

A service and no task: it outlives the installer, runs as the system, and starts with the machine, so that a restart within
the time of the watch does not end it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from agent.clock import Clock
from agent.errors import NeedsPersonError
from agent.service.plan import WATCH_DESCRIPTION, WATCH_NAME, Recovery
from agent.service.ports import ServiceControl, ServiceRefused, State

END_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.25


class Watch:
    """Every method raises NeedsPersonError."""

    def __init__(self, control: ServiceControl, clock: Clock) -> None:
        self._control = control
        self._clock = clock

    async def begin(self, command_line: str) -> None:
        """Make it, anew where one is left of an upgrade before, and start it."""
        await self.end()
        with _told("begun"):
            self._control.create(command_line)
            with suppress(ServiceRefused):  # it watches without these, too
                self._control.set_description(WATCH_DESCRIPTION)
                self._control.set_recovery(Recovery())  # one that was killed begins anew
                self._control.set_delayed_start()  # with the agent, or its time would run before
            self._control.start()

    async def end(self) -> None:
        """Another version is coming, or none, or it is decided."""
        with _told("ended"):
            if self._control.state() is State.MISSING:
                return
            with suppress(ServiceRefused):  # it may end by itself just now
                if self._control.state() not in {State.STOPPED, State.STOPPING}:
                    self._control.stop()
            deadline = self._clock.monotonic() + END_SECONDS
            while self._control.state() is not State.STOPPED and self._clock.monotonic() < deadline:
                await self._clock.sleep(LOOK_SECONDS)
            self._control.delete()


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except ServiceRefused as error:
        raise NeedsPersonError(
            f"the watch over the upgrade was not {what}: {error}",
            where=WATCH_NAME,
            hint="`groundwire upgrade watch`, by hand and as an administrator, does the same.",
        ) from error
