from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import BadConfiguration
from drivers.netsuite.select_list import as_subquery, columns_of


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("select id from item", ["id"]),
        ("SELECT t.ID, t.tranId FROM transaction t", ["id", "tranid"]),
        ("select t.id orderno, t.x as other from t", ["orderno", "other"]),
        ("select distinct a.item, count(*) n from a", ["item", "n"]),
        ("select BUILTIN.DF(t.status) as status_name, nvl(a, 0) as b from t", ["status_name", "b"]),
        ("select case when a = 'from, x' then 1 else 2 end as kind, b from t", ["kind", "b"]),
        ("select (select max(x) from y) as most, z from t", ["most", "z"]),
        ('select t.a as "Total", b -- c, d\n, /* e from f */ g from t', ["total", "b", "g"]),
        ("select 'it''s, from' as said, extract(year from d) as y from t", ["said", "y"]),
        ("select a + b as sum from t", ["sum"]),
    ],
)
def test_the_columns_of_a_query_are_those_it_names(query: str, names: list[str]) -> None:
    assert list(columns_of(query, "here")) == names


@pytest.mark.parametrize(
    "query",
    [
        "select * from item",
        "select i.* from item i",
        "select id, a + b from item",
        "select upper(name) from item",
        "select a || t.b from t",
        "select case when a then b end from t",
        "select id, from item",
        "select 'x' from item",
    ],
)
def test_a_column_without_a_name_is_refused_with_what_it_is(query: str) -> None:
    with pytest.raises(BadConfiguration, match="has no name"):
        columns_of(query, "here")


@pytest.mark.parametrize(
    "query", ["select id, a.id from a", "select gw_1 from a", "select id as links from a", "select id"]
)
def test_names_that_cannot_be_told_apart_are_refused(query: str) -> None:
    with pytest.raises(BadConfiguration):
        columns_of(query, "here")


@pytest.mark.parametrize("query", ["", "delete from x", "select 1 from x; drop table y", "-- select"])
def test_what_is_no_single_select_is_refused(query: str) -> None:
    with pytest.raises(BadConfiguration):
        as_subquery(query, "here")


def test_a_semicolon_at_the_end_and_one_in_a_text_do_no_harm() -> None:
    assert as_subquery(" select ';' as a from b ; ", "here") == "select ';' as a from b"


@given(
    st.lists(st.from_regex(r"[a-f][a-z0-9_]{0,9}", fullmatch=True), min_size=1, unique=True),
    st.sampled_from([" ", "\n", " /* , from x */ ", " -- from, \n"]),
)
def test_any_list_of_aliases_is_read_back(names: list[str], gap: str) -> None:
    items = f"{gap},".join(f"f(t.x, ',from'){gap}as{gap}{name}" for name in names)
    reserved = {"end", "null", "over", "from", "as"}

    if not reserved & set(names):
        assert list(columns_of(f"select{gap}{items}{gap}from{gap}t", "here")) == names
