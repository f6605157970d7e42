"""Pure: where an answer leads. The description's links, from each answer to what can be done with what it names.

A pointer names one place, so a link of a list is about its first item; it holds for every item.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.model.entities import ENTITIES

Described = dict[str, Any]
_JSON: Final = "application/json"
_BODY: Final = "$response.body#/"
_ITEM: Final = f"{_BODY}items/0/"


@dataclass(frozen=True, slots=True)
class Lead:
    """From the answer of an operation to others, with these parameters."""

    source: str
    targets: tuple[str, ...]
    given: Mapping[str, str]


def _leads() -> Iterator[Lead]:
    yield from _to_agents()
    yield from _to_connections()
    yield from _to_webhooks()
    yield from _to_keys()
    for source, targets, given in _ONE_BY_ONE:
        yield Lead(source, targets, given)
    for entity in ENTITIES:
        known = tuple(f"{verb}_{entity}" for verb in ("get", "read", "update", "set_status", "delete"))
        yield Lead(
            f"list_{entity}", known, {"path.connection": f"{_ITEM}connection", "path.key": f"{_ITEM}key"}
        )
        of_one = {"path.connection": f"{_BODY}connection", "path.key": f"{_BODY}key"}
        yield Lead(f"get_{entity}", known[1:], of_one)
        made = {"path.connection": f"{_BODY}connection", "path.key": f"{_BODY}result/key"}
        yield Lead(f"create_{entity}", known, made)


def _to_agents() -> Iterator[Lead]:
    known = ("get_agent", "get_agent_health", "diagnostics", "diagnostics_bundle", "revoke_agent")
    for source, member in (("list_agents", f"{_ITEM}id"), ("get_fleet", f"{_ITEM}agent")):
        yield Lead(source, known, {"path.agent": member})
    yield Lead("get_agent", known[1:], {"path.agent": f"{_BODY}id"})
    yield Lead("get_agent", ("list_connections",), {"query.agent": f"{_BODY}id"})
    for source in ("get_connection", "get_connection_health", "get_alert"):
        yield Lead(source, ("get_agent", "get_agent_health"), {"path.agent": f"{_BODY}agent"})


def _to_connections() -> Iterator[Lead]:
    known = (
        "get_connection", "get_connection_health", "get_operations", "start_sync", "test_connection",
        "pause_connection", "resume_connection", "discover", "requeue", "release_credits", "give_credits",
    )  # fmt: skip
    writes = tuple(f"create_{entity}" for entity in ENTITIES)
    lists = ("list_sync_runs", "list_dead_letters", "list_alerts", "list_events", "list_commands")
    yield Lead("list_connections", known, {"path.connection": f"{_ITEM}id"})
    yield Lead("get_connection", (*known[1:], *writes), {"path.connection": f"{_BODY}id"})
    yield Lead("get_connection", lists, {"query.connection": f"{_BODY}id"})
    stream = {"path.connection": f"{_BODY}id", "path.stream": f"{_BODY}streams/0/name"}
    yield Lead(
        "get_connection", ("read_mapping", "preview_mapping", "change_mapping", "revert_mapping"), stream
    )
    entity = {"path.connection": f"{_BODY}id", "path.entity": f"{_BODY}streams/0/entity"}
    yield Lead("get_connection", ("follow_entity",), entity)


def _to_webhooks() -> Iterator[Lead]:
    known = (
        "get_webhook_endpoint", "change_webhook_endpoint", "rotate_webhook_secret", "send_webhook_test",
        "list_webhook_deliveries", "replay_webhook_events", "delete_webhook_endpoint",
    )  # fmt: skip
    yield Lead("create_webhook_endpoint", known, {"path.endpoint": f"{_BODY}id"})
    yield Lead("list_webhook_endpoints", known[:-1], {"path.endpoint": f"{_ITEM}id"})
    yield Lead("get_webhook_endpoint", known[1:], {"path.endpoint": f"{_BODY}id"})
    delivery = ("get_webhook_delivery", "replay_webhook_delivery")
    listed = {"path.endpoint": f"{_ITEM}endpoint", "path.delivery": f"{_ITEM}id"}
    yield Lead("list_webhook_deliveries", delivery, listed)
    one = {"path.endpoint": f"{_BODY}endpoint", "path.delivery": f"{_BODY}id"}
    yield Lead("get_webhook_delivery", delivery[1:], one)
    yield Lead("replay_webhook_delivery", delivery[:1], one)
    yield Lead("get_webhook_delivery", ("get_event",), {"path.event": f"{_BODY}event"})


def _to_keys() -> Iterator[Lead]:
    """Tokens of a tenant, and the operator's tenants with theirs."""
    known = ("get_token", "rotate_token", "revoke_token")
    yield Lead("create_token", known, {"path.token": f"{_BODY}id"})
    yield Lead("list_tokens", known[:1], {"path.token": f"{_ITEM}id"})
    yield Lead("get_token", known[1:], {"path.token": f"{_BODY}id"})
    tenant = (
        "get_tenant",
        "change_tenant",
        "delete_tenant",
        "list_tokens_of_tenant",
        "create_token_of_tenant",
    )
    yield Lead("create_tenant", tenant, {"path.tenant": f"{_BODY}id"})
    yield Lead("list_tenants", tenant[:1], {"path.tenant": f"{_ITEM}id"})
    yield Lead("get_tenant", tenant[1:], {"path.tenant": f"{_BODY}id"})
    theirs = ("rotate_token_of_tenant", "revoke_token_of_tenant")
    asked = {"path.tenant": "$request.path.tenant"}
    yield Lead("create_token_of_tenant", theirs, {**asked, "path.token": f"{_BODY}id"})
    yield Lead("list_tokens_of_tenant", theirs[:1], {**asked, "path.token": f"{_ITEM}id"})


