"""One connection: how its streams stand, what its runs did, and what somebody may have it do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.certificates import WORDS
from agent.console.page import Confirm, Outcome, Page, Visit
from agent.console.pages.runs import chart_of
from agent.errors import ConfigurationError

SHOWN_RUNS: Final = 60
LISTED_RUNS: Final = 15


async def show(visit: Visit) -> Mapping[str, Any]:
    name = visit.path["connection"]
    status = await visit.ask("status")
    there = next((one for one in status["connections"] if one["name"] == name), None)
    if there is None:
        raise ConfigurationError(
            f"there is no connection named {name!r} in force",
            hint="Its file may be wrong, or it may not be enabled: see Settings.",
        )
    found = await visit.ask("runs", connection=name, limit=SHOWN_RUNS)
    waiting = status["outbox"]["streams"]
    return {
        "connection": there,
        "certificate": first_to_end(there.get("certificates") or []),
        "streams": [
            {
                **one,
                "address": f"{name}/{one['name']}",
                "complete": found["complete"].get(f"{name}/{one['name']}"),
                "waiting": waiting.get(f"{name}/{one['name']}"),
                "when": words_of(one["schedule"]),
            }
            for one in there["streams"]
        ],
        "runs": found["runs"][:LISTED_RUNS],
        "drawn": chart_of(found["runs"], title=f"Records of the last {len(found['runs'])} runs of {name}"),
        "count": len(found["runs"]),
    }


def first_to_end(certificates: Sequence[Mapping[str, str]]) -> Mapping[str, str] | None:
    """Of those that its hops have shown; the overview says when it is time to act."""
    first = min(certificates, key=lambda one: one["expiresAt"], default=None)
    return first and {"ends": first["expiresAt"], "of": WORDS.get(first["hop"], first["hop"])}


def words_of(schedule: Mapping[str, Any]) -> str:
    """When a stream is read, in words."""
    if schedule["manual"]:
        words = "only when asked"
    else:
        words = f"every {schedule['every']}" if schedule["every"] else f"cron {schedule['cron']}"
    if schedule["quiet_hours"]:
        words += f", quiet {', '.join(schedule['quiet_hours'])} {schedule['time_zone']}"
    return words


async def sync(visit: Visit) -> Outcome:
    wanted = _streams(visit)
    ended = await visit.begin("sync", streams=wanted)
    _tell(visit, ended, f"Sync of {', '.join(wanted)}")
    return None


async def resync(visit: Visit) -> Outcome:
    wanted = _streams(visit)
    if not visit.confirmed:
        return Confirm(
            f"Read {', '.join(wanted)} again from the beginning?",
            "Every record is read at the source and sent once more, whether it has changed or not. Nothing is lost and"
            " nothing is doubled at the relay; at the source it costs as much as the first sync did.",
            yes="Read everything again",
            danger=True,
        )
    ended = await visit.begin("resync", streams=wanted)
    _tell(visit, ended, f"Full re-sync of {', '.join(wanted)}")
    return None


async def pause(visit: Visit) -> Outcome:
    name = visit.path["connection"]
    await visit.ask("pause", connection=name)
    visit.note(f"{name} is paused, also after a restart. What is enqueued still travels.")
    return None


async def resume(visit: Visit) -> Outcome:
    name = visit.path["connection"]
    await visit.ask("resume", connection=name)
    visit.note(f"{name} runs again, and goes on where it stopped.")
    return None


async def check(visit: Visit) -> Outcome:
    """Tried at the source, as `groundwire check` does."""
    name = visit.path["connection"]
    found = await visit.ask("check", connection=name)
    for step in found["steps"]:
        said = f"{step['name']}: {step['detail']}" if step.get("detail") else step["name"]
        visit.note(f"{said}. {step['hint']}" if step.get("hint") else said, "ok" if step["ok"] else "problem")
    return None


def _streams(visit: Visit) -> list[str]:
    """The streams that the form names, or the whole connection."""
    name = visit.path["connection"]
    return [f"{name}/{stream}" for stream in visit.lists.get("stream", [])] or [name]


def _tell(visit: Visit, ended: Mapping[str, Any] | None, what: str) -> None:
    if ended is None:
        visit.note(f"{what} has begun; its runs are below.")
        return
    failed = [run for run in ended["runs"] if run["status"] != "succeeded"]
    for run in failed:
        error = run["error"] or {"message": run["status"], "hint": ""}
        visit.note(f"{run['stream']}: {error['message']}. {error['hint']}", "problem")
    if not failed:
        visit.note(f"{what} has ended well.")


PAGE: Final = Page(
    path="connections/{connection}",
    title="{connection}",
    template="connection.html",
    show=show,
    actions={"sync": sync, "resync": resync, "pause": pause, "resume": resume, "check": check},
)
