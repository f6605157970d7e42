"""Which way is taken, and what it is given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from drivers.rfc import native, opening, sdk
from drivers.rfc.checks import _place
from drivers.rfc.engine import Engine
from drivers.rfc.opening import _logon, _native, open_caller, way_of
from drivers.rfc.options import parse_connection
from tests.canaries import canary

SECRETS = {"password": canary()}
HOST = {"client": "100", "user": "U", "host": "sap.example", "system_number": "01"}
HTTP = {"client": "100", "user": "U", "http": {"url": "https://sap.example:44300"}}


@pytest.mark.parametrize(
    ("options", "library", "python", "way"),
    [
        (HOST, True, True, "sdk"),
        (HOST, False, True, "native"),
        (HOST, False, False, "sdk"),  # its first call says what to install
        (HTTP, True, True, "soap"),
        (HOST | HTTP, False, False, "soap"),
        (HOST | HTTP, True, False, "sdk"),
        (HOST | HTTP | {"way": "soap"}, True, True, "soap"),
    ],
)
def test_the_first_way_that_is_there_is_taken(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], library: bool, python: bool, way: str
) -> None:
    monkeypatch.setattr(opening.sdk, "available", lambda: library)
    monkeypatch.setattr(opening.native, "available", lambda: python)

    assert way_of(parse_connection(options)) == way


def test_the_libraries_get_saps_own_names() -> None:
    assert _logon(parse_connection(HOST), SECRETS) == {
        "client": "100", "lang": "EN", "user": "U", "passwd": canary(), "ashost": "sap.example", "sysnr": "01",
    }  # fmt: skip


def test_load_balancing_router_and_snc_are_handed_on() -> None:
    options = parse_connection({
        "client": "100", "message_server": "ms.example", "system_id": "PRD", "logon_group": "RFC", "router": "/H/r",
        "snc": {"snc_partnername": "p:CN=PRD", "snc_qop": "9"},
    })  # fmt: skip

    given = _logon(options, {})
    assert given == {
        "client": "100", "lang": "EN", "snc_partnername": "p:CN=PRD", "snc_qop": "9", "saprouter": "/H/r",
        "mshost": "ms.example", "sysid": "PRD", "group": "RFC",
    }  # fmt: skip
    assert _native(given, options)["snc_qop"] == 9
    assert "ms_http_port" not in _native(given, options)


def test_the_message_servers_port_is_what_each_library_asks_for() -> None:
    """The SDK speaks the message server's own protocol, saprfclib asks it over HTTP."""
    options = parse_connection({
        "client": "100", "user": "U", "message_server": "ms.example", "system_id": "PRD", "message_server_port": 8101,
    })  # fmt: skip
    given = _logon(options, SECRETS)

    assert given["msserv"] == "8101"
    assert _native(given, options)["ms_http_port"] == 8101


def test_opening_connects_to_nothing_and_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect() -> Any:
        raise AssertionError("it connected")

    monkeypatch.setattr(sdk, "_load", connect)
    monkeypatch.setattr(native, "_load", connect)
    for way in ("sdk", "native", "soap"):
        caller = open_caller(parse_connection(HOST | HTTP | {"way": way}), SECRETS)
        assert caller.way == way
        assert canary() not in repr(caller)
        caller.close()


@pytest.mark.parametrize(
    ("way", "more", "place"),
    [
        ("sdk", {}, ("ms.example", 3600)),
        ("native", {}, None),
        ("sdk", {"message_server_port": 3601}, ("ms.example", 3601)),
        ("native", {"message_server_port": 8101}, ("ms.example", 8101)),
    ],
)
def test_check_tries_the_message_servers_port_where_it_is_known(
    way: str, more: dict[str, Any], place: tuple[str, int] | None
) -> None:
    options = parse_connection({"client": "100", "user": "U", "message_server": "ms.example", **more})
    found = _place(cast("Engine", SimpleNamespace(options=options, caller=SimpleNamespace(way=way))))

    assert (found[:2] if found else None) == place
