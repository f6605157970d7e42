"""Whatever stands in policy.toml: a policy whose every rule can be applied, or a fault with its line and nothing leaves."""

from __future__ import annotations

import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from agent.configuration.policy_file import policy_in
from agent.model.entities import ENTITIES
from agent.model.schema import arrow_schema
from agent.policies.in_force import NoPolicy, leaving
from agent.policy.decide import decide_command, decide_write
from agent.policy.leave import compile_leave
from agent.policy.model import Policy
from agent.policy.names import AGENT_COMMANDS, COMMANDS, OPERATIONS

EXAMPLE = (Path(__file__).parents[3] / "config" / "policy.example.toml").read_bytes()
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
FAULT = re.compile(r"policy\.toml(?::(\d+))?: \S.*", re.DOTALL)

KEYS = st.sampled_from(
    [
        "connections",
        "erp",
        "leave",
        "write",
        "purchase_order",
        "vendor",
        "fields",
        "except",
        "mask",
        "hash",
        "rows",
        "raw",
        "commands",
        "quiet_hours",
        "time_zone",
        "operations",
        "max_amount",
        "per_hour",
        "statuses",
        "status",
        "EUR",
        "orderNo",
        "key",
    ]
)
VALUES = st.recursive(
    st.one_of(
        st.sampled_from(
            [
                "all",
                "*",
                "orderNo",
                "orderno",
                "lineItems.quantity",
                "customFields.x",
                "key",
                "raw",
                "create",
                "sync",
                "approved",
                "10.00",
                "1e4",
                "EUR",
                "UTC",
                "Europe/Berlin",
                "22:00-05:00",
                "05:00-05:00",
                "24:00-01:00",
            ]
        ),
        st.text(max_size=6),
        st.booleans(),
        st.integers(-1, 10**7),
        st.floats(),
        st.dates(),
    ),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(KEYS, below, max_size=3)),
    max_leaves=10,
)


def named(path: list[str], value: Any) -> dict[str, Any]:
    return {path[0]: named(path[1:], value)} if path else value


PLACES = st.sampled_from(
    [
        [],
        ["connections"],
        ["connections", "erp"],
        ["connections", "erp", "leave"],
        ["connections", "erp", "leave", "purchase_order"],
        ["connections", "erp", "leave", "purchase_order", "rows"],
        ["connections", "erp", "write", "purchase_order"],
        ["connections", "erp", "write", "purchase_order", "max_amount"],
    ]
)
DOCUMENTS = st.builds(named, PLACES, st.dictionaries(KEYS, VALUES, max_size=3))


def read(raw: bytes) -> Policy:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "policy.toml"
        file.write_bytes(raw)
        file.chmod(0o600)
        return policy_in(Path(name))


def check(raw: bytes) -> Policy:
    policy = read(raw)
    (check_closed if policy.fault else check_rules)(policy)
    if policy.fault:
        found = FAULT.fullmatch(policy.fault)
        assert found, policy.fault
        assert int(found[1] or 1) <= raw.count(b"\n") + raw.count(b"\r") + 1
        assert len(policy.fault) < 2_000
    return policy


def check_closed(policy: Policy) -> None:
    for name in ENTITIES:
        with pytest.raises(NoPolicy):
            leaving(policy, "erp", name, lambda: b"k" * 32)
        for operation in OPERATIONS:
            assert not decide_write(policy, "erp", name, operation, {}, NOON, 0).allowed
    assert not any(decide_command(policy, "erp", name, NOON).allowed for name in COMMANDS)
    assert not any(decide_command(policy, "", name, NOON).allowed for name in AGENT_COMMANDS)


def check_rules(policy: Policy) -> None:
    for connection, rule in policy.file.connections.items():
        for name in COMMANDS:
            decide_command(policy, connection, name, NOON)
        for entity, leave in rule.leave.items():
            compile_leave(leave, entity, b"k" * 32).apply(arrow_schema(ENTITIES[entity]).empty_table())
        for entity in rule.write:
            for operation in OPERATIONS:
                decide_write(policy, connection, entity, operation, {"orderNo": "1"}, NOON, 0, whole={})


@given(st.binary(max_size=200))
def test_any_bytes_are_a_policy_or_a_fault_with_its_line(raw: bytes) -> None:
    check(raw)


@given(st.text(max_size=200))
def test_any_text_is_a_policy_or_a_fault_with_its_line(text: str) -> None:
    check(text.encode("utf-8", "surrogatepass"))


@given(st.data())
def test_the_example_with_a_part_cut_out_put_in_or_doubled_is_a_policy_or_a_fault(
    data: st.DataObject,
) -> None:
    start = data.draw(st.integers(0, len(EXAMPLE)))
    end = data.draw(st.integers(start, min(len(EXAMPLE), start + 60)))
    put = data.draw(
        st.one_of(
            st.binary(max_size=3), st.just(EXAMPLE[start:end] * 2), st.sampled_from([b"\n", b"]", b'"', b"="])
        )
    )
    check(EXAMPLE[:start] + put + EXAMPLE[end:])


@given(DOCUMENTS)
def test_any_tables_are_a_policy_or_a_fault_with_its_line(document: dict[str, Any]) -> None:
    check(tomlkit.dumps(document).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"a = " + b"[" * 5_000,
        b"a = " + b"[" * 200 + b"]" * 200,
        b"a" + b".a" * 5_000 + b" = 1",
        b"\n\nper = " + b"9" * 10_000,
        b"x = '" + b"a" * 1024 * 1024 + b"'",
        b'[connections.erp]\ntime_zone = "' + b"A" * 100_000 + b'"',
        b'[connections.erp]\nquiet_hours = ["22:00-05:00\\n"]',
        b"[connections.erp.leave.vendor]\nfields = ['" + b"a" * 500_000 + b"']",
        b"[connections." + b"a" * 500_000 + b"]",
    ],
)
def test_a_file_that_is_meant_to_hurt_is_refused_in_few_words(raw: bytes) -> None:
    assert check(raw).fault


def test_ten_thousand_wrong_names_are_refused_at_once() -> None:
    listed = ", ".join(f'"orderN{number}"' for number in range(10_000))
    policy = check(f"[connections.erp.leave.purchase_order]\nfields = [{listed}]".encode())
    assert "49 more problems" in policy.fault


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_closes_everything(tmp_path: Path, make: Any) -> None:
    tmp_path.chmod(0o700)
    make(tmp_path / "policy.toml")
    (tmp_path / "policy.toml").chmod(0o700)
    check_closed(policy_in(tmp_path))
