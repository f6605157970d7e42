"""What the running agent answers to the local command line (see agent/control.py and docs/cli.md)."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from agent.audit.trail import Actor
from agent.calls.arguments import texts
from agent.calls.running import ended, result_document
from agent.checking import check_connection
from agent.configuration.reload import Reload
from agent.connections import Connections
from agent.control import Handler, Progress, caller, error_document
from agent.model.run import RunReport, RunTrigger, rfc3339
from agent.outbox.store import Outbox, OutboxStats, StreamStats
from agent.settings import Settings
from agent.tunnel.link import LinkState


class LocalCalls:
    def __init__(
        self,
        settings: Settings,
        connections: Connections,
        outbox: Outbox,
        link: Callable[[], LinkState],
        reload: Callable[[Actor], Awaitable[Reload]],
        *,
        sections: Mapping[str, Callable[[], Any]] | None = None,
        judge: Callable[[Mapping[str, Any]], Any] | None = None,
    ) -> None:
        """`sections`: further parts of the status, by name; each gives its part, or something to wait for.

        `judge` makes the status' `verdict` of everything else in it.
        """
        self._judge = judge
        self._sections = dict(sections or {})
        self._settings = settings
        self._connections = connections
        self._outbox = outbox
        self._link = link
        self._reload = reload

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "status": self._status,
            "sync": self._sync,
            "resync": self._resync,
            "reconcile": self._reconcile,
            "outbox": self._outbox_stats,
            "discover": self._discover,
            "check": self._check,
            "reload": self._reload_files,
        }

    async def _status(self, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        status = {
            "relay": _link_document(self._link()),
            "connections": self._connections.local_status(),
            "outbox": await self._outbox_stats(args, progress),
            **{name: await _part_of(section) for name, section in self._sections.items()},
        }
        return status if self._judge is None else {**status, "verdict": self._judge(status)}

    async def _sync(self, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        return await self._run(args, progress, full=False)

    async def _resync(self, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        return await self._run(args, progress, full=True)

    async def _reconcile(self, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        return await self._run(args, progress, full=False, reconcile=True)

    async def _run(
        self, args: dict[str, Any], progress: Progress, *, full: bool, reconcile: bool = False
    ) -> dict[str, Any]:
        """`streams`: texts "connection" or "connection/stream"; none: everything."""
        wanted = self._connections.addressed(texts(args, "streams"))
        chosen = {f"{connection}/{stream}" for connection, stream in wanted}

        def watch(report: RunReport) -> None:
            if report.stream in chosen:
                progress(report.to_document())

        self._connections.watchers.add(watch)
        try:
            futures = self._connections.start_syncs(
                wanted,
                RunTrigger.MANUAL,
                full=full,
                accept_deletions=bool(args.get("accept_deletions")),
                reconcile=reconcile,
            )
            results = await ended(futures)
        finally:
            self._connections.watchers.discard(watch)
        return {"runs": [result_document(result) for result in results]}

    async def _outbox_stats(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        stats = await self._outbox.stats()
        streams = {name: _shallow(one) for name, one in stats.streams.items()}
        return {
            **_shallow(stats),
            "streams": streams,
            "damaged": self._outbox.damaged,
            "reading_paused": self._outbox.reading_paused,
        }

    async def _discover(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """Through a driver of its own: no run under way has to end first, and none is cut by a change of the file."""
        driver = self._connections.make_driver(
            self._connections.named(str(args.get("connection", ""))).settings
        )
        try:
            return asdict(await driver.discover())
        finally:
            await driver.aclose()

    async def _check(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """One connection, tried through a driver of its own so that no run under way has to end first."""
        settings = self._connections.named(str(args.get("connection", ""))).settings
        driver = self._connections.make_driver(settings)
        try:
            return {"steps": [asdict(step) for step in await check_connection(driver, settings)]}
        finally:
            await driver.aclose()

    async def _reload_files(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        found = await self._reload(caller())
        return {
            "changes": asdict(found.changes),
            "problems": [error_document(problem) for problem in found.problems],
        }


def _shallow(stats: OutboxStats | StreamStats) -> dict[str, Any]:
    """`asdict` copies values one by one, which of hundreds of streams takes most of a status."""
    return {item.name: getattr(stats, item.name) for item in fields(stats)}


def _link_document(state: LinkState) -> dict[str, Any]:
    return {
        "phase": state.phase.value,
        "since": rfc3339(state.since),
        "last_ack": rfc3339(state.last_ack) if state.last_ack else None,
        "retry_at": rfc3339(state.retry_at) if state.retry_at else None,
        "failures": state.failures,
        "beats_answered": state.beats_answered,
        "certificate_ends": rfc3339(state.certificate_ends) if state.certificate_ends else None,
        "away_since": rfc3339(state.away_since) if state.away_since else None,
        "held_back": {"connections": list(state.held_back), "reason": state.held_back_reason}
        if state.held_back
        else None,
        "error": {"code": state.error_code, "message": state.error, "hint": state.hint}
        if state.error_code
        else None,
    }


async def _part_of(section: Callable[[], Any]) -> Any:
    part = section()
    return await part if inspect.isawaitable(part) else part
