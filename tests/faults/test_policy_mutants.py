"""The policy's decisions hold against an oracle in thousands of cases, and each of many plausible faults is found by it."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from types import ModuleType
from typing import Any, Final

import pyarrow as pa
import pytest

from tests.faults import policy_oracle as oracle
from tests.faults.policy_cases import NAMES, SCHEMA, file_of, line_of, moment_of, order_of, record_of, rule_of

CASES: Final = int(os.environ.get("GROUNDWIRE_POLICY_CASES", "4000"))
SEED: Final = int(os.environ.get("GROUNDWIRE_SEED", "0"))
ENOUGH: Final = 4_000  # cases in which each mutant has to be found
KEY: Final = b"k" * 32
NOON: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
# In the order in which they import each other.
MODULES: Final = (
    "agent.configuration.hours",
    "agent.policy.names",
    "agent.policy.model",
    "agent.policy.treatment",
    "agent.policy.amounts",
    "agent.policy.decide",
    "agent.policy.leave",
)


@contextmanager
def policy_with(module: str = "", old: str = "", new: str = "") -> Iterator[Mapping[str, ModuleType]]:
    """The policy's modules made anew, one of them with a fault; whoever imported them before keeps what they have."""
    before = {name: importlib.import_module(name) for name in MODULES}
    made: dict[str, ModuleType] = {}
    try:
        for name, known in before.items():
            text = inspect.getsource(known)
            if name == module:
                assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
                text = text.replace(old, new)
            fresh = ModuleType(name)
            fresh.__file__ = known.__file__
            _put(name, fresh)
            exec(compile(text, f"{name} with a fault", "exec"), fresh.__dict__)  # noqa: S102 - our own source
            made[name.rpartition(".")[2]] = fresh
        yield made
    finally:
        for name, known in before.items():
            _put(name, known)


def _put(name: str, module: ModuleType) -> None:
    package, _, last = name.rpartition(".")
    sys.modules[name] = module
    setattr(sys.modules[package], last, module)


class Wrong(AssertionError):
    """The policy and the oracle disagree."""


def check_decisions(made: Mapping[str, ModuleType], random: Random) -> None:
    file = file_of(random)
    policy = made["model"].Policy(made["model"].PolicyFile.model_validate(file))
    decide, now, count = made["decide"], moment_of(random), random.randint(0, 3)
    connection = random.choice(["erp", "erp", "erp", "", "ERP", "er", "other"])
    name = random.choice(
        ["sync", "sync", "create", "Sync", "sync ", "syn", "synch", "*", "cancel", "diagnostics", ""]
    )
    _same(
        "command",
        decide.decide_command(policy, connection, name, now).code,
        oracle.command(file, connection, name, now),
        file,
    )

    operation = random.choice(["create", "update", "delete", "set_status"])
    record = {} if operation == "delete" else order_of(random)
    if operation == "set_status":
        record = {"status": random.choice(["approved", "closed", "APPROVED"])}
    whole = order_of(random) if operation != "create" and random.random() < 0.7 else None
    found = decide.decide_write(policy, "erp", "purchase_order", operation, record, now, count, whole=whole)
    expected = oracle.write(file, operation, record, now, count, whole)
    _same("write", found.code, expected, (operation, record, whole, count, file))
    _same("allowed", found.allowed, expected == "allowed", file)

    faulty = made["model"].Policy(policy.file, fault="policy.toml: is wrong")
    closed = (
        decide.decide_command(faulty, connection, name, now),
        decide.decide_write(faulty, "erp", "purchase_order", operation, record, now, count, whole=whole),
    )
    _same("fault", any(one.allowed for one in closed), False, file)


def check_leaving(made: Mapping[str, ModuleType], random: Random) -> None:
    rule, records = rule_of(random), [record_of(random, key) for key in range(random.randint(1, 4))]
    table = pa.Table.from_pylist(records, SCHEMA)
    leave = made["leave"].compile_leave(made["model"].LeaveRule.model_validate(rule), "purchase_order", KEY)
    left = leave.apply(table)
    kept = [record for record in records if oracle.chosen(rule, _by_model_names(record))]
    found = left.records.to_pylist()
    _same("chosen", [one["key"] for one in found], [one["key"] for one in kept], rule)
    hides = rule["fields"] != "all" or any(rule.get(key) for key in ("except", "mask", "hash"))
    for record, leaving in zip(kept, found, strict=True):
        _same("content hash", leaving["content_hash"] == record["content_hash"], not hides, rule)
        if hides:
            _check_record(rule, record, leaving)
        else:
            _same("record", leaving, record, rule)
    _check_fingerprint(made, rule, leave, hides=hides)


