"""What a child says went wrong, as one of the agent's own errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.errors import ERRORS_BY_CODE, DriverCrashed, GroundwireError, Throttled
from agent.hosting.limits import MAX_MESSAGE_CHARS
from agent.hosting.output import Redactor
from drivers.contract import DriverError

MAX_RETRY_AFTER_SECONDS: Final = 24 * 3600.0  # a source that asks for more is asked again the next day
DEFAULT_RETRY_AFTER_SECONDS: Final = 60.0

# A driver speaks for its source alone: it cannot claim that the outbox is damaged or the identity refused.
_CODES: Final = frozenset({DriverError.code, *(kind.code for kind in DriverError.__subclasses__())})


def translate(
    header: Mapping[str, Any], *, connection: str, redact: Redactor
) -> tuple[GroundwireError | None, str]:
    """The error in an answer, or None; and the text for the debug log, which may be long and name values."""
    if "error" in header:
        return _driver_error(_members(header["error"]), connection, redact), ""
    if "fault" in header:
        fault = _members(header["fault"])
        kind = _text(fault.get("type"))[:100]
        message = f"the driver failed with {kind}, which it should have handled"
        return DriverCrashed(message, where=connection), redact(str(fault.get("traceback", "")))
    if "broken" in header:
        return DriverCrashed(f"the driver gave {_text(header['broken'])}", where=connection), ""
    if "value" in header:
        return None, ""
    return DriverCrashed("the driver's process gave an answer without content", where=connection), ""


def _driver_error(described: Mapping[str, Any], connection: str, redact: Redactor) -> GroundwireError:
    code = described.get("code")
    message, hint, where = (_clean(described.get(part), redact) for part in ("message", "hint", "where"))
    where = _place(connection, where)
    kind = ERRORS_BY_CODE[code] if isinstance(code, str) and code in _CODES else DriverCrashed
    if issubclass(kind, Throttled):
        return kind(message, retry_after=_seconds(described.get("retry_after")), where=where, hint=hint)
    return kind(message, where=where, hint=hint)


def _place(connection: str, where: str) -> str:
    if not where or where == connection:
        return connection
    return (
        where
        if where.startswith((f"{connection}.", f"{connection}:", f"{connection}/"))
        else f"{connection}: {where}"
    )


def _members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value[:MAX_MESSAGE_CHARS] if isinstance(value, str) else ""


def _clean(value: Any, redact: Redactor) -> str:
    """Redacted before it is cut: the beginning of a secret would not be known for one."""
    return redact(value)[:MAX_MESSAGE_CHARS] if isinstance(value, str) else ""


def _seconds(value: Any) -> float:
    if isinstance(value, int | float) and value >= 0:
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    return DEFAULT_RETRY_AFTER_SECONDS
