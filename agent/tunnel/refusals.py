"""The relay's fatal errors, in terms of what to do about them."""

from __future__ import annotations

from typing import Final

from agent.errors import (
    CredentialsRefused,
    GroundwireError,
    IdentityRefused,
    Throttled,
    Unreachable,
    VersionMismatch,
)
from agent.protocol.faults import PROTOCOL_MAX, PROTOCOL_MIN
from agent.protocol.frames import Error

_SHOWN_CHARS: Final = (
    200  # of the relay's own words; it is trusted with neither our log lines nor our terminals
)


class SessionEnded(Throttled):
    """The relay ended the session and asked to be left alone for a while."""

    code = "session_ended"
    default_hint = "Nothing to do unless it repeats; then the relay's own log says why."


def translate_refusal(error: Error, where: str) -> GroundwireError:  # noqa: PLR0911 - one return per code is the clearest table
    said = printable(error.message)
    match error.code:
        case "identity_refused":
            return IdentityRefused(f"the relay refused this agent: {said}", where=where)
        case "stale_epoch":
            return IdentityRefused(
                f"another copy of this agent has connected since: {said}",
                where=where,
                hint="Stop the other copy. This one was restored or cloned; to keep it, enrol it anew: `groundwire enroll wss://RELAY CODE --replace`.",
            )
        case "version":
            return VersionMismatch(_versions(error), where=where)
        case "code_refused":
            return CredentialsRefused(
                "the relay refused the code",
                where=where,
                hint="A code works once and for a short time; get a new one from the relay.",
            )
        case "throttled":
            return Throttled("the relay asked for a pause", retry_after=error.retry_after or 0.0, where=where)
        case "superseded":
            hint = "If it repeats, two agents use one identity; stop one of them."
            return _later("a newer session of this agent took over", error, where, hint)
        case _:
            return _later(f"the relay ended the session: {said}", error, where)


def printable(said: str) -> str:
    """The relay's words as they may be shown."""
    return "".join(ch for ch in said if ch.isprintable())[:_SHOWN_CHARS]


def _later(message: str, error: Error, where: str, hint: str = "") -> GroundwireError:
    if error.retry_after is None:
        return Unreachable(message, where=where, hint=hint)
    return SessionEnded(message, retry_after=error.retry_after, where=where, hint=hint)


def _versions(error: Error) -> str:
    here = f"this agent speaks protocol {PROTOCOL_MIN} to {PROTOCOL_MAX}"
    if error.protocol_min is None or error.protocol_max is None:
        return f"the relay speaks other versions; {here}"
    return f"the relay speaks protocol {error.protocol_min} to {error.protocol_max}, {here}"