def _check_fingerprint(
    made: Mapping[str, ModuleType], rule: dict[str, Any], leave: Any, *, hides: bool
) -> None:
    """Another rule or another key is another form; without it the relay would keep what it has."""
    other = made["model"].LeaveRule.model_validate({**rule, "mask": [*rule.get("mask", ()), "title"]})
    _same(
        "rule",
        made["leave"].compile_leave(other, "purchase_order", KEY).fingerprint == leave.fingerprint,
        False,
        rule,
    )
    same = made["model"].LeaveRule.model_validate(rule)
    rekeyed = made["leave"].compile_leave(same, "purchase_order", b"x" * 32).fingerprint
    _same("key", rekeyed == leave.fingerprint, not hides, rule)


def _by_model_names(record: dict[str, Any]) -> dict[str, Any]:
    named = {alias: record[name] for alias, name in NAMES.items()}
    return (
        record
        | named
        | {"billingAddress": record["billing_address"], "customFields": record["custom_fields"]}
    )


def _check_record(rule: dict[str, Any], record: dict[str, Any], leaving: dict[str, Any]) -> None:
    for alias in ("orderNo", "status", "vendorName", "notes", "organizationKey", "totalNetValue", "raw"):
        name = NAMES.get(alias, alias)
        _same(alias, leaving.get(name), _left(rule, alias, record[name]), (rule, record))
    for parent, name in (("billingAddress", "billing_address"), ("customFields", "custom_fields")):
        _check_members(rule, parent, record[name] or {}, leaving.get(name) or {})
    for was, line in zip(record["line_items"] or (), leaving.get("line_items") or (), strict=False):
        _check_members(rule, "lineItems", was, line)
    for line in leaving.get("line_items") or ():
        _same("an unknown member", line.get("unheard_of"), None, rule)
    if _whole_stays(rule, "lineItems"):
        _same("lineItems", leaving.get("line_items") or [], [], rule)


def _check_members(rule: dict[str, Any], parent: str, was: dict[str, Any], left: dict[str, Any]) -> None:
    for member, value in was.items():
        if member != "unheard_of":
            gone = parent != "customFields" and _whole_stays(rule, parent)
            expected = None if gone else _left(rule, f"{parent}.{member}", value)
            _same(f"{parent}.{member}", left.get(member), expected, (rule, was))


def _whole_stays(rule: dict[str, Any], parent: str) -> bool:
    return parent in rule.get("mask", ()) or parent in rule.get("except", ())


def _left(rule: dict[str, Any], path: str, value: Any) -> Any:
    word = oracle.treatment(rule, path)
    if word == "leaves" or value is None:
        return value if word == "leaves" else None
    if word == "stays" or not oracle.is_text(path):
        return None
    return (
        "***" if word == "masked" else "h1:" + hmac.new(KEY, value.encode(), hashlib.sha256).hexdigest()[:32]
    )


def check_amounts(made: Mapping[str, ModuleType], random: Random) -> None:
    """One line near a limit, and nothing else that speaks against the write."""

    def maybe(table: dict[str, Any], name: str, chance: float, *values: Any) -> None:
        if random.random() < chance:
            table[name] = random.choice(values)

    rule = {"operations": ["create"], "fields": "all", "max_amount": {"EUR": "100.00"}}
    file = {"connections": {"erp": {"commands": ["create"], "write": {"purchase_order": rule}}}}
    record = {"currencyKey": "EUR", "lineItems": [line_of(random, maybe)]}
    for name in ("status", "statusKey", "Quantity"):
        record["lineItems"][0].pop(name, None)
    policy = made["model"].Policy(made["model"].PolicyFile.model_validate(file))
    found = made["decide"].decide_write(policy, "erp", "purchase_order", "create", record, NOON, 0)
    _same("amount", found.code, oracle.write(file, "create", record, NOON, 0, None), record)


def _same(what: str, found: Any, expected: Any, case: Any) -> None:
    if found != expected:
        raise Wrong(f"{what}: {found!r} instead of {expected!r}: {case!r}")


def check(made: Mapping[str, ModuleType], cases: int, seed: int) -> None:
    for number in range(cases):
        random = Random(f"{seed}/{number}")
        check_decisions(made, random)
        check_amounts(made, random)
        if number % 4 == 0:
            check_leaving(made, random)


