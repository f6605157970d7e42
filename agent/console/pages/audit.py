"""Who did what on this agent: searched, checked, and its head to be kept elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from agent.console.page import Outcome, Page, Show, Visit
from agent.console.pages.asking import link, whole_number

LINES: Final = 50  # of one page
WORDS: Final = ("since", "until", "action", "who", "text")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
HIDDEN: Final = frozenset({"signature", "public_key"})  # of use to the check alone


async def show(visit: Visit) -> Mapping[str, Any]:
    asked = {word: visit.query[word] for word in WORDS if visit.query.get(word)}
    before = whole_number(visit.query.get("before"))
    found = await visit.ask("audit_lines", **asked, before=before, limit=LINES)
    return {
        "lines": [{**line, "facts": facts_of(line["facts"])} for line in found["lines"]],
        "looked_at": found["looked_at"],
        "actions": sorted({*found["actions"], *([asked["action"]] if "action" in asked else [])}),
        "asked": {word: asked.get(word, "") for word in WORDS},
        "searching": bool(asked),
        "head": await visit.ask("audit_head"),
        "further": link("audit", **asked, before=found["next"]) if found["next"] else "",
        "first": link("audit", **asked) if before else "",
        "report": None,
    }


def facts_of(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """For people: without what is empty, and hashes by their first digits. Pure."""
    return [
        (name.replace("_", " "), _words(value))
        for name, value in facts.items()
        if name not in HIDDEN and value not in ("", None, [], {})
    ]


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return f"{value[:12]}…" if isinstance(value, str) and _HASH.fullmatch(value) else str(value)


async def verify(visit: Visit) -> Outcome:
    return Show({"report": await visit.ask("audit_verify")})


PAGE: Final = Page("audit", "Audit log", "audit.html", show, actions={"verify": verify}, group="Trust")
