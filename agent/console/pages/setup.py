"""Set-up, question by question: a connection for the agent that runs, or all of a machine where none does yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.calls.setting_up import some
from agent.console.page import Outcome, Page, Show, Visit
from agent.console.pages.asking import whole_number
from agent.setup.asking import NO, YES

_NOTHING: Final[Mapping[str, Any]] = {"wrong": "", "typed": ""}
_PAST = "That question was answered already, perhaps in another window. This is where it stands now."


async def show(visit: Visit) -> Mapping[str, Any]:
    return {**_NOTHING, "it": await visit.ask("setup_state")}


async def begin(visit: Visit) -> Outcome:
    await visit.ask("setup_begin")
    return None


async def answer(visit: Visit) -> Outcome:
    text = some(visit.lists.get("answer", [])) if "some" in visit.form else visit.form.get("answer", "")
    return await _answered(visit, text)


async def yes(visit: Visit) -> Outcome:
    return await _answered(visit, YES)


async def no(visit: Visit) -> Outcome:
    return await _answered(visit, NO)


async def _answered(visit: Visit, text: str) -> Outcome:
    """What was typed comes back only beside its error, and of a secret never."""
    given = await visit.ask("setup_answer", **_meant(visit), answer=text)
    if given["wrong"]:
        return Show({"wrong": given["wrong"], "typed": "" if "secret" in visit.form else text})
    if not given["taken"]:
        visit.note(_PAST, "notice")
    return None


async def back(visit: Visit) -> Outcome:
    if not (await visit.ask("setup_back", **_meant(visit)))["taken"]:
        visit.note(_PAST, "notice")
    return None


async def end(visit: Visit) -> Outcome:
    await visit.ask("setup_end", sitting=visit.form.get("sitting", ""))
    return None


def _meant(visit: Visit) -> dict[str, Any]:
    return {
        "sitting": visit.form.get("sitting", ""),
        "number": whole_number(visit.form.get("number")),
    }


_ACTIONS: Final = {"begin": begin, "answer": answer, "yes": yes, "no": no, "back": back, "end": end}

PAGE: Final = Page(
    "add-connection", "Add a connection", "setup.html", show, actions=_ACTIONS, group="This agent"
)
WHOLE: Final = Page("", "Set-up", "setup.html", show, actions=_ACTIONS)
