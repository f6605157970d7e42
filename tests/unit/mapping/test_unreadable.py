"""A text in no character set, as the mapping meets it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from agent.mapping.compile import Mapped, compile_mapping
from agent.mapping.hashes import content_hashes
from drivers.unreadable import column_of

BAD = b"M\xfcller"
NAMES = [b"Anna", BAD, None]


def page(names: list[bytes | None] = NAMES, notes: list[list[bytes]] | None = None) -> pa.Table:
    notes = notes or [[b"x"], [], [b"y", b"z"]]
    flat = column_of([note for each in notes for note in each])
    lines = pa.StructArray.from_arrays(
        [flat, pa.array(["1"] * len(flat), pa.string())], names=["note", "code"]
    )
    offsets = [sum(map(len, notes[:at])) for at in range(len(notes) + 1)]
    return pa.table(
        {
            "__key": pa.array([f"k{at}" for at in range(len(notes))]),
            "no": pa.array([f"n{at}" for at in range(len(notes))]),
            "name": column_of(names),
            "lines": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), lines),
        }
    )


def applied(table: pa.Table, **fields: Any) -> Mapped:
    rule = {"orderNo": "no", **fields}
    return compile_mapping(rule, entity="purchase_order", where="erp/orders").apply(table, with_raw=True)


def rejected(result: Mapped) -> list[tuple[str, str, str]]:
    return [(reject.key, reject.field, reject.reason) for reject in result.rejects]


def test_a_column_that_is_not_used_does_no_harm_and_its_bytes_are_shown_in_the_source_record() -> None:
    result = applied(page())

    assert result.rejects == ()
    assert '"name":"M\\\\xfcller"' in result.records["raw"].to_pylist()[1]


@pytest.mark.parametrize(
    "value",
    [
        "name",
        {"from": "name", "trim": True},
        {"coalesce": ["no", "name"]},
        {"concat": ["no", "name"], "separator": " "},
        {"from": "name", "values": {"Anna": "A"}, "default": "B"},
        {"key": "name"},
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_a_record_of_which_it_is_used_is_rejected_and_the_others_pass(value: Any) -> None:
    result = applied(page(), notes=value)

    assert rejected(result) == [("k1", "notes", "unreadable_text")]
    assert result.records["key"].to_pylist() == ["k0", "k2"]
    assert result.rejects[0].message.startswith("column name: byte 2 of 6 is in no character set")
    assert b"\xfc" not in result.rejects[0].message.encode()


def test_in_a_line_the_place_is_told_and_a_line_that_is_left_out_does_no_harm() -> None:
    table = page([b"a", b"b", b"c"], [[b"x"], [], [b"y", BAD]])
    lines = {"lines": "lines", "map": {"description": "note"}}

    result = applied(table, lineItems=lines)
    left_out = applied(table, lineItems={**lines, "where": {"code": ["2"]}})
    looked_up = applied(table, notes={"lookup": {"lines": "lines", "take": "note"}})
    of_header = applied(page(), lineItems={"lines": "lines", "map": {"description": {"header": "name"}}})

    assert rejected(result) == [("k2", "lineItems.description", "unreadable_text")]
    assert result.rejects[0].message.startswith("line 2: column note: byte 2 of 6")
    assert left_out.rejects == ()
    assert rejected(looked_up) == [("k2", "notes", "unreadable_text")]
    assert rejected(of_header) == [("k1", "lineItems.description", "unreadable_text")]


def test_a_key_that_is_no_text_costs_its_record_whatever_is_mapped() -> None:
    table = page().set_column(0, "__key", pa.array(["k0", "M%FCller", "50 %25"]))

    result = applied(table)

    assert rejected(result) == [("M%FCller", "key", "unreadable_text")]


def test_a_record_has_the_same_hash_on_a_page_beside_one_that_is_no_text_and_on_another() -> None:
    beside = content_hashes(page(notes=[[b"x"], [BAD], [b"y", b"z"]]))
    alone = content_hashes(page([b"Anna", b"ok", None], [[b"x"], [b"n"], [b"y", b"z"]]))
    other = content_hashes(page([b"Anna", b"M\\xfcller", None], [[b"x"], [b"M\\xfcller"], [b"y", b"z"]]))

    assert beside[[0, 2]].tolist() == alone[[0, 2]].tolist() == other[[0, 2]].tolist()
    assert beside[1] != other[1]
