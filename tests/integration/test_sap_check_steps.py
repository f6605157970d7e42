"""`check` of the driver, step by step: what stops it, what it finds of each stream and recipe, and certificates.

What an operator sees of each fault is in `test_sap_check.py`.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from drivers.rfc.driver import RfcDriver
from tests.canaries import canary
from tests.integration.sap_sources import (
    OPTIONS,
    PURCHASE_ORDER_WRITES,
    SECRETS,
    Site,
    orders,
    site,
    work_orders,
    writable_orders,
)
from tests.sap.soap import SoapServer
from tests.sap.system import System


@pytest.fixture
def sap() -> Iterator[Site]:
    with site("sdk, plain reader") as found:
        yield found


@pytest.fixture(params=["sdk, sorted ET_DATA", "soap, plain reader"])
def any_sap(request: pytest.FixtureRequest) -> Iterator[Site]:
    with site(request.param) as found:
        yield found


class TestCheck:
    @pytest.mark.parametrize(
        ("spoil", "step", "word", "code"),
        [
            (lambda system: setattr(system.users["RFCUSER"], "password", "other"), "logon", "password", "credentials_refused"),
            (lambda system: setattr(system.users["RFCUSER"], "locked", True), "logon", "SU01", "credentials_refused"),
            (lambda system: setattr(system.users["RFCUSER"], "expired", True), "logon", "expire", "credentials_refused"),
            (lambda system: setattr(system, "client", "200"), "logon", "options.client", "configuration"),
            (lambda system: setattr(system.users["RFCUSER"], "functions", frozenset({"RFCPING", "RFC_SYSTEM_INFO"})), "clock", "RFC_NAME = STFC_CONNECTION", "not_permitted"),
            (lambda system: setattr(system.users["RFCUSER"], "tables", frozenset({"EKKO"})), "table reader", "S_TABU_NAM", "not_permitted"),
            (lambda system: setattr(system.profile, "readers", ()), "table reader", "S_RFC", "configuration"),
        ],
    )  # fmt: skip
    async def test_over_rfc_tells_apart_what_is_wrong(
        self, sap: Site, spoil: Any, step: str, word: str, code: str
    ) -> None:
        spoil(sap.system)
        driver = sap.driver()
        found = (await driver.check([orders()]))[-1]
        await driver.aclose()

        assert (found.ok, found.name, found.code) == (False, step, code), found
        assert word in f"{found.detail} {found.hint}"
        assert canary() not in f"{found.detail}{found.hint}".replace("[secrets]", "")

    @pytest.mark.parametrize(
        ("spoil", "word", "code"),
        [
            (lambda node: setattr(node, "active", False), "SICF", "configuration"),
            (lambda node: setattr(node, "forbidden", True), "S_ICF", "not_permitted"),
            (lambda node: setattr(node, "answer_instead", (302, {"Location": "/sap/public/logon"}, b"")), "redirect", "configuration"),
            (lambda node: setattr(node, "answer_instead", (200, {}, b"<html><body>Welcome")), "XML", "unreachable"),
            (lambda node: setattr(node, "answer_instead", (200, {}, b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')), "XML", "unreachable"),
        ],
    )  # fmt: skip
    async def test_over_soap_tells_apart_what_is_wrong(self, spoil: Any, word: str, code: str) -> None:
        with site("soap, plain reader") as sap:
            assert sap.server
            spoil(sap.server.node)
            driver = sap.driver()
            found = (await driver.check())[-1]
            await driver.aclose()

        assert (found.ok, found.name, found.code) == (False, "logon", code), found
        assert word in f"{found.detail} {found.hint}"

    async def test_a_port_that_nobody_listens_on_names_the_system_number(self) -> None:
        site_of = Site(System(), "sdk")
        options = {**OPTIONS, "host": "127.0.0.1", "router": "", "system_number": "98"}
        found = (await RfcDriver("sap", options, SECRETS, caller=site_of.caller()).check())[-1]
        site_of.system.close()

        assert (found.name, found.ok, found.code) == ("port", False, "unreachable")
        assert "98" in found.hint

    async def test_a_good_connection_says_what_it_found(self, any_sap: Site) -> None:
        driver = any_sap.driver(time_zone="Europe/Berlin")
        found = await driver.check([orders(), work_orders()])
        await driver.aclose()

        assert all(step.ok for step in found), found
        assert driver.describe().product.startswith("SAP FKE")


class TestCertificates:
    async def test_one_that_nobody_here_trusts_is_told_and_one_that_is_named_is_taken(
        self, tmp_path: Path
    ) -> None:
        authority, other = trustme.CA(), trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        system = System()
        server = SoapServer(system, tls=context)
        found = []
        for number, trusted in enumerate((other, authority)):
            path = tmp_path / f"{number}.pem"
            trusted.cert_pem.write_to_path(str(path))
            http = {"url": server.url, "ca_file": str(path)}
            driver = RfcDriver(
                "sap", {"client": "100", "user": "RFCUSER", "way": "soap", "http": http}, SECRETS
            )
            found.append((await driver.check())[-1])
            await driver.aclose()
        server.close()
        system.close()

        refused, taken = found
        assert (refused.ok, refused.name, refused.code) == (False, "logon", "configuration"), refused
        assert "certificate" in f"{refused.detail} {refused.hint}".lower()
        assert taken.ok


async def test_check_holds_every_recipe_against_the_system_and_writes_nothing(any_sap: Site) -> None:
    before = {row["EBELN"] for row in any_sap.system.rows("EKKO")}
    driver = any_sap.driver(time_zone="Europe/Berlin")
    steps = {step.name: step for step in await driver.check([writable_orders(), work_orders()])}
    await driver.aclose()

    assert all(step.ok for step in steps.values()), steps
    assert "create, update" in steps["writes of purchase_orders"].detail
    assert {row["EBELN"] for row in any_sap.system.rows("EKKO")} == before
    assert not [name for name, _ in any_sap.system.calls if name.startswith("BAPI")]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"function": "BAPI_PO_CREATE9"}, "calls[0].function"),
        ({"test_run": "TEST_RUN"}, "calls[0].test_run"),
        ({"returns": {"order": "EXPNOTHING"}}, "calls[0].returns"),
        ({"structures": {"POHEADER": {"COMPANY": "organizationKey"}}}, "calls[0]"),
        ({"x": {"POHEADER": "POHEADERXX"}}, "calls[0]"),
        ({"tables": {"POITEMS": {"for_each": "lineItems", "values": {}}}}, "calls[0]"),
    ],
)
async def test_check_names_what_the_system_does_not_have(
    sap: Site, change: dict[str, Any], where: str
) -> None:
    create = PURCHASE_ORDER_WRITES["create"]
    call = {**create["calls"][0], "structures": {"POHEADER": {"REF_1": "idempotencyKey"}}, **change}
    call["structures"] = {"POHEADER": {"REF_1": "idempotencyKey", **call["structures"]["POHEADER"]}}
    recipe = {"key": ["result.order"], "find": create["find"], "calls": [call]}
    driver = sap.driver()
    steps = await driver.check([writable_orders(create=recipe)])
    await driver.aclose()

    found = next(step for step in steps if step.name == "writes of purchase_orders")
    assert not found.ok
    assert found.detail.startswith(f"streams.purchase_orders.write.create.{where}"), found.detail
    assert found.hint
