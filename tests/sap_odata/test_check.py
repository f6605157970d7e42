"""What `groundwire check` says of an S/4HANA or Business One connection that does not work. Over RFC: see
`tests/integration/test_sap_check.py`.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.canaries import canary
from tests.sap.desk import PASSWORD, Case, Desk, in_this_process
from tests.sap_odata.gateway import Gateway
from tests.sap_odata.service_layer import ServiceLayer
from tests.sap_odata.web import Trouble
from tests.servers import free_port

S4_OFF = {
    name: {"enabled": False}
    for name in ("purchase_orders", "work_orders", "inventory_items", "equipment", "functional_locations")
}
B1_OFF = {name: {"enabled": False} for name in ("purchase_orders", "work_orders", "inventory_items")}
VENDORS = "API_BUSINESS_PARTNER"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "c")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.commandline.drivers.hosted", in_this_process)


def s4hana(case: Case, url: str, **options: Any) -> dict[str, Any]:
    return {
        "system": "sap-s4hana",
        "options": {
            "url": f"{url}/sap/opu",
            "query": {"sap-client": "100"},
            "auth": {"kind": "basic", "user": case.user or "GROUNDWIRE"},
            **options,
            **case.options,
        },
        "secrets": {"password": "env:SAP_PASSWORD"},
        "streams": S4_OFF,
    }


def business_one(case: Case, url: str) -> dict[str, Any]:
    body = {"CompanyDB": "SBODEMO", "UserName": "manager", "Password": {"secret": "password"}, **case.options}
    return {
        "system": "sap-business-one",
        "options": {"url": f"{url}/b1s/v2", "auth": {"body": body}},
        "secrets": {"password": "env:SAP_PASSWORD"},
        "streams": B1_OFF,
    }


S4_CASES = [
    Case("host unknown", "host name", "unreachable", ("options.url", "nowhere.invalid"), ("DNS",),
         {"url": "https://nowhere.invalid:44300/sap/opu"}),
    Case("wrong port", "port", "unreachable", ("options.url", "127.0.0.1"), ("firewall",),
         {"url": f"https://127.0.0.1:{free_port()}/sap/opu"}),
    Case("wrong client", "answer", "credentials_refused", ("options.auth", "401"), ("sap-client in options.query", "SU01"),
         {"query": {"sap-client": "999"}}),
    Case("wrong password", "answer", "credentials_refused", ("options.auth", "401"), ("wrong user, password", "locks the user"),
         password=PASSWORD),
    Case("user locked", "answer", "credentials_refused", ("401",), ("a locked user", "SU01", "SM20"), spoilt="locked"),
    Case("service not active", "stream vendors", "configuration", ("403", "not active"), ("SICF", f"/sap/opu/odata/sap/{VENDORS}"),
         spoilt="inactive"),
    Case("service not registered", "stream vendors", "configuration", ("403", "No service found"), ("/IWFND/MAINT_SERVICE", "enabled = false"),
         spoilt="unregistered"),
    Case("may not use the service", "stream vendors", "not_permitted", ("403", "No authorization", "/IWFND/MED/134"), ("S_SERVICE", "SU53"),
         spoilt="forbidden"),
]  # fmt: skip
NO_AUTHORITY = b'{"error": {"code": "/IWFND/MED/134", "message": {"lang": "en", "value": "No authorization to access Service \'ZAPI_BUSINESS_PARTNER_0001\'"}}}'


@pytest.mark.parametrize("case", S4_CASES, ids=str)
def test_of_s4hana(desk: Desk, here: None, gateway: Gateway, case: Case) -> None:
    match case.spoilt:
        case "locked":
            gateway.accounts.locked.add("GROUNDWIRE")
        case "inactive":
            gateway.services[VENDORS].active = False
        case "unregistered":
            del gateway.services[VENDORS]
        case "forbidden":
            gateway.troubles = [
                Trouble(VENDORS, 403, NO_AUTHORITY, {"Content-Type": "application/json"}, times=99)
            ]
        case _:
            pass

    desk.told(case, s4hana(case, gateway.url), canary("-1"))


@pytest.mark.parametrize(
    ("names", "trusted", "says"),
    [
        (("localhost",), False, ("certificate of localhost", "not accepted")),
        (("other.example",), True, ("certificate of localhost", "localhost")),
    ],
    ids=["unknown-authority", "another-name"],
)
def test_of_s4hana_with_a_wrong_certificate(
    desk: Desk, here: None, tmp_path: Path, names: tuple[str, ...], trusted: bool, says: tuple[str, ...]
) -> None:
    authority, other = trustme.CA(), trustme.CA()
    (authority if trusted else other).cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    server = ServiceLayer()  # nothing of it is asked for
    server.start(context)
    case = Case("", "answer", "configuration", says, ("options.ca_file", "options.url"))

    try:
        desk.told(case, s4hana(case, server.url, ca_file=str(tmp_path / "ca.pem")), canary("-1"))
    finally:
        server.stop()


B1_CASES = [
    Case("wrong company", "answer", "credentials_refused", ("options.auth", "Fail to get DB Credentials"), ("options.auth.body",),
         {"CompanyDB": "NOWHERE"}),
    Case("wrong password", "answer", "credentials_refused", ("options.auth", "Fail to get DB Credentials", "-304"),
         ("CompanyDB", "UserName", "locked"), password=PASSWORD),
    Case("another server answers", "answer", "source_changed", ("options.auth", "404"), ("options.auth.path",), spoilt="path"),
]  # fmt: skip


@pytest.mark.parametrize("case", B1_CASES, ids=str)
def test_of_business_one(desk: Desk, here: None, service_layer: ServiceLayer, case: Case) -> None:
    if case.spoilt == "path":
        service_layer.troubles = [Trouble("Login", 404, times=99)]

    desk.told(case, business_one(case, service_layer.url), canary("-3"))


def test_of_business_one_in_a_process_of_its_own(desk: Desk, service_layer: ServiceLayer) -> None:
    desk.told(B1_CASES[1], business_one(B1_CASES[1], service_layer.url), canary("-3"))
