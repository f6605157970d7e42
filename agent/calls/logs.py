"""The agent's own log, asked over the control socket: pages of it, and its levels.

    log         {level?, connection?, run?, part?, text?, since?, until?, limit?, before? | after?}
                -> {lines: the oldest first, before: where older ones are to be had or null, after, gap, folder}
    log_levels  -> {configured, changed: [{name, level, seconds_left}], parts}
    log_level   {name?, level: debug, info, warning, error or default, seconds?}  -> as `log_levels`

Whoever follows the log asks again with `after`; one call reads a bounded number of bytes, whatever it finds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final

from agent.calls.arguments import maybe_text, number
from agent.control import Handler, Progress
from agent.errors import ConfigurationError
from agent.telemetry.levels import AGENT, EVERYTHING, NAMES, PARTS
from agent.telemetry.logging import Logs
from agent.telemetry.reading import MAX_LINES, Page, Place, Query, following, newest

DEFAULT_LIMIT: Final = 200
DEFAULT_LEVEL: Final = "default"  # the word for what agent.toml says
MAX_SECONDS: Final = 7 * 24 * 3600


class LogCalls:
    def __init__(self, logs: Logs, connections: Callable[[], Collection[str]]) -> None:
        """`connections` gives the names of those there are."""
        self._logs = logs
        self._connections = connections

    def handlers(self) -> Mapping[str, Handler]:
        return {"log": self._page, "log_levels": self._levels, "log_level": self._set_level}

    async def _page(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        if self._logs.folder is None:
            raise ConfigurationError(
                "this agent keeps no log files",
                where="agent.toml",
                hint="Its lines go to its standard error or the journal; [log] files = true keeps files too.",
            )
        page = await asyncio.to_thread(read_page, self._logs.folder, args)
        return {**page, "folder": str(self._logs.folder)}

    async def _levels(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        return self._logs.levels.document()

    async def _set_level(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        name, level = maybe_text(args, "name") or EVERYTHING, maybe_text(args, "level") or ""
        known = [AGENT, *PARTS, *self._connections()]
        if name != EVERYTHING and name not in known:
            raise ConfigurationError(
                f"there is no part and no connection named {name!r}", hint=f"There are: {', '.join(known)}."
            )
        if level == DEFAULT_LEVEL:
            self._logs.levels.reset(name)
            return self._logs.levels.document()
        if level not in NAMES:
            raise ConfigurationError(
                f"{level!r} is no level", hint=f"There are: {', '.join(NAMES)}, {DEFAULT_LEVEL}."
            )
        seconds = number(args, "seconds", 0)
        if seconds > MAX_SECONDS:
            raise ConfigurationError(
                "a level is changed for a week at most", hint="agent.toml has the lasting one."
            )
        self._logs.levels.set(name, level, seconds or None)
        return self._logs.levels.document()


def read_page(folder: Any, args: Mapping[str, Any]) -> dict[str, Any]:
    """What the call `log` answers, of these files; for whoever reads them without an agent too."""
    query = Query(
        level=_level(args),
        connection=maybe_text(args, "connection"),
        run=maybe_text(args, "run"),
        part=maybe_text(args, "part"),
        text=maybe_text(args, "text"),
        since=_moment(args, "since"),
        until=_moment(args, "until"),
    )
    limit = max(1, min(number(args, "limit", DEFAULT_LIMIT), MAX_LINES))
    before, after = maybe_text(args, "before"), maybe_text(args, "after")
    if after is not None:
        return _document(following(folder, query, Place.parse(after), limit=limit))
    return _document(newest(folder, query, limit=limit, before=Place.parse(before) if before else None))


def _document(page: Page) -> dict[str, Any]:
    return {
        "lines": list(page.lines),
        "before": str(page.before) if page.before else None,
        "after": str(page.after),
        "gap": page.gap,
    }


def _level(args: Mapping[str, Any]) -> str | None:
    level = maybe_text(args, "level")
    if level is not None and level not in NAMES:
        raise ConfigurationError(f"{level!r} is no level", hint=f"There are: {', '.join(NAMES)}.")
    return level


def _moment(args: Mapping[str, Any], name: str) -> datetime | None:
    text = maybe_text(args, name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigurationError(f"{name} is a moment with its time zone, such as 2026-01-05T12:00:00Z")
    return moment
