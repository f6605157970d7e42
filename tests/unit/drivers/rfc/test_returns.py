"""What a BAPI says of itself."""

from __future__ import annotations

import pytest

from drivers.rfc.returns import failure_in, messages


@pytest.mark.parametrize(
    ("kind", "failed"), [("E", True), ("A", True), ("X", True), ("W", False), ("S", False)]
)
@pytest.mark.parametrize("as_table", [True, False])
def test_an_error_an_abort_and_a_dump_are_failures_and_a_warning_is_none(
    kind: str,
    *,
    failed: bool,
    as_table: bool,
) -> None:
    said = {"TYPE": kind, "ID": "ME", "NUMBER": "083", "MESSAGE": "Enter  the vendor"}
    reply = {"RETURN": [{"TYPE": "S", "MESSAGE": "begun"}, said] if as_table else said}

    assert messages(reply)[-1].text == "Enter the vendor"
    assert (failure_in(reply) is not None) == failed


def test_an_empty_structure_says_nothing() -> None:
    assert messages({"RETURN": {"TYPE": "", "MESSAGE": ""}}) == []
    assert failure_in({}) is None
