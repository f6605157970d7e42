"""What Windows' service control manager is told while the service runs, and when it is asked to end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import IntEnum
from typing import Final, Protocol

STEP_SECONDS: Final = 60.0  # allowed for a start before the agent has said how long it takes
STOP_SECONDS: Final = 90.0  # allowed for a stop before it has said so


class ServiceState(IntEnum):
    """The system's own numbers."""

    STOPPED = 1
    STARTING = 2
    STOPPING = 3
    RUNNING = 4


class StatusPort(Protocol):
    def tell(self, state: ServiceState, *, exit_code: int, checkpoint: int, wait_seconds: float) -> None:
        """`exit_code`: the service's own, 0 for none. Does not raise."""
        ...


class WindowsManager:
    """The service manager of agent/service/notify.py. Its methods are called from the agent's thread and the system's."""

    listens = True
    watchdog_seconds: float | None = None

    def __init__(self, port: StatusPort) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._state = ServiceState.STARTING
        self._checkpoint = 0
        self._stop: Callable[[], None] | None = None
        self._asked = False

    def begin(self) -> None:
        self.needs(STEP_SECONDS)

    def stops_with(self, stop: Callable[[], None]) -> None:
        """`stop` ends the agent; it is called at once where that was asked for meanwhile."""
        with self._lock:
            self._stop = stop
            asked = self._asked
        if asked:
            stop()

    def stop_asked(self) -> None:
        """The system wants the service to end: somebody stops it, or the machine shuts down."""
        with self._lock:
            self._asked = True
            stop = self._stop
        self.stopping(STOP_SECONDS)
        if stop is not None:
            stop()

    def ended(self, exit_code: int) -> None:
        self._tell(ServiceState.STOPPED, exit_code=exit_code)

    def ready(self) -> None:
        if self._state is ServiceState.STARTING:
            self._tell(ServiceState.RUNNING)

    def status(self, text: str) -> None: ...

    def alive(self) -> None: ...

    def reloading(self, now: float) -> None: ...

    def needs(self, seconds: float) -> None:
        if self._state in {ServiceState.STARTING, ServiceState.STOPPING}:
            self._tell(self._state, wait_seconds=seconds)

    def stopping(self, seconds: float) -> None:
        self._tell(ServiceState.STOPPING, wait_seconds=seconds)

    def _tell(self, state: ServiceState, *, exit_code: int = 0, wait_seconds: float = 0.0) -> None:
        with self._lock:
            if self._state is ServiceState.STOPPED:
                return
            if self._state is ServiceState.STOPPING and state in {
                ServiceState.STARTING,
                ServiceState.RUNNING,
            }:
                return  # no way back
            self._state = state
            # It has to grow with each message about something that takes its time, or the system gives up on it.
            self._checkpoint = self._checkpoint + 1 if wait_seconds else 0
            self._port.tell(
                state, exit_code=exit_code, checkpoint=self._checkpoint, wait_seconds=wait_seconds
            )
