from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.hosting.codec import from_plain, to_plain
from agent.hosting.wire import WireFault
from drivers.contract import (
    Capabilities,
    Catalogue,
    CheckStep,
    Column,
    Description,
    Mark,
    MarkKind,
    Message,
    Operation,
    OperationKind,
    Outcome,
    OutcomeStatus,
    ReadMode,
    ReadRequest,
    StreamSpec,
    Table,
    WriteCommand,
)

STREAM = StreamSpec("orders", "purchase_order", {"key": ["id"], "since": date(2026, 1, 1)})
VALUES = [
    STREAM,
    ReadRequest(STREAM, ReadMode.CHANGES, Mark(MarkKind.INTEGER, "1"), None, "cursor", 10, 11, ("a", "b")),
    Description("odbc", "1", Capabilities(True, False, True, True, 2, timedelta(0, 3.5))),
    Catalogue((Table("t", (Column("c", "int", False),), ("c",), None, "c"),)),
    Outcome(OutcomeStatus.FAILED, "k", "4711", (Message("no", "E1", "vendor"),), {"total": Decimal("1.10")}),
    WriteCommand(OperationKind.CREATE, "vendor", {"name": "Å \U0001f600"}, "key", STREAM),
    Operation(
        "orders", "purchase_order", OperationKind.UPDATE, ("lineItems.quantity",), ("notes", "lineItems.quantity"),
        any_of=(("vendorKey", "vendorCode"),), updatable_in={"notes": ("draft",)}, effect_settles_after=timedelta(minutes=2),
    ),
    CheckStep("name", False, "detail", "hint"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_each_value_of_the_contract_survives_the_crossing(value):
    assert from_plain(type(value), json.loads(json.dumps(to_plain(value)))) == value


def test_a_sequence_and_an_absent_value_survive_the_crossing():
    steps = (CheckStep("a", True, "b"),)

    assert from_plain(Sequence[CheckStep], to_plain(list(steps))) == steps
    assert from_plain(Mark | None, None) is None


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.dates()
    | st.datetimes(timezones=st.sampled_from([UTC, None]))
    | st.times()
    | st.decimals(allow_nan=False)
)
OPTIONS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(OPTIONS)
def test_whatever_toml_holds_survives_the_crossing(options):
    assert from_plain(Any, json.loads(json.dumps(to_plain(options)))) == options


def test_a_read_only_mapping_is_sent_like_any_other():
    assert to_plain(MappingProxyType({"a": (1, time(3, 4))})) == {
        "a": [1, {"$groundwire": ["time", "03:04:00"]}]
    }


def test_a_value_that_cannot_be_sent_is_named_by_type_and_not_by_content():
    with pytest.raises(WireFault, match="type bytes") as caught:
        to_plain({"a": b"secret"})

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Mark, {"kind": "timestamp"}),
        (Mark, {"kind": "nonsense", "value": "1"}),
        (Mark, {"kind": "integer", "value": 5}),
        (Mark, "text"),
        (Sequence[CheckStep], {"name": "x"}),
        (Sequence[CheckStep], [None]),
        (Catalogue, {"tables": [{"name": "t", "columns": 3}]}),
        (ReadRequest, {"stream": {"name": "a", "entity": "b"}, "mode": "scan", "page_rows": True}),
        (Description, {"driver": "d", "version": "1", "capabilities": {"granularity": 1}}),
        (Description, None),
        (Outcome, {"status": "succeeded", "record": {"x": {"$groundwire": ["decimal", "abc"]}}}),
    ],
)
def test_an_answer_of_the_wrong_shape_is_a_fault(kind, value):
    with pytest.raises(WireFault):
        from_plain(kind, value)


def test_a_member_from_a_newer_contract_is_passed_over():
    assert from_plain(Column, {"name": "a", "type": "int", "comment": "new"}) == Column("a", "int")


def test_a_time_stamp_keeps_its_zone():
    stamp = datetime(2026, 1, 1, 12, tzinfo=UTC)

    assert from_plain(Any, to_plain(stamp)).utcoffset() == timedelta(0)
