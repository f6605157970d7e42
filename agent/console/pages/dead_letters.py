"""Records that cannot pass: by cause, one by one, read again, or forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from agent.console.page import Confirm, GoTo, Outcome, Page, Visit
from agent.console.pages.asking import link, whole_number
from agent.errors import ConfigurationError

LETTERS: Final = 50  # of one page
MAX_WHY: Final = 1_000  # characters of a reason
WORDS: Final = ("stream", "field", "reason", "key")


async def show(visit: Visit) -> Mapping[str, Any]:
    chosen = _chosen(visit.query)
    groups = await visit.ask("dead_letter_groups")
    found: Mapping[str, Any] = {"dead_letters": [], "next": None}
    if chosen:
        after = whole_number(visit.query.get("after"))
        found = await visit.ask("dead_letters", **chosen, after_id=after, limit=LETTERS)
    return {
        "groups": [with_address(group) for group in groups["groups"]],
        "total": groups["total"],
        "chosen": chosen,
        "letters": found["dead_letters"],
        "further": link("dead-letters", **chosen, after=found["next"]) if found["next"] else "",
        "first": link("dead-letters", **chosen) if visit.query.get("after") else "",
    }


def with_address(group: Mapping[str, Any]) -> dict[str, Any]:
    """A cause with the address of its letters. Pure."""
    where = {"stream": group["stream"], "field": group["field"], "reason": group["reason"]}
    return {**group, "address": link("dead-letters", **where)}


async def show_one(visit: Visit) -> Mapping[str, Any]:
    letter = await visit.ask("dead_letter", id=whole_number(visit.path["id"]))
    return {"letter": letter, "source": _source(letter["raw"])}


async def read_again(visit: Visit) -> Outcome:
    """The chosen ones, or all of one cause. The page does not wait for the runs."""
    answer = await visit.ask("requeue", **_meant(visit), wait=False)
    text = f"{answer['requeued']} asked for again; those that pass now leave this list by themselves."
    if answer["left"]:
        text += f" {answer['left']} more have the same cause: ask once more for them."
    visit.note(text, "ok" if answer["requeued"] else "notice")
    return GoTo("dead-letters") if "id" in visit.path else None


async def drop(visit: Visit) -> Outcome:
    meant, why = _meant(visit), visit.form.get("why", "").strip()[:MAX_WHY]
    if not (visit.confirmed and why):
        return Confirm(
            _question(meant, visit),
            consequence="What is wrong with them is forgotten here. The records stay as they are at the source, and"
            " do not come to the platform until they change there or their stream is re-synced.",
            yes="Drop",
            danger=True,
            asks="Why, for the audit log",
        )
    answer = await visit.ask("drop", **meant, why=why)
    left = f" {answer['left']} more have the same cause." if answer["left"] else ""
    visit.note(f"{answer['dropped']} dropped.{left}")
    return GoTo("dead-letters")


def _question(meant: Mapping[str, Any], visit: Visit) -> str:
    if "ids" in meant:
        count = len(meant["ids"])
        return f"Drop {'this dead letter' if count == 1 else f'these {count} dead letters'}?"
    count_text = visit.form.get("count", "")
    counted = f"the {count_text} " if count_text.isdigit() else "all "
    return f"Drop {counted}dead letters of {meant['chosen']['stream']} with this cause?"


def _meant(visit: Visit) -> dict[str, Any]:
    if "id" in visit.path:
        return {"ids": [whole_number(visit.path["id"])]}
    if ids := visit.lists.get("id"):
        return {"ids": [whole_number(text) for text in ids]}
    chosen = _chosen(visit.form)
    if "stream" not in chosen:
        raise ConfigurationError("nothing is chosen", hint="Tick the records that are meant.")
    return {"chosen": chosen}


def _chosen(given: Mapping[str, str]) -> dict[str, str]:
    return {word: given[word] for word in WORDS if given.get(word)}


def _source(raw: str | None) -> Any:
    """The record as it was read, to be looked at value by value; as text where it is none. Pure."""
    if raw is None:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw


PAGE: Final = Page(
    "dead-letters",
    "Dead letters",
    "dead_letters.html",
    show,
    actions={"requeue": read_again, "drop": drop},
    group="Records",
)
LETTER: Final = Page(
    "dead-letters/{id}",
    "Dead letter {id}",
    "dead_letter.html",
    show_one,
    actions={"requeue": read_again, "drop": drop},
    section="dead-letters",
)
