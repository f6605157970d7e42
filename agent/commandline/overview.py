"""Pure: a status as lines and rows for a terminal. `groundwire status` prints them, and its live view redraws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from agent.commandline.progress import describe
from agent.measures import duration, size

COLOURS: Final[Mapping[str, str]] = {"problem": "red", "warning": "yellow", "notice": "cyan", "ok": "green"}
SHOWN_FINDINGS: Final = 20
_GRAVITY: Final = ("needs_reauthorisation", "needs_person", "retrying", "running")  # of a stream's state


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    colour: str | None = None
    bold: bool = False


@dataclass(frozen=True, slots=True)
class StreamRow:
    stream: str
    state: str
    done: str
    last: str
    next: str

    def cells(self) -> list[str]:
        return [self.stream, self.state, self.done, self.last, self.next]


def head(status: Mapping[str, Any]) -> list[Line]:
    """The verdict, and each thing that somebody should know, with what to do about it."""
    verdict = status.get("verdict")
    if not verdict:
        return []
    lines = [Line(verdict["text"], COLOURS.get(verdict["level"]), bold=True)]
    findings = verdict["findings"]
    for finding in findings[:SHOWN_FINDINGS]:
        colour = COLOURS.get(finding["level"])
        where = f"{finding['where']}: " if finding["where"] else ""
        evidence = f" ({finding['evidence']})" if finding["evidence"] else ""
        lines.append(Line(f"  {finding['level']:<7}  {where}{finding['cause']}{evidence}", colour))
        if finding["next_step"]:
            lines.append(Line(f"           What to do: {finding['next_step']}"))
    if len(findings) > SHOWN_FINDINGS:
        lines.append(Line(f"  and {len(findings) - SHOWN_FINDINGS} more: `groundwire status --json` has all"))
    return lines


def tunnel(status: Mapping[str, Any]) -> Line:
    relay = status["relay"]
    return Line(f"Relay: {relay['phase']} since {relay['since']}; last ack {relay['last_ack'] or 'never'}")


def backlog(status: Mapping[str, Any]) -> list[Line]:
    outbox, figures = status["outbox"], status.get("figures") or {}
    waiting = f"{outbox['pending_batches']:,} batches wait ({size(outbox['pending_bytes'])})"
    records = (figures.get("backlog") or {}).get("records")
    if records:
        waiting += f" with {records:,} records"
    lines = [Line(f"Outbox: {waiting}, {outbox['dead_letters']:,} dead letters{_forecast(figures)}")]
    if rates := figures.get("rates"):
        lines.append(
            Line(
                f"  enqueued {rates['enqueued_records']:,.1f} records a second, acked {rates['acked_records']:,.1f}, "
                f"over the last {duration(rates['over_seconds'])}"
            )
        )
    if last := figures.get("last_acked"):
        lines.append(
            Line(
                f"  last acked: {last['stream']} batch {last['seq']}, {_content(last)}, at {last['acked_at']}"
            )
        )
    return lines


def _content(batch: Mapping[str, Any]) -> str:
    kind = str(batch["kind"])
    if kind == "run":
        return "a run report"
    return f"{batch['count']:,} {kind.replace('_', ' ')}"


def _forecast(figures: Mapping[str, Any]) -> str:
    found = figures.get("backlog") or {}
    full, empty = found.get("full_in_seconds"), found.get("empty_in_seconds")
    if full is not None:
        return f"; full in {duration(full)} at the present rate"
    if empty:
        return f"; empty in {duration(empty)} at the present rate"
    return ""


def rows(status: Mapping[str, Any], now: datetime) -> list[StreamRow]:
    """Every stream, in the order of the configuration."""
    return [
        _row(connection, stream, now)
        for connection in status["connections"]
        for stream in connection["streams"]
    ]


def gravest(found: Sequence[StreamRow], most: int) -> tuple[list[StreamRow], int]:
    """As many as there is room for: those in trouble and those that run first; and how many are left out."""
    order = sorted(
        found, key=lambda row: _GRAVITY.index(row.state) if row.state in _GRAVITY else len(_GRAVITY)
    )
    shown = {id(row) for row in order[:most]}
    return [row for row in found if id(row) in shown], max(0, len(found) - most)


def _row(connection: Mapping[str, Any], stream: Mapping[str, Any], now: datetime) -> StreamRow:
    last = stream.get("lastRun")
    state = "paused" if connection.get("paused") else stream["state"]
    return StreamRow(
        f"{connection['name']}/{stream['name']}",
        state,
        _done(last, now) if last else "-",
        f"{last['status']} {last['finishedAt'] or last['startedAt']}" if last else "-",
        stream.get("nextRunAt") or "-",
    )


def _done(run: Mapping[str, Any], now: datetime) -> str:
    """What a run has done; of one under way also how long it has run, and how fast it reads."""
    if run["status"] != "running":
        return describe(run)
    try:
        seconds = (now - datetime.fromisoformat(run["startedAt"])).total_seconds()
    except ValueError:
        return describe(run)
    read = (run.get("counts") or {}).get("read", 0)
    rate = f", {read / seconds:,.0f}/s" if read and seconds >= 1 else ""
    return f"{describe(run)} in {duration(seconds)}{rate}"


def check_line(verdict: Mapping[str, Any], outbox: Mapping[str, Any]) -> str:
    """For a monitoring system: one line, with numbers behind the bar as its plug-ins write them."""
    word = {"problem": "CRITICAL", "warning": "WARNING"}.get(verdict["level"], "OK")
    causes = [
        f"{one['where']}: {one['cause']}"
        for one in verdict["findings"]
        if one["level"] in {"problem", "warning"}
    ]
    text = "; ".join([verdict["text"], *causes[:3]]).replace("|", "/")
    numbers = {
        "pending_batches": outbox["pending_batches"],
        "pending_bytes": f"{outbox['pending_bytes']}B",
        "dead_letters": outbox["dead_letters"],
    }
    return f"GROUNDWIRE {word} - {text} | " + " ".join(f"{name}={value}" for name, value in numbers.items())
