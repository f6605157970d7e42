"""The audit log for the people of this host: searched, checked, and its head.

    audit_lines   {before?, limit?, since?, until?, action?, who?, text?}
                  -> {lines: the newest first, next: the `before` of the next page or null, actions, looked_at}
    audit_verify  {}  -> what `groundwire audit verify --json` prints
    audit_head    {}  -> {n, hash, public_key, fingerprint}, or null where the head is missing or damaged

One search looks at MAX_LOOKED lines at most; `next` goes on behind them, also where none of them fitted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from agent.audit.lines import Line
from agent.audit.reading import AuditFolder
from agent.audit.signing import fingerprint
from agent.audit.verify import Fault, Report
from agent.calls.arguments import maybe_text, number
from agent.control import Handler, Progress
from agent.errors import ConfigurationError

MAX_LINES: Final = 500  # of one answer
MAX_LOOKED: Final = 200_000


@dataclass(frozen=True, slots=True)
class Search:
    """Which lines are meant: those that fit each that is given."""

    before: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    action: str = ""
    who: str = ""  # part of the origin or the name
    text: str = ""  # part of the facts

    def fits(self, line: Line) -> bool:
        return (
            (self.since is None or line.moment >= self.since)
            and (self.until is None or line.moment < self.until)
            and (not self.action or line.action == self.action)
            and (not self.who or self.who in f"{line.actor.origin.value} {line.actor.name}".casefold())
            and (not self.text or self.text in json.dumps(line.facts, ensure_ascii=False).casefold())
        )


class AuditCalls:
    def __init__(self, state_dir: Path) -> None:
        self._folder = AuditFolder(state_dir)
        self._one_at_a_time = asyncio.Lock()  # each may read a year of lines

    def handlers(self) -> Mapping[str, Handler]:
        return {"audit_lines": self._lines, "audit_verify": self._verify, "audit_head": self._head}

    async def _lines(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        search = Search(
            before=number(args, "before") or None,
            since=_moment(args, "since"),
            until=_moment(args, "until"),
            action=maybe_text(args, "action") or "",
            who=(maybe_text(args, "who") or "").casefold(),
            text=(maybe_text(args, "text") or "").casefold(),
        )
        limit = min(number(args, "limit", 100), MAX_LINES)
        async with self._one_at_a_time:
            return await asyncio.to_thread(lambda: found(self._folder.newest(), search, limit))

    async def _verify(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        async with self._one_at_a_time:
            report = await asyncio.to_thread(self._folder.verify)
        return report_document(report, report.faults)

    async def _head(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any] | None:
        head = await asyncio.to_thread(self._folder.head)
        if head is None:
            return None
        return {
            "n": head.mark.n,
            "hash": head.mark.hash,
            "public_key": head.public_key,
            "fingerprint": head.fingerprint,
        }


def found(newest: Iterable[Line], search: Search, limit: int) -> dict[str, Any]:
    """Pure: of lines, the newest first."""
    lines: list[dict[str, Any]] = []
    actions: set[str] = set()
    following, looked_at = None, 0
    for line in newest:
        if search.before is not None and line.n >= search.before:
            continue
        if len(lines) >= limit or looked_at >= MAX_LOOKED:
            following = line.n + 1
            break
        looked_at += 1
        actions.add(line.action)
        if search.fits(line):
            lines.append(line.as_document())
    return {"lines": lines, "next": following, "actions": sorted(actions), "looked_at": looked_at}


def report_document(report: Report, faults: Iterable[Fault], *, known: int = 0) -> dict[str, Any]:
    """`faults`: those that are not known; `known`: how many are."""
    told = list(faults)
    return {
        "ok": not told and not report.more_faults,
        "lines": report.lines,
        "first": report.first_n,
        "last": report.last_n,
        "hash": report.last_hash,
        "signatures": report.checkpoints,
        "unsigned": report.unsigned,
        "public_key": report.public_key,
        "fingerprint": fingerprint(report.public_key) if report.public_key else "none",
        "known_faults": known,
        "faults": [
            {
                "kind": fault.kind.value,
                "file": fault.file,
                "line": fault.line,
                "n": fault.n,
                "message": fault.message,
                "recorded": fault.recorded,
            }
            for fault in told
        ],
        "more_faults": report.more_faults,
    }


def _moment(args: Mapping[str, Any], name: str) -> datetime | None:
    given = maybe_text(args, name)
    if not given:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise ConfigurationError(f"{name} is written 2026-01-31 or 2026-01-31T08:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