@pytest.mark.timeout(0 if CASES > 20_000 else 120)
def test_decisions_and_what_leaves_are_as_the_oracle_says() -> None:
    with policy_with() as made:
        check(made, CASES, SEED)


DECIDE, AMOUNT, LEAVE = "agent.policy.decide", "agent.policy.amounts", "agent.policy.leave"
TREAT, NAME, MODEL, HOURS = (
    "agent.policy.treatment",
    "agent.policy.names",
    "agent.policy.model",
    "agent.configuration.hours",
)
MUTANTS: Final = {
    "goes on without a policy": (DECIDE, "    if policy.fault:\n", "    if False:\n"),
    "takes any command of the agent": (DECIDE, "name in policy.file.commands and name", "name"),
    "takes a name's beginning": (
        DECIDE,
        "if name not in rule.commands or",
        "if not name or not any(name.startswith(one) for one in rule.commands) or",
    ),
    "folds names": (
        DECIDE,
        "    if name not in rule.commands or name not in",
        "    name = name.strip().lower()\n    if name not in rule.commands or name not in",
    ),
    "takes UTC for the site's clock": (
        DECIDE,
        "now.astimezone(ZoneInfo(rule.time_zone)).time()",
        "now.time()",
    ),
    "knows the offset of January": (
        DECIDE,
        "now.astimezone(ZoneInfo(rule.time_zone)).time()",
        "(now + (ZoneInfo(rule.time_zone).utcoffset(datetime(2026, 1, 1)))).time()",
    ),
    "knows the first quiet hours": (
        DECIDE,
        "for quiet in rule.quiet_hours:",
        "for quiet in rule.quiet_hours[:1]:",
    ),
    "ends quiet hours a minute late": (
        HOURS,
        "self.start <= moment < self.end",
        "self.start <= moment <= self.end",
    ),
    "has no quiet hours over midnight": (
        HOURS,
        "moment >= self.start or moment < self.end",
        "moment >= self.start and moment < self.end",
    ),
    "writes without the command": (DECIDE, "    if not command.allowed:\n", "    if False:\n"),
    "takes an operation that is not named": (
        DECIDE,
        "if operation in rule.operations and operation in",
        "if operation in",
    ),
    "lets an update set any field": (
        DECIDE,
        'if operation == "delete":\n        return None  # it',
        'if operation in ("delete", "update"):\n        return None  # it',
    ),
    "takes fields that the model does not have": (
        DECIDE,
        "        return False\n    if rule.fields == ALL",
        "        return True\n    if rule.fields == ALL",
    ),
    "lets all set a code past the statuses": (DECIDE, "return not _sets_a_code(path)\n", "return True\n"),
    "lets a list set a code past the statuses": (
        DECIDE,
        "in rule.fields and not _sets_a_code(path))",
        "in rule.fields)",
    ),
    "does not look into lines": (
        DECIDE,
        "field.kind is Kind.LIST and isinstance(value, list | tuple)",
        "False",
    ),
    "lets a create set any status": (
        DECIDE,
        "or _statuses(rule, kind, record)",
        'or (_statuses(rule, kind, record) if operation != "create" else None)',
    ),
    "does not look at the statuses of lines": (DECIDE, 'elif f"{name}.status" in known', "elif False"),
    "lets no limit be reached": (
        DECIDE,
        "if amount > Fraction(limits[currency]):",
        "if amount >= Fraction(limits[currency]):",
    ),
    "lets a currency through that is not named": (
        DECIDE,
        "        if currency not in limits:\n            return",
        "        if currency not in limits:\n            continue\n        if False:\n            return",
    ),
    "judges a change for the whole": (
        DECIDE,
        'judged = [record] if operation == "create" else []',
        'judged = [record] if operation in ("create", "update") else []',
    ),
    "does not judge a delete's amount": (
        DECIDE,
        'if operation == "update" and where',
        'if operation == "delete" or operation == "update" and where',
    ),
    "counts one too many": (DECIDE, "writes_last_hour < rule.per_hour", "writes_last_hour <= rule.per_hour"),
    "takes none for no limit": (DECIDE, "rule.per_hour is None or", "not rule.per_hour or"),
    "calculates with floats": (AMOUNT, "return abs(Fraction(value))", "return abs(Fraction(float(value)))"),
    "takes a credit for a gift": (AMOUNT, "return abs(Fraction(value))", "return Fraction(value)"),
    "believes the header": (AMOUNT, "max(found.get(own, Fraction(0)), header)", "header"),
    "believes the line's total": (
        AMOUNT,
        "return max(counted, said or Fraction(0)) + tax",
        "return (said or counted) + tax",
    ),
    "forgets tax": (
        AMOUNT,
        "return max(counted, said or Fraction(0)) + tax",
        "return max(counted, said or Fraction(0))",
    ),
    "forgets the price's unit": (
        AMOUNT,
        "quantity * price / (Fraction(1) if unit is None else unit)",
        "quantity * price",
    ),
    "forgets surcharges": (AMOUNT, 'if str(line.get("discount")).startswith("-")', "if False"),
    "takes a line without a price for none": (
        AMOUNT,
        'missing = "quantity" if quantity is None else "price"',
        "return Fraction(0)",
    ),
    "gives an order without a currency euros": (
        AMOUNT,
        "own = _currency(record, where.currency, None)",
        'own = _currency(record, where.currency, "EUR")',
    ),
    "forgets except": (TREAT, "covering.intersection(rule.stay)", "covering.intersection(())"),
    "lets mask win over except": (
        TREAT,
        "if covering.intersection(rule.stay):",
        "if covering.intersection(rule.stay) and not covering.intersection(rule.mask):",
    ),
    "keeps a list's name for itself": (
        TREAT,
        "covering = {path, names.parent_of(path)}",
        "covering = {path}",
    ),
    "lets the source's row leave": (TREAT, "path != names.RAW and (rule.fields", "(rule.fields"),
    "lets leave what is not named": (
        TREAT,
        '    return _kept_back(entity, path, "")',
        '    return Word(Treatment.LEAVES, "")',
    ),
    "always lets a field leave": (
        NAME,
        '{"key", "sourceKey", "contentHash"}',
        '{"key", "sourceKey", "contentHash", "notes"}',
    ),
    "chooses by any of the rows": (
        LEAVE,
        "chosen &= found",
        "chosen = chosen & found if path == next(iter(rule.rows)) else chosen | found",
    ),
    "lets records leave that have no such text": (
        LEAVE,
        "return np.zeros(records.num_rows, dtype=bool)",
        "return np.ones(records.num_rows, dtype=bool)",
    ),
    "chooses by a wrong text": (
        LEAVE,
        "value_set=pa.array(texts, pa.string())",
        'value_set=pa.array([*texts, ""], pa.string())',
    ),
    "shows a plain content hash": (LEAVE, "columns[name] = self._stamps(array)", "columns[name] = array"),
    "masks what is not there": (
        LEAVE,
        "pc.if_else(array.is_valid(), pa.scalar(MASK), pa.scalar(None, pa.string()))",
        "pa.array([MASK] * len(array))",
    ),
    "hashes without a key": (LEAVE, "hmac.digest(key, text", 'hmac.digest(b"", text'),
    "takes custom fields by their list": (
        LEAVE,
        'treatment_of(rule, entity, f"{path}.{name}")',
        "treatment_of(rule, entity, path)",
    ),
    "folds the names of custom fields": (
        LEAVE,
        'treatment_of(rule, entity, f"{path}.{name}")',
        'treatment_of(rule, entity, f"{path}.{name.lower()}")',
    ),
    "lets a member leave that nobody knows": (
        LEAVE,
        "                member = None\n",
        "                member = array.field(index)\n",
    ),
    "lets numbers leave that are masked": (
        LEAVE,
        "if treatment is Treatment.STAYS or not",
        "if treatment is Treatment.MASKED and not pa.types.is_string(array.type):\n            return array\n        if treatment is Treatment.STAYS or not",
    ),
    "takes a hash for nothing hidden": (
        MODEL,
        "bool(self.stay or self.mask or self.hash)",
        "bool(self.stay or self.mask)",
    ),
    "does not see that a mask is new": (MODEL, 'exclude={"raw"}', 'exclude={"raw", "mask"}'),
    "does not see that the key is new": (LEAVE, '-{hashlib.sha256(key).hexdigest()[:8]}"', '"'),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_oracle_finds_a_policy_that(name: str) -> None:
    with policy_with(*MUTANTS[name]) as made, pytest.raises(Wrong):
        check(made, ENOUGH, seed=1)


def test_the_modules_are_as_before_once_a_mutant_is_gone() -> None:
    before = {name: sys.modules[name] for name in MODULES}
    with policy_with():
        assert all(sys.modules[name] is not module for name, module in before.items())
    assert all(sys.modules[name] is module for name, module in before.items())
