"""Pure: what a status means. What needs a person, what may soon, and the one word for it all.

The same findings are the head of `groundwire status`, the console's overview and the exit code for monitoring.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from agent.certificates import RELAY, WORDS, code_of, level_of
from agent.errors import ERRORS_BY_CODE, NeedsPersonError, PolicyDenied
from agent.findings import Finding, Level, gravest_first, worst

AWAY_FOR_LONG: Final = timedelta(
    minutes=15
)  # a relay that is away for longer is a problem, not an interruption
SOON_FULL_SECONDS: Final = 4 * 3600.0
MAX_NAMED: Final = 5  # names in a sentence


def findings_of(status: Mapping[str, Any], now: datetime) -> list[Finding]:
    """What is other than well in the document of the status call, the gravest first."""
    found = [
        *_of_relay(status.get("relay") or {}, now),
        *_of_outbox(status),
        *_of_files(status.get("files") or []),
        *_of_connections(status.get("connections") or []),
        *_of_certificates(status, now),
        *_of_rest(status),
    ]
    return gravest_first(found)


def verdict_of(findings: Sequence[Finding]) -> dict[str, Any]:
    """The head line, and what it is made of."""
    level = worst(findings)
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    return {
        "level": level.value,
        "text": _head_line(problems, warnings),
        "problems": problems,
        "warnings": warnings,
        "findings": [finding.to_document() for finding in findings],
    }


def line_of(status: Mapping[str, Any]) -> str:
    """A status with its verdict in one line: for a service manager, which shows no more."""
    verdict, relay, outbox = status["verdict"], status["relay"], status["outbox"]
    gravest = next((f": {one['where']}: {one['cause']}" for one in verdict["findings"]), "")
    waiting = _many(outbox["pending_batches"], "batch waits", "batches wait")
    return f"{verdict['text']}{gravest}; relay {relay['phase']}, {waiting}"


def _head_line(problems: int, warnings: int) -> str:
    if not problems and not warnings:
        return "All well"
    parts = []
    if problems:
        parts.append("1 thing needs a person" if problems == 1 else f"{problems} things need a person")
    if warnings:
        parts.append(f"{warnings} to keep an eye on")
    return ", ".join(parts)


def _of_relay(relay: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    error = relay.get("error")
    if error:
        since = relay.get("away_since")
        away = now - datetime.fromisoformat(since) if since else timedelta(0)
        grave = _needs_person(error["code"]) or away >= AWAY_FOR_LONG
        yield Finding(
            f"relay.{error['code']}",
            Level.PROBLEM if grave else Level.WARNING,
            "relay",
            error["message"],
            f"not connected since {since}" if since else "",
            error.get("hint") or "",
        )
    held_back = relay.get("held_back")
    if held_back:
        yield Finding(
            "relay.held_back",
            Level.PROBLEM,
            ", ".join(held_back["connections"][:MAX_NAMED]),
            f"the relay takes nothing of it: {held_back['reason']}",
            "",
            "Whoever runs the relay decides this; what was read stays in the outbox until then.",
        )


def _of_outbox(status: Mapping[str, Any]) -> Iterator[Finding]:
    outbox = status.get("outbox") or {}
    backlog = (status.get("figures") or {}).get("backlog") or {}
    soon = backlog.get("full_in_seconds")
    if outbox.get("reading_paused"):
        yield Finding(
            "outbox.full",
            Level.PROBLEM,
            "outbox",
            "the outbox is full, and nothing is read until the relay has taken enough",
            f"{outbox['pending_batches']} batches wait",
            "Look at the link to the relay; nothing is lost. `groundwire check` tests every hop.",
        )
    elif soon is not None and soon < SOON_FULL_SECONDS:
        yield Finding(
            "outbox.fills",
            Level.WARNING,
            "outbox",
            f"the outbox will be full in {round(soon / 60)} minutes at the present rate",
            f"{backlog['bytes']} of {backlog['high_water_bytes']} bytes",
            "Look at the link to the relay, or raise [outbox] high_water in agent.toml if the disk has room.",
        )
    letters = outbox.get("dead_letters", 0)
    if letters:
        yield Finding(
            "outbox.dead_letters",
            Level.WARNING,
            "outbox",
            f"{_many(letters, 'record', 'records')} cannot pass",
            ", ".join(_streams_with_letters(outbox)),
            "`groundwire outbox reasons` says why, and what to do; the other records go on.",
        )


def _streams_with_letters(outbox: Mapping[str, Any]) -> list[str]:
    streams = outbox.get("streams") or {}
    return [name for name, one in sorted(streams.items()) if one["dead_letters"]][:MAX_NAMED]


def _of_files(broken: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for one in broken:
        problems = one["problems"]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        yield Finding(
            "configuration.file",
            Level.WARNING if one["in_force"] else Level.PROBLEM,
            problems[0]["where"] or one["name"],
            f"{problems[0]['message']}{more}",
            "its last good version is in force" if one["in_force"] else "the connection is not in force",
            problems[0]["hint"] or "`groundwire config check` says what is wrong.",
        )


def _of_connections(connections: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for connection in connections:
        if connection.get("paused"):
            name = connection["name"]
            hint = f"`groundwire resume {name}` lets it run again."
            yield Finding("connection.paused", Level.NOTICE, name, "somebody paused it", "", hint)
        yield from _of_streams(connection)


def _of_streams(connection: Mapping[str, Any]) -> Iterator[Finding]:
    """Streams with the same trouble are one finding: a source that is away is one thing to mend, not twenty."""
    together: dict[tuple[str, str, str], list[str]] = {}
    messages: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for stream in connection.get("streams") or []:
        error = stream.get("error")
        if error:
            shared = not issubclass(ERRORS_BY_CODE.get(error["code"], Exception), NeedsPersonError)
            shared = shared or error["code"] == "credentials_refused"
            cause = (error["code"], error.get("hint") or "", "" if shared else error.get("message") or "")
            together.setdefault(cause, []).append(stream["name"])
            messages.setdefault(cause, error)
    for cause, names in together.items():
        error, code = messages[cause], cause[0]
        yield Finding(
            f"stream.{code}",
            _level_of(code),
            _where(connection["name"], names),
            error.get("message") or code,
            error.get("where") or "",
            error.get("hint") or "",
        )


def _of_certificates(status: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    """As the hops showed them last: of a host that nothing has connected to since, what it showed then."""
    relay = (status.get("relay") or {}).get("certificate_ends")
    if relay:
        yield from _of_certificate(RELAY, RELAY, relay, now)
    for connection in status.get("connections") or []:
        for one in connection.get("certificates") or []:
            yield from _of_certificate(connection["name"], one["hop"], one["expiresAt"], now)


def _of_certificate(where: str, hop: str, expires_at: str, now: datetime) -> Iterator[Finding]:
    ends = datetime.fromisoformat(expires_at)
    code, days = code_of(ends, now), (ends - now).days
    if code:
        left = "has ended" if code == "ended" else f"ends in {_many(days, 'day', 'days')}"
        yield Finding(
            f"certificate.{code}",
            level_of(ends, now),
            where,
            f"the certificate of {WORDS.get(hop, hop)} {left}",
            f"valid until {ends:%Y-%m-%d %H:%M} UTC",
            "Have its owner renew it before that day: then nothing connects any more. `groundwire doctor` shows whose it is.",
        )


def _level_of(code: str) -> Level:
    if code == PolicyDenied.code:
        return Level.NOTICE  # what may not leave is somebody's decision
    return Level.PROBLEM if _needs_person(code) else Level.WARNING


def _where(connection: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{connection}/{names[0]}"
    shown = ", ".join(names[:MAX_NAMED])
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{connection}: {shown}{more}"


def _of_rest(status: Mapping[str, Any]) -> Iterator[Finding]:
    doubts = (status.get("commands") or {}).get("in_doubt", 0)
    if doubts:
        yield Finding(
            "commands.in_doubt",
            Level.PROBLEM,
            "commands",
            f"nobody can tell from here whether {_many(doubts, 'write', 'writes')} had an effect",
            "",
            "`groundwire commands list --state in_doubt`, then look in the system, and settle each.",
        )
    audit = (status.get("audit") or {}).get("error")
    if audit:
        cause = f"{audit['message']}: what has to be audited is refused"
        yield Finding("audit.unavailable", Level.PROBLEM, "audit log", cause, "", audit["hint"])
    trace = status.get("trace") or {}
    if trace.get("state") == "on":
        cause = f"payloads of {', '.join(trace['connections'][:MAX_NAMED])} are written down"
        yield Finding("trace.on", Level.NOTICE, "trace", cause, f"until {trace['until']}", "")


def _needs_person(code: str) -> bool:
    return issubclass(ERRORS_BY_CODE.get(code, Exception), NeedsPersonError)


def _many(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
