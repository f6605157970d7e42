"""What is configured, from which file and line. Files are changed with an editor; here they are taken up."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

from agent.console.page import Outcome, Page, Visit
from agent.console.pages.connection import words_of


async def show(visit: Visit) -> Mapping[str, Any]:
    found = await visit.ask("settings")
    return {
        "settings": found,
        "sections": [(name, list(one)) for name, one in groupby(found["agent"], lambda one: one["section"])],
        "waits": [f"[{one['section']}] {one['name']}" for one in found["agent"] if one["waits"]],
        "connections": [{**one, "when": words_of(one["schedule"])} for one in found["connections"]],
    }


async def reload(visit: Visit) -> Outcome:
    found = await visit.ask("reload")
    changes = found["changes"]
    for word in ("added", "changed", "removed"):
        if changes[word]:
            visit.note(f"{word.capitalize()}: {', '.join(changes[word])}")
    if changes["agent_wide"]:
        sections = ", ".join(f"[{name}]" for name in changes["agent_wide"])
        visit.note(f"{sections} of agent.toml changed: it takes effect at the next start.", "warning")
    for problem in found["problems"]:
        visit.note(f"{problem['where']}: {problem['message']}. {problem['hint']}", "problem")
    if not found["problems"] and not any(changes.values()):
        visit.note("The files say what is in force already.", "notice")
    return None


PAGE: Final = Page(
    path="settings",
    title="Settings",
    template="settings.html",
    show=show,
    actions={"reload": reload},
    group="This agent",
)
