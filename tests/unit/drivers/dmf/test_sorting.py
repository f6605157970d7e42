"""Files of an export, sorted: laws of what comes out of what went in."""

from __future__ import annotations

import io
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import SourceChanged, StreamSpec
from drivers.dmf.rows import Columns, rows_of
from drivers.dmf.shape import COMPANY, StreamShape, shape_of
from drivers.dmf.sorted_file import Sorter, open_sorted
from drivers.keys import encode_key
from tests.dmf.packages import Export, content

FIELDS = ("ID", "SUB", "NAME")
FORMS = ("XML-Element", "XML-Attribute", "CSV-Unicode", "CSV")
# Line ends inside of values are put in order by XML itself, and attributes take them for blanks.
texts = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), include_characters="\U0001f600"),
    max_size=8,
)
names = texts.filter(bool)
records = st.dictionaries(st.tuples(names, names), texts, max_size=12)


def shape(*, lines: bool = False) -> StreamShape:
    below = {"lines": {"entity": "L", "parent": ["ID", "SUB"], "order_by": ["NAME"]}}
    options = {"project": "P", "entity": "E", "key": ["ID", "SUB"], "lines": below if lines else {}}
    return shape_of(StreamSpec("s", "vendor", options), ["usmf"])


def parsed(raw: bytes, columns: Columns, fields: Sequence[str] = FIELDS) -> list[dict[str, str | None]]:
    stream = io.BufferedReader(io.BytesIO(raw))  # type: ignore[arg-type]
    rows = list(rows_of(stream, columns, fields=fields, delimiter=",", encoding="utf-8", where="w"))
    return [dict(zip(columns.names, row, strict=False)) for row in rows]


def export_of(held: dict[tuple[str, str], str], order: Sequence[tuple[str, str]]) -> Export:
    return Export("E", FIELDS, [{"ID": one, "SUB": two, "NAME": held[one, two]} for one, two in order])


@given(records, st.sampled_from(FORMS))
def test_a_file_of_any_form_says_what_was_written_into_it(
    held: dict[tuple[str, str], str], form: str
) -> None:
    found = parsed(content(export_of(held, list(held)), form), Columns())

    assert [{name: row.get(name) for name in FIELDS} for row in found] == [
        {"ID": one, "SUB": two, "NAME": name or None} for (one, two), name in held.items()
    ]


@settings(deadline=None, max_examples=40)
@given(records, st.randoms(use_true_random=False), st.integers(1, 5), st.sampled_from(FORMS))
def test_pages_of_any_size_hold_every_record_once_in_one_order(
    held: dict[tuple[str, str], str], draw: random.Random, size: int, form: str
) -> None:
    order = list(held)
    draw.shuffle(order)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        sorter = Sorter(path, shape(), max_bytes=2**24, max_rows=100, company_field=COMPANY)
        stream = io.BufferedReader(io.BytesIO(content(export_of(held, order), form)))  # type: ignore[arg-type]
        columns = sorter.columns(0)
        rows = rows_of(stream, columns, fields=FIELDS, delimiter=",", encoding="utf-8", where="w")
        sorter.add(0, rows, "usmf")
        assert not path.exists()
        sorter.finish()
        file = open_sorted(path)
        found: list[str] = []
        after = None
        while page := file.headers(after, size):
            found += [key for key, _ in page]
            after = found[-1]
            assert all(row[file.fields(0).index(COMPANY)] == "usmf" for _, row in page)
        file.close()

    assert found == sorted(encode_key(key) for key in held)


def test_the_company_that_an_export_tells_itself_is_kept() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        sorter = Sorter(path, shape(), max_bytes=2**24, max_rows=100, company_field=COMPANY)
        sorter.columns(0).place("ID")
        sorter.columns(0).place("SUB")
        sorter.columns(0).place(COMPANY)
        sorter.add(0, [["1", "a", "dat"]], "usmf")
        sorter.finish()
        file = open_sorted(path)
        assert file.headers(None, 9) == [("1~a", ["1", "a", "dat"])]
        file.close()


def test_what_nobody_waits_for_any_more_stops() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sorter = Sorter(Path(folder) / "a.db", shape(), max_bytes=2**24, max_rows=100, company_field=COMPANY)
        sorter.columns(0).place("ID")
        sorter.columns(0).place("SUB")
        sorter.stop()
        with pytest.raises(Exception, match="was left"):
            sorter.add(0, [["1", "a"]], "usmf")
        sorter.discard()
        assert not list(Path(folder).iterdir())


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "does not begin with a line of different fields"),
        (b"A,A\r\n1,2\r\n", "does not begin with a line of different fields"),
        (b"A,B\r\n1\r\n", "line 2 has 1 values, the file has 2 fields"),
        (b'A,B\r\n"1" 2,3\r\n', "line 2 is no CSV"),
        (b"A,B\r\n\xff\xe4,2\r\n", "the file is not utf-8"),
        (b"A\r\n" + b"x" * 200_000, "line 2 is no CSV"),
        (b"<Document><R><A>1</A></R>", "no XML"),
        (b"<D><R><A>1</A></R><S><A>1</A></S><R/></D>", "records of two kinds, one is S"),
        (b"<D><R><A>1</A></R><S/></D>", "records of two kinds, one is S"),
        (b"<D><R><A><B>1</B></A></R></D>", "a value of B lies inside of another"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><D><R><A>&a;</A></R></D>", "document type"),
    ],
)
def test_a_file_that_is_neither_is_refused_with_its_place(raw: bytes, said: str) -> None:
    with pytest.raises(SourceChanged, match=said) as caught:
        parsed(raw, Columns(), ())
    assert caught.value.where == "w"


@pytest.mark.parametrize("raw", [b"<D/>", b"<D><!-- none --></D>", b"<D>\n</D>"])
def test_a_file_without_records_has_the_fields_that_the_manifest_maps(raw: bytes) -> None:
    columns = Columns()
    assert parsed(raw, columns) == []
    assert columns.names == list(FIELDS)


def test_a_field_that_has_the_name_of_its_record_is_a_field() -> None:
    assert parsed(b"<D><R><R>1</R></R><R><R>2</R></R></D>", Columns(), ()) == [{"R": "1"}, {"R": "2"}]


def test_fields_that_change_their_order_stay_with_their_values() -> None:
    columns = Columns()
    parsed(b"A,B\r\n1,2\r\n", columns, ())
    assert parsed(b"B,C,A\r\n2,3,1\r\n", columns, ()) == [{"A": "1", "B": "2", "C": "3"}]
