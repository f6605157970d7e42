from __future__ import annotations

from typing import Any

import pytest

from drivers.contract import BadConfiguration, Mark, MarkKind, SourceChanged, StreamSpec
from drivers.netsuite.options import parse_connection
from drivers.netsuite.positions import is_id, mark_text
from drivers.netsuite.shape import shape_of
from tests.netsuite.connections import orders

OAUTH2 = {"kind": "oauth2_certificate", "client_id": "c", "certificate_id": "k"}
TBA = {"kind": "oauth1", "consumer_key": "c", "token_id": "t"}


def test_an_account_says_where_it_is_and_how_it_calls_itself() -> None:
    found = parse_connection({"account": "1234567_SB1", "auth": OAUTH2})

    assert found.url == "https://1234567-sb1.suitetalk.api.netsuite.com"
    assert found.auth.kind == "oauth2_certificate"
    assert found.auth.token_url == f"{found.url}/services/rest/auth/oauth2/v1/token"
    assert found.auth.scope == "rest_webservices"


@pytest.mark.parametrize(("call_rows", "rows"), [(None, 1_000), (1, 2), (2, 2), (70, 70), (5_000, 1_000)])
def test_a_call_asks_for_no_more_rows_than_it_may_and_always_for_one_more(
    call_rows: int | None, rows: int
) -> None:
    assert parse_connection({"account": "1", "auth": OAUTH2}).spared(call_rows).rows == rows


def test_behind_a_proxy_what_is_signed_is_meant_for_netsuite_itself() -> None:
    itself, proxy = "https://1-sb2.suitetalk.api.netsuite.com", "https://proxy.example/netsuite"
    statement, signed = (
        parse_connection({"account": "1_SB2", "url": proxy, "auth": auth}).auth for auth in (OAUTH2, TBA)
    )

    assert statement.kind == "oauth2_certificate"
    assert statement.token_url == f"{proxy}/services/rest/auth/oauth2/v1/token"
    assert statement.audience == f"{itself}/services/rest/auth/oauth2/v1/token"
    assert signed.kind == "oauth1"
    assert signed.signed_as == itself


@pytest.mark.parametrize("account", ["1234567_SB1", "1234567-sb1"])
def test_the_realm_is_the_account_in_netsuites_spelling(account: str) -> None:
    found = parse_connection({"account": account, "auth": TBA})

    assert found.auth.kind == "oauth1"
    assert found.auth.realm == "1234567_SB1"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"account": "a b"}, "options.account"),
        ({"account": None}, "options.account"),
        ({"auth": {"kind": "basic", "user": "u"}}, "options.auth"),
        ({"time_zone": "Mars/Base"}, "options.time_zone"),
        ({"rows": 5_000}, "options.rows"),
        ({"acount": "1"}, "options.acount"),
    ],
)
def test_a_mistake_is_told_with_its_place(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        parse_connection({"account": "1", "auth": OAUTH2, **changes})

    assert caught.value.where == where


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"key": ["nothere"]}, SourceChanged),
        ({"replication_key": "nothere"}, SourceChanged),
        ({"replication_key": "tranid"}, BadConfiguration),
        ({"types": {"id": "text"}}, BadConfiguration),
        ({"types": {"nothere": "date"}}, SourceChanged),
        ({"types": {"tranid": "money"}}, BadConfiguration),
        ({"query": "select * from transaction"}, BadConfiguration),
        ({"key": ["id", "entity"]}, BadConfiguration),
        ({"lines": {"memo": orders().options["lines"]["lines"]}}, BadConfiguration),
    ],
)
def test_a_stream_that_cannot_work_is_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        shape_of(orders(**changes))


def test_a_name_is_found_whatever_its_case() -> None:
    shape = shape_of(orders(key=["ID"], replication_key="LastModifiedDate"))

    assert [column.name for column in shape.key] == ["id"]
    assert shape.replication is not None
    assert shape.replication.name == "lastmodifieddate"


@pytest.mark.parametrize(
    ("kind", "value", "printed"),
    [
        ("timestamp_tz", "2026-03-01T10:00:00+02:00", "2026-03-01 08:00:00"),
        ("timestamp_tz", "2026-03-01T08:00:00", "2026-03-01 08:00:00"),
        ("timestamp", "2026-03-01T08:00:00.5", "2026-03-01 08:00:00"),
    ],
)
def test_a_mark_is_written_as_the_column_is_printed(kind: str, value: str, printed: str) -> None:
    shape = shape_of(orders(types={"lastmodifieddate": kind}, lines={}))

    assert mark_text(Mark(MarkKind.TIMESTAMP, value), shape) == printed


@pytest.mark.parametrize(
    "mark",
    [
        Mark(MarkKind.INTEGER, "5"),
        Mark(MarkKind.DATE, "2026-03-01"),
        Mark(MarkKind.TIMESTAMP, "'; drop"),
        Mark(MarkKind.TIMESTAMP, "2026-03-01T08:00:00+00:00"),
    ],
)
def test_a_mark_of_another_kind_is_refused(mark: Mark) -> None:
    shape = shape_of(orders(types={"lastmodifieddate": "timestamp"}, lines={}))

    with pytest.raises(SourceChanged):
        mark_text(mark, shape)


def test_a_day_is_a_mark_of_a_date() -> None:
    shape = shape_of(orders(types={"lastmodifieddate": "date"}, lines={}))

    assert mark_text(Mark(MarkKind.DATE, "2026-03-01"), shape) == "2026-03-01"
    assert mark_text(None, shape) is None


@pytest.mark.parametrize("text", ["1", "0", "-5", "999999999999999999"])
def test_whole_numbers_are_ids(text: str) -> None:
    assert is_id(text)


@pytest.mark.parametrize("text", ["", "01", "1.0", "1 or 1=1", "٣", "1" * 19, None, 5, "-0"])
def test_nothing_else_is_an_id(text: Any) -> None:
    assert not is_id(text)


def test_a_stream_without_options_is_refused_by_what_is_missing() -> None:
    with pytest.raises(BadConfiguration) as caught:
        shape_of(StreamSpec("orders", "purchase_order", {}))

    assert caught.value.where == "streams.orders.read.query"
