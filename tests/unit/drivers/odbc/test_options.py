from __future__ import annotations

import pytest

from agent.configuration.model import LimitsTable
from drivers.contract import BadConfiguration
from drivers.odbc.options import parse_connection, parse_stream

STREAM = {"query": "select 1 as k", "key": ["k"]}


def test_an_unknown_option_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(BadConfiguration) as caught:
        parse_connection({"connection": {"Driver": "X"}, "query_second": 5})

    assert caught.value.where == "options.query_second"
    assert "'query_seconds'" in caught.value.hint


def test_an_unknown_option_of_a_line_set_is_refused_at_its_place() -> None:
    lines = {"lines": {"query": "select 1", "parent": ["k"], "orderby": ["n"]}}

    with pytest.raises(BadConfiguration) as caught:
        parse_stream("po", {**STREAM, "lines": lines})

    assert caught.value.where.startswith("streams.po.read.lines.lines.")


def test_a_value_of_the_wrong_type_names_the_option_and_not_the_value() -> None:
    with pytest.raises(BadConfiguration) as caught:
        parse_connection({"connection": {"Driver": "X", "Pwd": ["hunter2"]}})

    assert "hunter2" not in f"{caught.value} {caught.value.where} {caught.value.hint}"


def test_the_parent_must_be_as_long_as_the_key() -> None:
    lines = {"lines": {"query": "select 1", "parent": ["a", "b"], "order_by": ["n"]}}

    with pytest.raises(BadConfiguration, match="parent names 2 columns"):
        parse_stream("po", {**STREAM, "lines": lines})


def test_a_replication_kind_without_key_is_refused() -> None:
    with pytest.raises(BadConfiguration, match="no replication_key"):
        parse_stream("po", {**STREAM, "replication_kind": "timestamp"})


def test_the_order_of_lines_must_be_stated() -> None:
    with pytest.raises(BadConfiguration) as caught:
        parse_stream("po", {**STREAM, "lines": {"lines": {"query": "select 1", "parent": ["k"]}}})

    assert caught.value.where.endswith("order_by")


def test_a_statement_ends_by_its_own_limit_before_the_agent_gives_the_driver_up() -> None:
    options = parse_connection({"connection": {"Driver": "X"}})

    assert options.query_seconds < LimitsTable().driver_seconds_without_page
