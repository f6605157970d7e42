"""A stream's mapping: source beside unified with values of real records, and its versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.console.page import Confirm, GoTo, Outcome, Page, Visit
from agent.console.pages.asking import whole_number
from agent.errors import GroundwireError, MoreRejects, Stale

SAMPLES: Final = 3
ORIGINS: Final = {"changed": ("Changed", "busy"), "removed": ("Taken out", "warning")}


async def show_all(visit: Visit) -> Mapping[str, Any]:
    return await visit.ask("mappings")


async def show(visit: Visit) -> Mapping[str, Any]:
    """The source is asked for values; where it does not answer, the page says so and shows the rest."""
    connection, stream = visit.path["connection"], visit.path["stream"]
    key = visit.query.get("key", "")
    where = {"connection": connection, "stream": stream}
    unread = None
    try:
        found = await visit.ask(
            "mapping_show", **where, samples=1 if key else SAMPLES, keys=[key] if key else []
        )
    except GroundwireError as error:
        found = await visit.ask("mapping_show", **where, columns=False)
        unread = error
    shown = min(whole_number(visit.query.get("record"), 1), max(1, _count(found))) - 1
    return {
        "mapping": found,
        "unread": unread,
        "key": key,
        "address": f"mapping/{connection}/{stream}",
        "record": shown,
        "count": _count(found),
        "lines": [
            row_of(line, shown) for line in found["fields"] if line["toml"] is not None or line["origin"]
        ],
        "unmapped": [
            line["field"] for line in found["fields"] if line["toml"] is None and not line["origin"]
        ],
        "spare": [spare_of(one, shown) for one in found["unused"]],
        "origins": ORIGINS,
    }


def row_of(line: Mapping[str, Any], record: int) -> dict[str, Any]:
    """One field, with what the chosen record has for it on both sides. Pure."""
    sources = line["sources"][record] if record < len(line["sources"]) else []
    return {
        **line,
        "source": [
            {"column": column, "value": _short(value), "known": bool(sources)}
            for column, value in zip(line["columns"], sources or [None] * len(line["columns"]), strict=True)
        ],
        "made": _short(line["samples"][record]) if record < len(line["samples"]) else None,
        "sampled": record < len(line["samples"]),
    }


def spare_of(unused: Mapping[str, Any], record: int) -> dict[str, Any]:
    """Pure."""
    sources = unused["sources"]
    value = sources[record][0] if record < len(sources) and sources[record] else None
    return {"column": unused["column"], "new": unused["new"], "value": _short(value)}


def _count(found: Mapping[str, Any]) -> int:
    return max((len(line["sources"]) for line in found["fields"]), default=0)


def _short(value: Any) -> Any:
    """Of a list, what there is of it: its entries have rows of their own."""
    if isinstance(value, list):
        return (
            f"{len(value)} {'line' if len(value) == 1 else 'lines'}"
            if _nested(value)
            else ", ".join(map(str, value))
        )
    return value


def _nested(value: list[Any]) -> bool:
    return not value or isinstance(value[0], Mapping)


async def adopt(visit: Visit) -> Outcome:
    answer = await visit.ask("mapping_adopt", **visit.path)
    count, left = len(answer["adopted"]), answer["left"]
    visit.note(
        f"{count} {'change is' if count == 1 else 'changes are'} the file's own now; {left} stay beside it."
        if count
        else "The file says none of the changes yet: copy them into it first.",
        "ok" if count else "notice",
    )
    return None


async def dismiss(visit: Visit) -> Outcome:
    await visit.ask("mapping_accept_columns", **visit.path)
    visit.note("These columns are not offered any more. They stay in the list of those that no field uses.")
    return None


async def resync(visit: Visit) -> Outcome:
    address = f"{visit.path['connection']}/{visit.path['stream']}"
    if not visit.confirmed:
        return Confirm(
            f"Read {address} again from the beginning?",
            consequence="Every record of the stream is read at the source and sent once more in its new form. Other"
            " streams go on as they are. At the platform nothing is doubled: each record replaces its older form.",
            yes="Re-sync",
        )
    await visit.begin("resync", streams=[address])
    visit.note(f"{address} is being read again in full; its connection's page shows how far it is.")
    return GoTo(f"mapping/{address}")


async def history(visit: Visit) -> Mapping[str, Any]:
    connection, stream = visit.path["connection"], visit.path["stream"]
    found = await visit.ask("mapping_history", **visit.path)
    return {"history": found, "address": f"mapping/{connection}/{stream}"}


async def revert(visit: Visit) -> Outcome:
    to, based_on = whole_number(visit.form.get("to")), whole_number(visit.form.get("based_on"))
    found = await visit.ask("mapping_history", **visit.path)
    if found["version"] != based_on:
        raise Stale(f"version {found['version']} is in force by now; this page was of version {based_on}")
    address = f"{visit.path['connection']}/{visit.path['stream']}"
    what = f"version {to}" if to else "what the connection file says"
    if not visit.confirmed:
        return Confirm(
            f"Put {what} in force again for {address}?",
            consequence=f"It becomes version {based_on + 1}; nothing of the history is lost. It is tried on real records"
            " first. Records that are read from then on are mapped so; those at the platform keep their form until"
            " they change, or until the stream is re-synced.",
            yes="Put in force",
        )
    try:
        answer = await visit.ask(
            "mapping_revert", **visit.path, to=to, accept_rejects=visit.form.get("accept_rejects") == "yes"
        )
    except MoreRejects as error:
        raise MoreRejects(
            error.message,
            where=error.where,
            hint="Nothing was changed. Tick “also where more records are rejected” to put it in force all the same.",
        ) from error
    visit.note(
        f"Version {answer['version']} is in force: {', '.join(answer['changed'])}."
        if answer["changed"]
        else "Nothing to change: that is what is in force."
    )
    return GoTo(f"mapping/{address}")


ALL: Final = Page("mapping", "Mapping", "mappings.html", show_all, group="Records")
MAPPING: Final = Page(
    "mapping/{connection}/{stream}",
    "Mapping of {connection}/{stream}",
    "mapping.html",
    show,
    actions={"adopt": adopt, "dismiss": dismiss, "resync": resync},
    section="mapping",
)
HISTORY: Final = Page(
    "mapping/{connection}/{stream}/history",
    "Versions of {connection}/{stream}",
    "mapping_history.html",
    history,
    actions={"revert": revert},
    section="mapping",
)
