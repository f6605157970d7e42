from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import BadConfiguration
from drivers.odbc.statements import Parameter, Statement, parse, table_name


def names(text: str) -> tuple[str, ...]:
    return parse(text, where="steps[0].sql").names


def text_of(statement: Statement) -> str:
    return "".join(f":{p.name}" if isinstance(p, Parameter) else p for p in statement.parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("insert into po values (:vendorKey,:lineItems.quantity)", ("vendorKey", "lineItems.quantity")),
        ("update po set x=:a where id = :key.order_no", ("a", "key.order_no")),
        ("select :a, :a", ("a",)),
        ("select :a::numeric, b::date, '2026-01-01'::date", ("a",)),
        ("select ':a', 'it''s :b', :c", ("c",)),
        ('select ":a", `:b`, :c', ("c",)),
        ("select 1 -- :a ' \n, :b", ("b",)),
        ("select /* :a ' */ :b", ("b",)),
        ("select $$ :a ' $$, $tag$ :b $$ $tag$, :c", ("c",)),
        ("select x[1:n], y[:m]", ("m",)),
        ("select '12:30:00', :at", ("at",)),
        ("declare v int := 1; set v := :a", ("a",)),
        ("select a:b, {ts '2026-01-01 10:00:00'}", ()),
        ("select ':' || :a || ':b'", ("a",)),
        ("select '?', :a", ("a",)),
    ],
)
def test_a_parameter_is_found_where_it_is_one_and_nowhere_else(text: str, expected: tuple[str, ...]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("", "empty"),
        ("select * from po where id = ?", "question mark"),
        ("select 'open", "missing"),
        ("select /* open", "missing"),
        ("select $$ open", "missing"),
        (r"select 'C:\', ':a'", "backslash"),
        ("select /* a /* b */ :c */", "comment"),
        ("commit", "transaction"),
        ("  ROLLBACK to x", "transaction"),
        ("begin", "transaction"),
        ("BEGIN; insert into po values (:a)", "transaction"),
        ("begin transaction", "transaction"),
        ("end", "transaction"),
        ("-- done\nCommit", "transaction"),
        ("insert into po values (:a); /* now */ commit;", "transaction"),
        ("set autocommit = 1", "transaction"),
        ("release savepoint x", "transaction"),
    ],
)
def test_a_text_that_products_read_differently_is_refused_with_its_place(text: str, about: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        names(text)

    assert about in caught.value.message
    assert caught.value.where == "steps[0].sql"


@given(
    st.lists(
        st.sampled_from(
            ["select ", ":a", ":b.c", "'x :y'", '"q:z"', "-- :n\n", "/* :m */", "::int", " ", "$$ :d $$", ","]
        )
    )
)
def test_taking_a_statement_apart_loses_and_adds_nothing(pieces: list[str]) -> None:
    text = "select 1 " + "".join(pieces)
    try:
        found = parse(text, where="")
    except BadConfiguration:
        return

    assert text_of(found) == text


@pytest.mark.parametrize(
    "text",
    [
        "begin erp.place(:a); end;",
        "declare @id int; exec erp.place @vendor = :a, @id = @id output; select @id as id",
        "begin try exec p :a end try begin catch throw end catch",
        "select ';commit' || :a",
        "do $$ begin commit; end $$; select :a",
        "update commits set rollback = :a",
    ],
)
def test_blocks_and_batches_are_no_transactions(text: str) -> None:
    assert names(text) == ("a",)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("po", ("po",)),
        (" erp.po ", ("erp", "po")),
        ("[dbo].[O'Brien$Purchase Header]", ("dbo", "O'Brien$Purchase Header")),
        ('"Erp"."say ""when"""', ("Erp", 'say "when"')),
        ("`a``b`", ("a`b",)),
        ("käufe", ("käufe",)),
    ],
)
def test_a_tables_name_is_taken_apart(text: str, parts: tuple[str, ...]) -> None:
    assert table_name(text, where="steps[0].insert") == parts


@pytest.mark.parametrize(
    "text",
    ["", "po p", "po; drop table po", "po (a) values (1) --", "po where :a", "(select 1)", '"open', "a..b"],
)
def test_what_is_more_than_a_name_is_no_table(text: str) -> None:
    with pytest.raises(BadConfiguration, match="not the name of a table"):
        table_name(text, where="steps[0].insert")
