"""What the relay has not acked: how much, of which streams, why it is still here, and the records themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.console.page import Page, Visit
from agent.console.pages.asking import link, whole_number

BATCHES: Final = 50  # of one page
RECORDS: Final = 10
KINDS: Final = {
    "records": "Records",
    "tombstones": "Deletions",
    "dead_letters": "Notes of dead letters",
    "run": "Report of a run",
}


async def show(visit: Visit) -> Mapping[str, Any]:
    stream = visit.query.get("stream", "")
    after = whole_number(visit.query.get("after"))
    found = await visit.ask(
        "in_flight", **({"stream": stream} if stream else {}), after_seq=after, limit=BATCHES
    )
    waiting = found["waiting"]
    return {
        **found,
        "kinds": KINDS,
        "stream": stream,
        "totals": totals(waiting),
        "further": link("in-flight", stream=stream, after=found["next"]) if found["next"] else "",
        "first": link("in-flight", stream=stream) if after else "",
    }


def totals(waiting: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Pure."""
    moments = [one["oldest_at"] for one in waiting.values() if one["oldest_at"]]
    return {
        "batches": sum(one["batches"] for one in waiting.values()),
        "records": sum(one["records"] for one in waiting.values()),
        "bytes": sum(one["bytes"] for one in waiting.values()),
        "oldest_at": min(moments, default=None),
    }


async def show_batch(visit: Visit) -> Mapping[str, Any]:
    offset = whole_number(visit.query.get("from"))
    seq = whole_number(visit.path["seq"])
    found = await visit.ask("batch", seq=seq, offset=offset, limit=RECORDS)
    here = f"in-flight/{seq}"
    following = "" if found["next"] is None else link(here, **{"from": found["next"]})
    return {"batch": found, "kinds": KINDS, "further": following, "first": here if offset else ""}


PAGE: Final = Page("in-flight", "Records in flight", "in_flight.html", show, group="Records")
BATCH: Final = Page("in-flight/{seq}", "Batch {seq}", "batch.html", show_batch, section="in-flight")