_ONE_BY_ONE: Final[tuple[tuple[str, tuple[str, ...], Mapping[str, str]], ...]] = (
    ("create_enrolment_code", ("revoke_enrolment_code",), {"path.code": f"{_BODY}id"}),
    ("create_enrolment_code", ("list_agents",), {"query.name": f"{_BODY}agentName"}),
    ("list_enrolment_codes", ("revoke_enrolment_code",), {"path.code": f"{_ITEM}id"}),
    ("list_sync_runs", ("get_sync_run", "cancel_sync_run"), {"path.run": f"{_ITEM}run"}),
    ("get_sync_run", ("cancel_sync_run",), {"path.run": f"{_BODY}run"}),
    ("get_sync_run", ("get_connection",), {"path.connection": f"{_BODY}connection"}),
    ("start_sync_run", ("cancel_sync_run",), {"path.run": f"{_BODY}id"}),
    ("list_commands", ("get_command", "cancel_command"), {"path.command": f"{_ITEM}id"}),
    ("get_command", ("cancel_command",), {"path.command": f"{_BODY}id"}),
    ("diagnostics_bundle", ("download",), {"path.command": f"{_BODY}id"}),
    ("list_dead_letters", ("requeue",), {"path.connection": f"{_ITEM}connection"}),
    ("list_dead_letters", ("get_sync_run",), {"path.run": f"{_ITEM}run"}),
    (
        "list_dead_letter_causes",
        ("list_dead_letters",),
        {f"query.{name}": f"{_ITEM}{name}" for name in ("connection", "entity", "field", "reason")},
    ),
    ("list_events", ("get_event",), {"path.event": f"{_ITEM}id"}),
    ("list_alerts", ("get_alert",), {"path.alert": f"{_ITEM}id"}),
    ("list_alert_rules", ("put_alert_rule", "delete_alert_rule"), {"path.rule": f"{_ITEM}rule"}),
    ("put_alert_rule", ("delete_alert_rule",), {"path.rule": f"{_BODY}rule"}),
    ("list_used_connections", ("release_credits", "give_credits"), {"path.connection": f"{_ITEM}connection"}),
    ("release_credits", ("give_credits",), {"path.connection": f"{_BODY}connection"}),
    ("give_credits", ("release_credits",), {"path.connection": f"{_BODY}connection"}),
)
LEADS: Final = tuple(_leads())


def link(operations: Iterable[Described]) -> None:
    """Give each answer its links. `operations`: as described, with their ids."""
    known = {operation["operationId"]: operation for operation in operations}
    for lead in LEADS:
        for target in lead.targets:
            _add(known[lead.source], target, lead.given, _WORDS_OF_ITEM if _of_item(lead) else "")
    for name, operation in known.items():
        if _is_command(operation):
            for target, words in _OF_COMMANDS.items():
                if target == name:  # a wish is not itself cancelled
                    continue
                _add(operation, target, {"path.command": f"{_BODY}id"}, words)
        if any(one["name"] == "cursor" for one in operation.get("parameters", ())):
            _add(operation, name, _onwards(operation), _WORDS_ONWARDS)


_WORDS_OF_ITEM: Final = "Of the first item; it holds for each."
_WORDS_ONWARDS: Final = "The page behind this one, with the other parameters as they were."
_OF_COMMANDS: Final = {
    "get_command": "How the command went.",
    "cancel_command": "The wish that it be cancelled.",
}
NEXT_PAGE: Final = "next_page"


def _of_item(lead: Lead) -> bool:
    return any("/items/0/" in expression for expression in lead.given.values())


def _is_command(operation: Described) -> bool:
    answers = operation["responses"]
    media = answers.get("202", {}).get("content", {}).get(_JSON, {})
    return bool(media.get("schema", {}).get("$ref", "").endswith("/CommandOut"))


def _onwards(operation: Described) -> dict[str, str]:
    same = {
        f"path.{one['name']}": f"$request.path.{one['name']}"
        for one in operation["parameters"]
        if one["in"] == "path"
    }
    return {**same, "query.cursor": f"{_BODY}nextCursor"}


def _add(operation: Described, target: str, given: Mapping[str, str], words: str) -> None:
    name = NEXT_PAGE if target == operation["operationId"] else target
    made: Described = {"operationId": target, "parameters": dict(given)}
    if words:
        made["description"] = words
    for status, answer in operation["responses"].items():
        if status.startswith("2") and _JSON in answer.get("content", {}):
            answer.setdefault("links", {})[name] = made
