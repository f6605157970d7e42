"""What installing a Windows service asks of the system; agent/service/scm.py and access.py ask a real one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Protocol

from agent.service.plan import Recovery


class State(StrEnum):
    MISSING = "missing"  # no such service
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


class StartType(StrEnum):
    """When the system starts it."""

    AUTOMATIC = "automatic"
    BY_HAND = "by hand"
    DISABLED = "disabled"


class ServiceRefused(Exception):
    """The system did not do it. `code` is its own number of the fault."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} (fault {code})")
        self.code = code


class ServiceControl(Protocol):
    """The service control manager, of one service. Every method raises ServiceRefused."""

    def is_administrator(self) -> bool: ...

    def state(self) -> State: ...

    def exit_code(self) -> int:
        """Of the last run, as it reported it itself; 0: it was stopped as asked, or never started."""
        ...

    def create(self, command_line: str) -> None: ...

    def command_line(self) -> str:
        """What the system starts."""
        ...

    def set_command_line(self, command_line: str) -> None: ...

    def delete(self) -> None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def process_is_gone(self) -> bool:
        """Whether the process that `stop` was for has ended: a service says that it has stopped before that."""
        ...

    def start_type(self) -> StartType: ...

    def set_start_type(self, start: StartType) -> None: ...

    def account(self) -> str:
        """Whom it runs as."""
        ...

    def set_account(self, account: str) -> None:
        """One that needs no password of ours."""
        ...

    def set_description(self, text: str) -> None: ...

    def set_recovery(self, recovery: Recovery) -> None: ...

    def set_recovery_after_errors(self) -> None:
        """Recover also where the service ended by itself, with an error."""
        ...

    def set_delayed_start(self) -> None: ...

    def set_own_sid(self) -> None:
        """Its account is in the tokens of its processes: access can be given to it."""
        ...

    def set_preshutdown(self, seconds: int) -> None: ...

    def add_event_source(self) -> None: ...

    def remove_event_source(self) -> None: ...


class FileAccess(Protocol):
    """Owners and access lists. Every method raises ServiceRefused."""

    def me(self) -> str:
        """Who runs this process."""
        ...

    def owner(self, path: Path) -> str: ...

    def is_link(self, path: Path) -> bool: ...

    def writers(self, path: Path) -> frozenset[str]:
        """Whose entries of its access list let them change it, or what is in it."""
        ...

    def take(self, path: Path) -> None:
        """Make the administrators its owner: an owner can open what is his."""
        ...

    def close(self, folder: Path, access: str) -> None:
        """Let `access` (plan.folder_access) alone hold for a folder that there is, and for everything below it."""
        ...
