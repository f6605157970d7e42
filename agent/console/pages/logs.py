"""The agent's own log: by level, connection and word, and how much of it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from agent.console.page import Outcome, Page, Visit
from agent.errors import GroundwireError

PAGE_LINES: Final = 200
LEVELS: Final = ("debug", "info", "warning", "error")
ASKED: Final = ("level", "connection", "text", "run")
CHANGED_SECONDS: Final = 3600  # a level that is changed here goes back by itself
_SHOWN_APART: Final = frozenset({"timestamp", "level", "event", "connection", "stream", "exception", "part"})


async def show(visit: Visit) -> Mapping[str, Any]:
    chosen = {name: visit.query[name] for name in ASKED if visit.query.get(name)}
    before = {"before": visit.query["before"]} if visit.query.get("before") else {}
    status = await visit.ask("status")
    data = {
        "chosen": chosen,
        "levels": LEVELS,
        "connections": sorted(one["name"] for one in status["connections"]),
        "lines": [],
        "older": "",
        "newest": f"logs?{urlencode(chosen)}" if before else "",
        "folder": "",
        "problem": None,
        "changed": (await visit.ask("log_levels"))["changed"],
    }
    try:
        page = await visit.ask("log", **chosen, **before, limit=PAGE_LINES)
    except GroundwireError as error:
        return {**data, "problem": error}
    older = f"logs?{urlencode({**chosen, 'before': page['before']})}" if page["before"] else ""
    lines = [line_of(line) for line in reversed(page["lines"])]
    return {**data, "lines": lines, "older": older, "folder": page["folder"]}


def line_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the log as its row."""
    return {
        "at": line.get("timestamp"),
        "level": line.get("level", "info"),
        "event": str(line.get("event", "")).replace("_", " "),
        "where": line.get("stream") or line.get("connection") or "",
        "facts": [
            (name, value) for name, value in line.items() if name not in _SHOWN_APART and value is not None
        ],
        "exception": line.get("exception"),
    }


async def set_level(visit: Visit) -> Outcome:
    level = visit.form.get("to", "")
    await visit.ask("log_level", level=level, seconds=CHANGED_SECONDS if level != "default" else 0)
    visit.note(
        "The level is that of agent.toml again."
        if level == "default"
        else f"Lines from {level} on are written, for an hour."
    )
    return None


PAGE: Final = Page(
    path="logs",
    title="Logs",
    template="logs.html",
    show=show,
    actions={"level": set_level},
    group="This agent",
)
