"""How this installation is protected: certificates with their ends, permissions, secrets, policy, versions, weak spots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.console.page import Outcome, Page, Visit

# What the page is about, by the checks of doctor that look at it.
PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "Certificates and the relay": ("certificates", "relay"),
    "Permissions and account": ("files", "account"),
    "Secrets": ("credentials",),
    "Policy": ("policy",),
    "Versions": ("versions",),
}
CHECKS: Final = tuple(name for names in PARTS.values() for name in names)


async def show(visit: Visit) -> Mapping[str, Any]:
    everything = visit.query.get("all") == "1"
    found = await visit.ask("doctor", only=[] if everything else list(CHECKS))
    return {"found": found, "parts": parts_of(found["findings"]), "everything": everything}


def parts_of(findings: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Each part with what is wrong in it and what is fine; what no part is about comes last. Pure."""
    groups = {name: part for part, names in PARTS.items() for name in names}
    made: dict[str, dict[str, Any]] = {part: {"title": part, "wrong": [], "fine": []} for part in PARTS}
    for one in findings:
        part = groups.get(one["code"].partition(".")[0], "Everything else")
        there = made.setdefault(part, {"title": part, "wrong": [], "fine": []})
        there["fine" if one["level"] == "ok" else "wrong"].append(one)
    return [part for part in made.values() if part["wrong"] or part["fine"]]


async def look_again(visit: Visit) -> Outcome:
    everything = visit.query.get("all") == "1"
    await visit.ask("doctor", only=[] if everything else list(CHECKS), fresh=True)
    visit.note("Looked at anew.")
    return None


PAGE: Final = Page("security", "Security", "security.html", show, actions={"look": look_again}, group="Trust")
