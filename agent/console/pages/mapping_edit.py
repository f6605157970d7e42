"""A mapping edited as text: tried, and saved as a new version. What was typed is never lost: it comes back with every
answer until it is saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.console.page import GoTo, Outcome, Page, Show, Visit
from agent.console.pages.asking import whole_number
from agent.errors import GroundwireError
from agent.mapping.paths import text_of

MAX_ROWS: Final = 100  # of the table of differences


async def show(visit: Visit) -> Mapping[str, Any]:
    connection, stream = visit.path["connection"], visit.path["stream"]
    typed = "text" in visit.form
    found = await visit.ask("mapping_text", **visit.path, add=visit.query.get("add", ""))
    columns = await _columns(visit)
    text = visit.form["text"].replace("\r\n", "\n") if typed else found["text"]
    return {
        "address": f"mapping/{connection}/{stream}",
        "in_force": found["version"],
        "based_on": whole_number(visit.form.get("based_on"), found["version"]),
        "text": text,
        "rows": min(40, max(12, text.count("\n") + 2)),
        "note": visit.form.get("note", ""),
        "key": visit.form.get("key", visit.query.get("key", "")),
        "wanted": visit.query.get("field", ""),
        "again": visit.form.get("again") == "yes",
        "accept": visit.form.get("accept_rejects") == "yes",
        "result": None,
        **columns,
    }


async def _columns(visit: Visit) -> Mapping[str, Any]:
    """The columns to be named; without them where the source does not answer."""
    try:
        found = await visit.ask("mapping_show", **visit.path)
    except GroundwireError as error:
        return {"used": [], "unused": [], "unread": error, "unmapped": []}
    used = dict.fromkeys(column for line in found["fields"] for column in line["columns"])
    return {
        "used": list(used),
        "unused": [one["column"] for one in found["unused"]],
        "unread": None,
        "unmapped": [line["field"] for line in found["fields"] if line["toml"] is None],
    }


async def try_it(visit: Visit) -> Outcome:
    return Show({"result": await _tried(visit)})


async def rebase(visit: Visit) -> Outcome:
    """Hold the text against the version that somebody else saved meanwhile."""
    result = await _tried(visit, rebased=True)
    return Show({"result": result, "based_on": result["version"]})


async def save(visit: Visit) -> Outcome:
    """A new version, with the guards of `groundwire mapping set`; the text stays where it cannot be one."""
    result = await _tried(visit)
    accepted = visit.form.get("accept_rejects") == "yes"
    if result["faults"] or result["error"] or not result["changes"]:
        return Show({"result": result})
    if result["more_rejects"] and not accepted:
        return Show({"result": {**result, "refused": True}})
    answer = await visit.ask(
        "mapping_change",
        **visit.path,
        changes=result["plain"],
        based_on=whole_number(visit.form.get("based_on")),
        note=visit.form.get("note", ""),
        accept_rejects=accepted,
    )
    visit.note(f"Version {answer['version']} is in force: {', '.join(answer['changed'])}.")
    address = f"{visit.path['connection']}/{visit.path['stream']}"
    if visit.form.get("again") == "yes":
        await visit.begin("resync", streams=[address])
        visit.note(f"{address} is being read again in full.")
    return GoTo(f"mapping/{address}")


async def _tried(visit: Visit, *, rebased: bool = False) -> dict[str, Any]:
    key = visit.form.get("key", "").strip()
    based_on = None if rebased else whole_number(visit.form.get("based_on"))
    found = await visit.ask(
        "mapping_try",
        **visit.path,
        text=visit.form.get("text", ""),
        based_on=based_on,
        keys=[key] if key else [],
    )
    return result_of(found, visit.form.get("text", ""))


def result_of(found: Mapping[str, Any], text: str) -> dict[str, Any]:
    """What `mapping_try` found, as the page shows it. Pure."""
    lines = text.replace("\r\n", "\n").split("\n")
    preview = found["preview"]
    differing = [] if preview is None else [
        {"key": row["key"], **one} for row in preview["rows"] for one in row["differences"]
    ]  # fmt: skip
    return {
        **found,
        "plain": found["changes"],
        "changes": [change_words(change) for change in found["changes"]],
        "faults": [
            {**fault, "written": lines[fault["line"] - 1].strip() if 0 < fault["line"] <= len(lines) else ""}
            for fault in found["faults"]
        ],
        "stale": found["error"] is not None and found["error"]["code"] == "stale",
        "differing": differing[:MAX_ROWS],
        "more": max(0, len(differing) - MAX_ROWS)
        + sum(row["more"] for row in (preview or {"rows": ()})["rows"]),
        "refused": False,
    }


def change_words(change: Mapping[str, Any]) -> dict[str, str]:
    return {
        "field": text_of(tuple(change["path"])),
        "what": "made otherwise" if "spec" in change else "mapped no more",
    }


PAGE: Final = Page(
    "mapping/{connection}/{stream}/edit",
    "Change the mapping of {connection}/{stream}",
    "mapping_edit.html",
    show,
    actions={"try": try_it, "rebase": rebase, "save": save},
    section="mapping",
)
