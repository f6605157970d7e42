"""The runs that are kept: of all connections, or of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from agent.console.charts import Bar, bars
from agent.console.page import Page, Visit
from agent.console.rendering import moment, number

PAGE_RUNS: Final = 50
MAX_BARS: Final = 60
OUTCOMES: Final = ("succeeded", "failed", "cancelled", "running")


async def show(visit: Visit) -> Mapping[str, Any]:
    chosen = {name: visit.query[name] for name in ("connection", "stream", "status") if visit.query.get(name)}
    before = {"before": visit.query["before"]} if visit.query.get("before") else {}
    found = await visit.ask("runs", **chosen, **before, limit=PAGE_RUNS)
    status = await visit.ask("status")
    return {
        "runs": found["runs"],
        "chosen": chosen,
        "older": f"runs?{urlencode({**chosen, 'before': found['next']})}" if found["next"] else "",
        "newest": f"runs?{urlencode(chosen)}" if before else "",
        "connections": sorted(one["name"] for one in status["connections"]),
        "outcomes": OUTCOMES,
    }


def chart_of(runs: Sequence[Mapping[str, Any]], *, title: str) -> Any:
    """Records of each run, the newest at the right; a run that failed stands out also where it read nothing."""
    return bars([_bar(run) for run in reversed(runs[:MAX_BARS])], title=title)


def _bar(run: Mapping[str, Any]) -> Bar:
    counts = run["counts"]
    sent = counts.get("enqueued", 0) + counts.get("tombstones", 0)
    letters = counts.get("deadLetters", 0)
    label = f"{moment(run['startedAt'])}, {run['stream']}: {run['status']}, {number(sent)} enqueued"
    if run["status"] == "failed":
        return Bar(
            f"{label}, {run['error']['code'] if run['error'] else 'error'}", (max(sent, 1),), ("fail",)
        )
    return Bar(f"{label}, {number(letters)} dead letters", (sent, letters), ("good", "letters"))


PAGE: Final = Page(path="runs", title="Runs", template="runs.html", show=show, group="Now")
