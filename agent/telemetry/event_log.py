"""Windows Event Log: start, stop, and what needs a person. Everything else stands in the log files.

The port is `EventLog`; on Windows it is the system's own, elsewhere there is none.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Final, Protocol

from agent.errors import ERRORS_BY_CODE, NeedsPersonError
from agent.telemetry.sinks import Event, in_words

SOURCE: Final = "Groundwire"
STARTED, STOPPED, NEEDS_PERSON, FAULT = 1, 2, 3, 4  # event ids; docs/logging.md
INFORMATION, WARNING, ERROR = 4, 2, 1  # the types of ReportEvent
MAX_CHARS: Final = 30_000  # of one text; the system takes 31,839
_IDS: Final = {"agent_started": STARTED, "agent_stopped": STOPPED}
# What asks for somebody though no code of an error stands in the line.
_FOR_A_PERSON: Final = frozenset(
    {
        "credentials_refused",
        "credentials_still_refused",
        "connection_misconfigured",
        "connections_refused",
        "configuration_held",
        "policy_refused",
        "effect_in_doubt",
        "audit_unavailable",
        "outbox_reserve_released",
    }
)


class EventLog(Protocol):
    def report(self, kind: int, event_id: int, text: str) -> None: ...


def event_id_of(event: Event) -> int | None:
    """Pure: None for what does not belong there."""
    name = str(event.get("event", ""))
    if name in _IDS:
        return _IDS[name]
    code = event.get("code")
    needs_person = isinstance(code, str) and issubclass(ERRORS_BY_CODE.get(code, Exception), NeedsPersonError)
    level = event.get("level")
    if name in _FOR_A_PERSON or (needs_person and level in {"warning", "error"}):
        return NEEDS_PERSON
    return FAULT if level in {"error", "critical"} else None


class EventLogSink:
    def __init__(self, log: EventLog) -> None:
        self._log = log

    def take(self, event: Event) -> None:
        event_id = event_id_of(event)
        if event_id is None:
            return
        kinds = {STARTED: INFORMATION, STOPPED: INFORMATION, NEEDS_PERSON: WARNING}
        with contextlib.suppress(OSError):
            self._log.report(kinds.get(event_id, ERROR), event_id, in_words(event)[:MAX_CHARS])

    def close(self) -> None: ...


class WindowsEventLog:
    """The system's own. `library` is advapi32."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._handle = library.RegisterEventSourceW(None, SOURCE)

    @property
    def opened(self) -> bool:
        return bool(self._handle)

    def report(self, kind: int, event_id: int, text: str) -> None:
        import ctypes  # noqa: PLC0415 - Windows only

        texts = (ctypes.c_wchar_p * 1)(text)
        self._library.ReportEventW(self._handle, kind, 0, event_id, None, 1, 0, texts, None)


def event_log() -> EventLog | None:
    """The host's; None where it has none, or does not let the agent's user write there."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - Windows only

        library = ctypes.WinDLL("advapi32", use_last_error=True)
        library.RegisterEventSourceW.restype = ctypes.c_void_p
        pointer, word, number = ctypes.c_void_p, ctypes.c_ushort, ctypes.c_uint32
        library.ReportEventW.argtypes = [
            *(pointer, word, word, number, pointer, word, number, pointer, pointer),
        ]
        found = WindowsEventLog(library)
        return found if found.opened else None
    return None
