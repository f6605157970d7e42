"""May this be done? Pure: the moment and the number of writes of the last hour are arguments.

The first reason that speaks against it is the answer; there is no way around a missing rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from agent.model.entities import ENTITIES, Entity, Field, Kind
from agent.policy import names
from agent.policy.amounts import AMOUNTS, AmountUnknown, amounts_of, grown_amounts
from agent.policy.decision import Decision
from agent.policy.model import ALL, Policy, WriteRule

ALLOWED: Final = "allowed"
NOT_ALLOWED: Final = "not_allowed"
QUIET_HOURS: Final = "quiet_hours"
OPERATION_NOT_ALLOWED: Final = "operation_not_allowed"
FIELD_NOT_ALLOWED: Final = "field_not_allowed"
STATUS_NOT_ALLOWED: Final = "status_not_allowed"
AMOUNT_EXCEEDED: Final = "amount_exceeded"
AMOUNT_UNKNOWN: Final = "amount_unknown"
CURRENCY_NOT_ALLOWED: Final = "currency_not_allowed"
TOO_MANY: Final = "too_many"


def decide_command(policy: Policy, connection: str, name: str, now: datetime) -> Decision:
    """`connection` is empty for what concerns the agent as a whole: diagnostics, diagnostics_bundle, cancel."""
    if policy.fault:
        return _denied_whole(policy)
    if not connection:
        allowed, path = name in policy.file.commands and name in names.AGENT_COMMANDS, ("commands",)
        why = f"policy.toml {'names' if allowed else 'does not name'} {name!r} in its first `commands`"
        return Decision(allowed, ALLOWED if allowed else NOT_ALLOWED, why, policy.place(*path))
    rule = policy.connection(connection)
    if rule is None:
        return Decision(
            allowed=False, code=NOT_ALLOWED, why=f"policy.toml has no table connections.{connection}"
        )
    where = ("connections", connection, "commands")
    if name not in rule.commands or name not in names.COMMANDS + names.AGENT_COMMANDS:
        why = f"`commands` of the connection {connection} does not name {name!r}"
        return Decision(allowed=False, code=NOT_ALLOWED, why=why, rule=policy.place(*where))
    local = now.astimezone(ZoneInfo(rule.time_zone)).time()
    for quiet in rule.quiet_hours:
        if quiet.covers(local):
            return Decision(
                allowed=False,
                code=QUIET_HOURS,
                why=f"it is {local:%H:%M} in {rule.time_zone}, within the quiet hours {quiet}",
                rule=policy.place("connections", connection, "quiet_hours"),
            )
    return Decision(
        allowed=True,
        code=ALLOWED,
        why=f"`commands` of the connection {connection} names {name!r}",
        rule=policy.place(*where),
    )


def decide_write(
    policy: Policy,
    connection: str,
    entity: str,
    operation: str,
    record: Mapping[str, Any],
    now: datetime,
    writes_last_hour: int,
    *,
    whole: Mapping[str, Any] | None = None,
    present: Mapping[str, Any] | None = None,
) -> Decision:
    """May this be written? `record` is what the command wants to set.

    `whole` is the record as it would stand afterwards (before a delete: as it stands); with a limit on amounts nothing
    but a create, or an update that touches no amount, can be judged without it. `present`: as it stands before an
    update. `writes_last_hour` counts the writes
    of this connection and entity.
    """
    command = decide_command(policy, connection, operation, now)
    if not command.allowed:
        return command
    rule = policy.write(connection, entity)
    kind = ENTITIES.get(entity)
    if rule is None or kind is None:
        why = f"policy.toml has no table connections.{connection}.write.{entity}"
        return Decision(allowed=False, code=NOT_ALLOWED, why=why)
    where = ("connections", connection, "write", entity)
    refused = (
        _operation(rule, operation)
        or _fields(rule, kind, operation, record)
        or _statuses(rule, kind, record)
        or _amounts(rule, entity, operation, record, whole, present)
        or _number(rule, writes_last_hour)
    )
    if refused is None:
        why = f"operation, fields, statuses, amounts and number are within connections.{connection}.write.{entity}"
        return Decision(allowed=True, code=ALLOWED, why=why, rule=policy.place(*where))
    key, code, why, fields = refused
    return Decision(allowed=False, code=code, why=why, rule=policy.place(*where, key), fields=fields)


_Refusal = tuple[str, str, str, tuple[str, ...]]  # key of the rule, code, why, fields


def field_allowed(rule: WriteRule, entity: Entity, path: str) -> bool:
    """Whether this field may be written; `path` is an exact name of the unified model, such as `lineItems.quantity`."""
    known = names.fields_of(entity)
    if path not in known and not names.is_custom(path) and path not in names.ALWAYS:
        return False
    if rule.fields == ALL:
        # A code of the system's own sets a status past `statuses`: only its exact name lets it through.
        return not _sets_a_code(path)
    return path in rule.fields or (names.parent_of(path) in rule.fields and not _sets_a_code(path))


def _sets_a_code(path: str) -> bool:
    return path == "statusKey" or (path.endswith(".statusKey") and not names.is_custom(path))


def paths_of(entity: Entity, record: Mapping[str, Any]) -> Iterator[str]:
    """Every field that a record sets, members of lists and objects by their own paths, each once."""
    yield from dict.fromkeys(_paths(entity, record))


def _paths(entity: Entity, record: Mapping[str, Any]) -> Iterator[str]:
    known: Mapping[str, Field] = names.fields_of(entity)
    for name, value in record.items():
        field = known.get(name)
        nested: list[Mapping[str, Any]] = []
        if field is not None and field.kind in (Kind.OBJECT, Kind.CUSTOM) and isinstance(value, Mapping):
            nested = [value]
        elif field is not None and field.kind is Kind.LIST and isinstance(value, list | tuple):
            nested = [one for one in value if isinstance(one, Mapping)]
            nested = nested if len(nested) == len(value) else []
        if not nested or not all(nested):
            yield str(
                name
            )  # a value by itself, an empty list, or something of another shape: the field as a whole
        for one in nested:
            yield from (f"{name}.{member}" for member in one)


def _denied_whole(policy: Policy) -> Decision:
    return Decision(allowed=False, code=NOT_ALLOWED, why=f"no policy is in force: {policy.fault}")


def _operation(rule: WriteRule, operation: str) -> _Refusal | None:
    if operation in rule.operations and operation in names.OPERATIONS:
        return None
    return "operations", OPERATION_NOT_ALLOWED, f"`operations` does not name {operation!r}", ()


def _fields(rule: WriteRule, entity: Entity, operation: str, record: Mapping[str, Any]) -> _Refusal | None:
    if operation == "delete":
        return None  # it sets no field
    given = [path for path in paths_of(entity, record) if operation != "set_status" or path != "status"]
    wrong = tuple(path for path in given if not field_allowed(rule, entity, path))
    if not wrong:
        return None
    return "fields", FIELD_NOT_ALLOWED, f"`fields` does not name {', '.join(map(repr, wrong[:20]))}", wrong


def _statuses(rule: WriteRule, entity: Entity, record: Mapping[str, Any]) -> _Refusal | None:
    """A status is held to `statuses` whichever operation sets it: an update must not do what set_status may not."""
    for path, value in _status_values(entity, record):
        if not isinstance(value, str) or value not in rule.statuses:
            return "statuses", STATUS_NOT_ALLOWED, f"`statuses` does not name the status of {path}", (path,)
    return None


def _status_values(entity: Entity, record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    known = names.fields_of(entity)
    for name, value in record.items():
        if name == "status" and name in known:
            yield name, value
        elif f"{name}.status" in known and isinstance(value, list | tuple):
            for line in value:
                if isinstance(line, Mapping) and "status" in line:
                    yield f"{name}.status", line["status"]


def _amounts(
    rule: WriteRule,
    entity: str,
    operation: str,
    record: Mapping[str, Any],
    whole: Mapping[str, Any] | None,
    present: Mapping[str, Any] | None,
) -> _Refusal | None:
    if rule.max_amount is None:
        return None
    where = AMOUNTS.get(entity)
    if operation == "update" and where is not None and not where.touched_by(record):
        return None
    judged = [record] if operation == "create" else []
    if whole is not None:
        judged.append(whole)
    if not judged:
        why = f"there is a limit on amounts, and what the record comes to with this {operation} is not known"
        return "max_amount", AMOUNT_UNKNOWN, why, ()
    try:
        found = [amounts_of(entity, one) for one in judged]
        if whole is not None and present is not None and where is not None and where.lines in record:
            found.append(grown_amounts(entity, present, whole))
    except AmountUnknown as error:
        return "max_amount", AMOUNT_UNKNOWN, f"{error.field}: {error}", (error.field,)
    refusals = (_over(rule.max_amount, amounts) for amounts in found)
    return next((refused for refused in refusals if refused is not None), None)


def _over(limits: Mapping[str, str], amounts: Mapping[str, Fraction]) -> _Refusal | None:
    for currency, amount in amounts.items():
        if currency not in limits:
            return "max_amount", CURRENCY_NOT_ALLOWED, f"`max_amount` names no {currency!r}", ("currencyKey",)
        if amount > Fraction(limits[currency]):
            why = f"the record comes to more than {limits[currency]} {currency}"
            return "max_amount", AMOUNT_EXCEEDED, why, ()
    return None


def _number(rule: WriteRule, writes_last_hour: int) -> _Refusal | None:
    if rule.per_hour is None or writes_last_hour < rule.per_hour:
        return None
    why = f"{writes_last_hour} writes in the last hour, {rule.per_hour} are allowed"
    return "per_hour", TOO_MANY, why, ()
