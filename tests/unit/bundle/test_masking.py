from __future__ import annotations

from typing import Any

import pytest

from agent.bundle.configured import map_told, options_told, statements_told
from agent.bundle.logs import tail_of, told_line
from agent.bundle.masking import plain, told, without_literals
from tests.canaries import betrayed, canary

HIDDEN = canary("-h9")  # shorter than what counts as random by its length alone


@pytest.mark.parametrize(
    "text",
    [
        f"https://me:{HIDDEN}@erp.example/path",
        f"https://{HIDDEN}@erp.example",
        f"https://erp.example/path?sap-client=100&anything={HIDDEN}",
        f"https://erp.example/path#{HIDDEN}",
        f"Server=erp;Pwd={HIDDEN};Port=1",
        f"Server=erp;PASSWORD = {{{HIDDEN}}};Port=1",
        f"SharedAccessSignature={HIDDEN}",
        f"client_secret: '{HIDDEN}'",
        f"x-api-key={HIDDEN}",
        f"Authorization: Basic {HIDDEN}",
        f"Bearer {HIDDEN}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{HIDDEN}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{HIDDEN}",
        f"eyJhbGciOiJIUzI1NiJ9{HIDDEN}",
    ],
)
def test_a_secret_that_nobody_has_learned_is_seen_by_its_shape(text: str) -> None:
    assert not betrayed(plain(text))


@pytest.mark.parametrize(
    "name", ["Pwd", "password", "clientSecret", "refresh_token", "api_key", "private_key", "PIN", "auth"]
)
@pytest.mark.parametrize("value", [HIDDEN, [HIDDEN], {"x": HIDDEN}, {"x": [{"y": HIDDEN}]}])
def test_an_option_that_is_called_like_a_secret_is_left_out_whatever_it_holds(name: str, value: Any) -> None:
    assert not betrayed(str(options_told({"deep": {name: value}})))
    assert not betrayed(str(statements_told({name: value})))


def test_ordinary_texts_stay_as_they_are() -> None:
    for text in (
        "db.example",
        "PostgreSQL Unicode",
        "wss://relay.example:443/agent",
        "/etc/groundwire/ca.pem",
        "22:00-05:00",
    ):
        assert plain(text) == text
    assert options_told({"token_url": None, "tls": True, "port": 5432}) == {
        "token_url": None,
        "tls": True,
        "port": 5432,
    }


def test_a_query_keeps_its_names_and_loses_its_values() -> None:
    query = "select a.id from sales.orders a where a.owner = 'O''Hara' and a.no > 4711 /* Hara */ and b = \"x\" -- Hara"

    assert (
        without_literals(query)
        == "select a.id from sales.orders a where a.owner = ? and a.no > ? ? and b = ? ?"
    )


def test_an_open_quote_hides_everything_behind_it() -> None:
    assert without_literals("select 1 where a = 'Hara") == "select ? where a = ?"


def test_a_mapping_keeps_its_columns() -> None:
    spec = {
        "orderNo": "No_",
        "title": {"lookup": {"lines": "texts", "match": "kind", "equals": "LF", "take": "text"}},
        "shipTo": {"street": "Street", "city": {"const": "Rome"}},
        "total": {"sum": "lines", "of": "Amount", "scale": 2, "trim": True},
        "vendorKey": {"key": ["mandt", "lifnr"]},
    }
    assert map_told(spec) == {
        "orderNo": "No_",
        "title": {"lookup": {"lines": "texts", "match": "kind", "equals": "(a constant)", "take": "text"}},
        "shipTo": {"street": "Street", "city": {"const": "(a constant)"}},
        "total": {"sum": "lines", "of": "Amount", "scale": 2, "trim": True},
        "vendorKey": {"key": ["mandt", "lifnr"]},
    }


def test_a_document_that_goes_on_for_ever_ends() -> None:
    deep: dict[str, Any] = {}
    deep["deeper"] = deep

    assert "(left out)" in str(told(deep))
    assert len(told({"many": list(range(10_000))})["many"]) == 2_000


@pytest.mark.parametrize(
    "line", ["", "null", "[]", "7", "{", '"text"', '{"event": 7}', "\x00\ufffd", "[" * 100_000]
)
def test_every_line_of_a_log_can_be_told(line: str) -> None:
    assert isinstance(told_line(line), dict)


def test_the_tail_of_a_log_begins_with_a_whole_line(tmp_path: Any) -> None:
    file = tmp_path / "log"
    file.write_text("\n".join(f"line {number:04}" for number in range(1_000)))

    lines = tail_of(file, 100)

    assert lines[-1] == "line 0999"
    assert all(len(line) == 9 for line in lines)
