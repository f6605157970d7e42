"""What may leave this host, be written and be done, in plain words; and why, for a field or a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from agent.console.page import Outcome, Page, Show, Visit
from agent.errors import ConfigurationError
from agent.model.entities import ENTITIES
from agent.policy.names import AGENT_COMMANDS, COMMANDS, OPERATIONS

QUESTIONS: Final = ("leave", "write", "command")


async def show(visit: Visit) -> Mapping[str, Any]:
    return {
        "rules": await visit.ask("policy_words"),
        "entities": list(ENTITIES),
        "commands": [*COMMANDS, *AGENT_COMMANDS],
        "operations": list(OPERATIONS),
        "asked": {
            word: visit.form.get(word, visit.query.get(word, ""))
            for word in ("question", "connection", "entity", "key", "command", "operation", "record")
        },
        "answer": None,
    }


async def explain(visit: Visit) -> Outcome:
    answer = await visit.ask("policy_explain", **question(visit.form))
    return Show({"answer": answer})


def question(form: Mapping[str, str]) -> dict[str, Any]:
    """The call's arguments. Raises ConfigurationError for a record that is no JSON object. Pure."""
    asked: dict[str, Any] = {"connection": form.get("connection", "")}
    match form.get("question"):
        case "command":
            return {**asked, "command": form.get("command", "")}
        case "write":
            return {
                **asked,
                "entity": form.get("entity", ""),
                "operation": form.get("operation", ""),
                "record": _object(form.get("record", "")),
            }
        case _:
            return {**asked, "entity": form.get("entity", ""), "key": form.get("key", "").strip()}


def _object(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text) if text.strip() else {}
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(
            f"the record is no JSON: {error}", hint='Write what would be set: {"title": "New title"}'
        ) from None
    if not isinstance(value, dict):
        raise ConfigurationError("the record is a JSON object", hint='Such as {"title": "New title"}')
    return value


PAGE: Final = Page("policy", "Policy", "policy.html", show, actions={"explain": explain}, group="Trust")
