"""What `groundwire check` says of a SAP connection over RFC that does not work.

Each fault is provoked at the real end of each way where it can occur, and read where an operator reads it: the code, what
is wrong and where, what to try next. Over OData: `tests/sap_odata/test_check.py`.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.canaries import canary
from tests.sap import libraries
from tests.sap.child import USERS
from tests.sap.desk import PASSWORD, Case, Desk, in_this_process
from tests.sap.ecc import EccSystem, fill
from tests.sap.soap import SoapServer
from tests.servers import free_port

OFF = {
    name: {"enabled": False}
    for name in ("purchase_orders", "work_orders", "inventory_items", "equipment", "functional_locations")
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "c")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.commandline.drivers.hosted", in_this_process)


@pytest.fixture
def system() -> Iterator[EccSystem]:
    made = EccSystem()
    fill(made)
    made.users |= {user.name: user for user in USERS}
    yield made
    made.close()


def connection(case: Case, **options: Any) -> dict[str, Any]:
    given = {
        "client": "100", "user": case.user or "RFCUSER", "time_zone": "Europe/Berlin", **options, **case.options,
    }  # fmt: skip
    return {
        "system": "sap-ecc",
        "options": {name: value for name, value in given.items() if value != ""},
        "secrets": {"password": "env:SAP_PASSWORD"},
        "streams": OFF,
    }


def by_library(case: Case, way: str) -> dict[str, Any]:
    return connection(case, way=way, host="sap.example", router="/H/router/S/3299")


LIBRARY_CASES = [
    Case("host unknown", "host name", "unreachable", ("options.host", "'nowhere.invalid'", "resolve"), ("Correct the name", "DNS"),
         {"host": "nowhere.invalid", "router": ""}),
    Case("wrong system number", "port", "unreachable", ("options.host", "127.0.0.1:3397"), ("Is 97 the system number?", "firewall"),
         {"host": "127.0.0.1", "system_number": "97", "router": ""}),
    Case("unreachable behind a router", "logon", "unreachable", ("reached", "refused"), ("options.host", "options.system_number", "firewall"),
         {"host": "elsewhere"}),
    Case("router refuses", "logon", "configuration", ("options.router", "route"), ("saprouttab",), {"router": "/H/closed/S/3299"}),
    Case("wrong client", "logon", "configuration", ("options.client", "Client 999"), ("options.client", "three digits"), {"client": "999"}),
    Case("wrong password", "logon", "credentials_refused", ("options.user", "Name or password is incorrect"),
         ("the password under", "options.client", "locks the user"), password=PASSWORD),
    Case("user locked", "logon", "credentials_refused", ("options.user", "User is locked"), ("SU01", "unlocked"), user="LOCKED"),
    Case("user locked by wrong passwords", "logon", "credentials_refused", ("too many failed attempts",), ("SU01", "correct the password"),
         user="TOOOFTEN"),
    Case("user no longer valid", "logon", "credentials_refused", ("not in validity date",), ("SU01", "no longer valid"), user="OVER"),
    Case("password expired", "logon", "credentials_refused", ("options.user", "Password has expired"), ("type System", "SAP GUI"),
         user="EXPIRED"),
    Case("initial password", "logon", "credentials_refused", ("Initial password",), ("type System", "SAP GUI"), user="INITIAL"),
    Case("may not log on by RFC", "logon", "not_permitted", ("No RFC authorization",),
         ("S_RFC", "RFC_TYPE = FUNC", "RFC_NAME = RFCPING", "ACTVT = 16", "system authorisations"), user="NOPING"),
    Case("may not call", "logon", "not_permitted", ("RFC_SYSTEM_INFO",), ("S_RFC", "RFC_NAME = RFC_SYSTEM_INFO"), user="NOCALLS"),
    Case("may not read tables", "table reader", "not_permitted", ("options: RFC_READ_TABLE",), ("S_RFC", "RFC_NAME = RFC_READ_TABLE"), user="NOREAD"),
    Case("may not read one table", "stream vendors", "not_permitted", ("streams.vendors.read.lookups.address", "ADRC"),
         ("S_TABU_NAM", "TABLE = ADRC", "ACTVT = 03", "S_TABU_DIS"), user="NOTABLES"),
]  # fmt: skip


@pytest.mark.parametrize("case", LIBRARY_CASES, ids=str)
@pytest.mark.parametrize("way", ["sdk", "native"])
def test_with_a_library(
    monkeypatch: pytest.MonkeyPatch, desk: Desk, here: None, system: EccSystem, way: str, case: Case
) -> None:
    made, module = {"sdk": (libraries.sdk, "pyrfcx"), "native": (libraries.native, "saprfclib")}[way]
    monkeypatch.setitem(sys.modules, module, made(system))

    desk.told(case, by_library(case, way), canary())


@pytest.mark.parametrize("way", ["sdk", "native"])
def test_with_a_library_in_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch, desk: Desk, way: str
) -> None:
    command = (sys.executable, "-P", "-m", "tests.sap.child")
    monkeypatch.setattr("agent.hosting.driver.child_command", lambda: command)
    case = Case("", "logon", "credentials_refused", ("User is locked",), ("SU01",), user="LOCKED")

    desk.told(case, by_library(case, way), canary())


# --- the libraries themselves: those that are installed, not stand-ins

_ELF_OF_32_BITS = b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x03\x00\x03\x00\x01\x00\x00\x00" + bytes(40)


def test_the_sdk_is_missing(monkeypatch: pytest.MonkeyPatch, desk: Desk, tmp_path: Path) -> None:
    pytest.importorskip("pyrfcx")
    monkeypatch.setenv("SAPNWRFC_HOME", str(tmp_path / "no-sdk"))
    says = ("options.way", "SAP NW RFC SDK is not installed", str(tmp_path / "no-sdk"))
    case = Case("", "SAP library", "configuration", says, ("S-user", "SAPNWRFC_HOME", "options.way"))

    desk.told(case, by_library(case, "sdk"), canary())


@pytest.mark.skipif(sys.platform != "linux", reason="the loader of another system has other words")
def test_the_sdk_is_for_another_kind_of_machine(
    monkeypatch: pytest.MonkeyPatch, desk: Desk, tmp_path: Path
) -> None:
    pytest.importorskip("pyrfcx")
    folder = tmp_path / "sdk" / "lib"
    folder.mkdir(parents=True)
    for name in ("sapnwrfc", "icudata50", "icuuc50", "icui18n50"):
        (folder / f"lib{name}.so").write_bytes(_ELF_OF_32_BITS)
    monkeypatch.setenv("SAPNWRFC_HOME", str(tmp_path / "sdk"))
    case = Case(
        "", "SAP library", "configuration", ("another kind of machine", "64 bits"), ("Install the SDK for",)
    )

    desk.told(case, by_library(case, "sdk"), canary())


@pytest.mark.skipif(find_spec("saprfclib") is not None, reason="saprfclib is installed here")
def test_the_library_without_an_sdk_is_missing(desk: Desk, here: None) -> None:
    case = Case(
        "", "way", "configuration", ("options.way", "saprfclib is not installed"), ("pip install", "3.12")
    )

    desk.told(case, by_library(case, "native"), canary())


# --- classic SOAP

SOAP_CASES = [
    Case("host unknown", "host name", "unreachable", ("options.http.url", "nowhere.invalid"), ("DNS",),
         {"http": {"url": "https://nowhere.invalid:44300"}}),
    Case("wrong port", "port", "unreachable", ("options.http.url", "127.0.0.1"), ("SMICM", "firewall"),
         {"http": {"url": f"https://127.0.0.1:{free_port()}"}}),
    Case("wrong client", "logon", "credentials_refused", ("options.user", "client 999", "does not say why"),
         ("options.client", "SU01", "SM20"), {"client": "999"}),
    Case("wrong password", "logon", "credentials_refused", ("options.user", "401"), ("SU01", "locks the user"), password=PASSWORD),
    Case("user locked", "logon", "credentials_refused", ("options.user", "does not say why"), ("locked", "SU01"), user="LOCKED"),
    Case("password expired", "logon", "credentials_refused", ("does not say why",), ("expired or initial password",), user="EXPIRED"),
    Case("service not active", "logon", "configuration", ("/sap/bc/soap/rfc answers 403", "not active"), ("SICF", "/sap/bc/soap/rfc"),
         spoilt="active"),
    Case("service not there", "logon", "configuration", ("/sap/bc/other answers 404", "options.soap.path"), ("SICF",),
         {"soap": {"path": "/sap/bc/other"}}),
    Case("may not use the service", "logon", "not_permitted", ("may not use the service",), ("S_ICF", "/sap/bc/soap/rfc"),
         spoilt="forbidden"),
    Case("may not call", "logon", "not_permitted", ("RFC_SYSTEM_INFO",), ("S_RFC", "RFC_NAME = RFC_SYSTEM_INFO"), user="NOCALLS"),
    Case("may not read one table", "stream vendors", "not_permitted", ("streams.vendors.read.lookups.address",),
         ("S_TABU_NAM", "TABLE = ADRC"), user="NOTABLES"),
    Case("a page for people", "logon", "configuration", ("a page of HTML", "log on"), ("browser", "SICF"), spoilt="page"),
]  # fmt: skip
A_PAGE = (200, {"Content-Type": "text/html"}, b"<html><form>Change your password<br></form></html>")


@pytest.fixture
def server(system: EccSystem) -> Iterator[SoapServer]:
    made = SoapServer(system)
    yield made
    made.close()


@pytest.mark.parametrize("case", SOAP_CASES, ids=str)
def test_over_soap(desk: Desk, here: None, server: SoapServer, case: Case) -> None:
    options = {"http": {"url": server.url}, "way": "soap"}
    match case.spoilt:
        case "active":
            server.node.active = False
        case "forbidden":
            server.node.forbidden = True
        case "page":
            server.node.answer_instead = A_PAGE
        case _:
            pass

    desk.told(case, connection(case, **options), canary())


@pytest.mark.parametrize(
    ("names", "trusted", "says", "advises"),
    [
        (
            ("localhost",),
            False,
            ("certificate", "not accepted"),
            ("options.http.ca_file", "options.http.url"),
        ),
        (
            ("other.example",),
            True,
            ("certificate", "localhost"),
            ("options.http.ca_file", "options.http.url"),
        ),
    ],
    ids=["unknown-authority", "another-name"],
)
def test_the_certificate_is_wrong(
    desk: Desk, here: None, system: EccSystem, tmp_path: Path, names: tuple[str, ...], trusted: bool,
    says: tuple[str, ...], advises: tuple[str, ...],
) -> None:  # fmt: skip
    authority, other = trustme.CA(), trustme.CA()
    (authority if trusted else other).cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    server = SoapServer(system, tls=context)
    url = server.url.replace("127.0.0.1", "localhost")
    case = Case("", "logon", "configuration", says, advises)

    try:
        options = {"way": "soap", "http": {"url": url, "ca_file": str(tmp_path / "ca.pem")}}
        desk.told(case, connection(case, **options), canary())
    finally:
        server.close()


def test_over_soap_in_a_process_of_its_own(desk: Desk, server: SoapServer) -> None:
    server.node.active = False
    case = Case("", "logon", "configuration", ("not active",), ("SICF",))

    desk.told(case, connection(case, way="soap", http={"url": server.url}), canary())
