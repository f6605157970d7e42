from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import BadConfiguration
from drivers.odbc.connection_string import build


def parse(text: str) -> dict[str, str]:
    """Read a connection string the way a driver manager does: braces until a single closing one."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        name, _, rest = text[at:].partition("=")
        at += len(name) + 1
        value = ""
        if rest.startswith("{"):
            at += 1
            while True:
                if text.startswith("}}", at):
                    value, at = value + "}", at + 2
                elif text[at] == "}":
                    at += 1
                    break
                else:
                    value, at = value + text[at], at + 1
        else:
            value = rest.partition(";")[0]
            at += len(value)
        assert text[at] == ";"
        at += 1
        found[name.lower()] = value
    return found


printable = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=30)


@given(password=printable, server=printable)
def test_no_value_can_add_or_change_an_attribute(password: str, server: str) -> None:
    text = build({"Driver": "X", "Server": server, "Uid": "u"}, {"Pwd": password})

    assert parse(text) == {"driver": "X", "server": server, "uid": "u", "pwd": password}


def test_secrets_override_attributes_and_attributes_override_defaults() -> None:
    found = parse(build({"driver": "PostgreSQL Unicode", "BOOLSASCHAR": 1, "PWD": "old"}, {"Pwd": "new"}))

    assert found["boolsaschar"] == "1"
    assert found["pwd"] == "new"
    assert found["usedeclarefetch"] == "0"


def test_plain_words_stay_bare_because_drivers_take_a_braced_port_for_a_text() -> None:
    assert "Port=5432;" in build({"Driver": "X", "Port": 5432, "Encrypt": True}, {})
    assert "Encrypt=1;" in build({"Driver": "X", "Encrypt": True}, {})


@pytest.mark.parametrize("value", ["a\0b", "a\nb", "a\r"])
def test_a_secret_that_cannot_be_carried_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        build({"Driver": "X"}, {"Pwd": value})

    assert value not in str(caught.value)
    assert "Pwd" in caught.value.where


def test_an_attribute_name_cannot_smuggle_another_one() -> None:
    with pytest.raises(BadConfiguration):
        build({"Driver": "X", "A=1;B": "c"}, {})


def test_neither_driver_nor_dsn_is_refused() -> None:
    with pytest.raises(BadConfiguration, match="Driver"):
        build({"Server": "x"}, {})
    assert build({"DSN": "erp"}, {}) == "DSN=erp;"


@pytest.mark.parametrize(
    ("driver", "limit"), [("MariaDB Unicode", "7"), ("MySQL ODBC 8.0", None), ("PostgreSQL Unicode", None)]
)
def test_a_driver_that_does_not_heed_the_limit_of_odbc_gets_one_of_its_own(
    driver: str, limit: str | None
) -> None:
    found = parse(build({"Driver": driver}, {}, connect_seconds=7))

    assert found.get("conn_timeout") == limit
    assert parse(build({"Driver": driver, "Conn_Timeout": 3}, {}, connect_seconds=7))["conn_timeout"] == "3"
