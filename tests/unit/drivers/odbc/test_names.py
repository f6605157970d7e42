"""Names of an installation in a profile's statements, read by a parser that is not ours."""

from __future__ import annotations

from typing import Any

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from drivers.contract import BadConfiguration, StreamSpec
from drivers.odbc.names import with_names
from drivers.odbc.options import parse_connection

QUERY = 'select h."No_" from "{company}$Purchase Header{app}" h'
LINES = {"lines": {"query": 'select 1 from "{company}$Purchase Line"', "parent": ["No_"]}}


def stream(query: str = QUERY, **more: Any) -> StreamSpec:
    return StreamSpec("orders", "purchase_order", {"query": query, "key": ["No_"], **more})


def named(spec: StreamSpec, convert: str = "", **names: str) -> StreamSpec:
    return with_names(spec, parse_connection({"connection": {}, "names": names, "names_convert": convert}))


def tables(sql: str, dialect: str = "tsql") -> list[str]:
    """Raises where the text is more than one statement, or none at all."""
    (statement,) = sqlglot.parse(sql, read=dialect)
    assert isinstance(statement, exp.Select)
    return [table.name for table in statement.find_all(exp.Table)]


def test_a_name_stands_in_queries_lines_and_tracked_tables() -> None:
    spec = stream(lines=LINES, change_tracking={'"{company}$Purchase Header"': ["No_"]})

    found = named(spec, company="CRONUS", app="$437").options

    assert found["query"] == 'select h."No_" from "CRONUS$Purchase Header$437" h'
    assert found["lines"]["lines"]["query"] == 'select 1 from "CRONUS$Purchase Line"'
    assert found["change_tracking"] == {'"CRONUS$Purchase Header"': ["No_"]}
    assert found["key"] == ["No_"]


def test_a_name_stands_in_the_statements_of_writes_and_nowhere_else_in_them() -> None:
    steps = [
        {"call": '"{company}$place"(:vendorKey)'},
        {"insert": "[{company}$Log]", "values": {"a": "notes"}},
    ]
    create = {"steps": steps, "find": 'select 1 from "{company}$Log"', "reference": "{company}"}
    spec = StreamSpec("orders", "purchase_order", {"query": "select 1"}, write={"create": create})

    found = named(spec, company="CRONUS").write["create"]

    assert [step.get("call") or step["insert"] for step in found["steps"]] == [
        '"CRONUS$place"(:vendorKey)',
        "[CRONUS$Log]",
    ]
    assert (found["find"], found["reference"]) == ('select 1 from "CRONUS$Log"', "{company}")


def test_characters_that_the_system_does_not_keep_become_underscores() -> None:
    spec = named(stream(), convert=".\"\\/'%][", company="CRONUS Int'l [DE] Ltd.", app="")

    assert tables(spec.options["query"]) == ["CRONUS Int_l _DE_ Ltd_$Purchase Header"]


_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=60)


# `#` begins the name of a temporary table of SQL Server, whatever quotes it stands in.
@given(_NAMES.filter(lambda name: not name.startswith("#")))
def test_whatever_a_name_holds_it_is_a_part_of_the_tables_name(value: str) -> None:
    for query in (QUERY, QUERY.replace('"{', "[{").replace('app}"', "app}]")):
        text = named(stream(query), company=value, app="").options["query"]
        assert tables(text) == [f"{value}$Purchase Header"]


@pytest.mark.parametrize(
    "query",
    [
        "select '{company}' as x from t -- \"{company}",
        "select {fn now()} as x from t /* [{company}] */",
        'select "a" from t where b = \'"{company}"\'',
    ],
)
def test_literals_and_comments_stay_as_they_are(query: str) -> None:
    assert named(stream(query), company="CRONUS").options["query"] == query


def test_a_name_that_is_not_given_is_asked_for() -> None:
    with pytest.raises(BadConfiguration) as caught:
        named(stream(), company="CRONUS")

    assert caught.value.where == "options.names.app"
    assert "names" in caught.value.hint


def test_a_name_outside_of_quotes_is_refused() -> None:
    with pytest.raises(BadConfiguration) as caught:
        named(stream("select 1 from {company}"), company="x; drop table y")

    assert caught.value.where == "streams.orders.read"


def test_a_name_may_hold_no_line_break() -> None:
    with pytest.raises(BadConfiguration):
        parse_connection({"connection": {}, "names": {"company": "a\nb"}})
