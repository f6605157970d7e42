"""The check of a connection to AX 2012's document services: what is wrong is told apart, and says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drivers import registry
from drivers.contract import CheckStep, CredentialsRefused, StreamSpec
from drivers.soap.documents.driver import DocumentsDriver
from tests.ax import site
from tests.ax.contract import Contract
from tests.ax.server import ROOT, Trouble
from tests.integration.ax_sources import driver, opened, orders, vendors


class TestCheck:
    async def step(self, subject: DocumentsDriver, *streams: StreamSpec) -> CheckStep:
        """The first step that failed, or the last."""
        steps = list(await subject.check(streams))
        await subject.aclose()
        return next((each for each in steps if not each.ok), steps[-1])

    async def test_a_good_connection_says_what_the_port_exposes(self, tmp_path: Path) -> None:
        with opened() as (_, server):
            subject = driver(server, tmp_path)
            steps = list(await subject.check([orders(), vendors()]))
            await subject.aclose()

        assert [each.name for each in steps] == [
            "host name", "port", "server, TLS and sign-in", "stream orders", "stream vendors",
            "writes of orders", "writes of vendors",
        ]  # fmt: skip
        assert all(each.ok for each in steps)
        assert "16 records" in steps[3].detail
        assert "changes by getChangedKeys" in steps[3].detail
        assert "findKeys" in steps[3].detail

    async def test_nothing_listens(self, tmp_path: Path) -> None:
        with opened() as (_, server):
            subject = driver(server, tmp_path, url="http://127.0.0.1:1/MicrosoftDynamicsAXAif60")
        step = await self.step(subject, orders())

        assert (step.name, step.code) == ("port", "unreachable")

    async def test_the_password_is_wrong(self, tmp_path: Path) -> None:
        system = site.system()
        with site.site(system, user=("GW", "right")) as server:
            options = {
                "services": "ax-documents",
                "url": f"{server.url}{ROOT}",
                "company": "ceu",
                "wsdl_folder": str(tmp_path),
                "auth": {"kind": "basic", "user": "GW"},
            }
            wrong = DocumentsDriver("ax", options, {"password": "wrong"})
            right = registry.create("soap", connection="ax", options=options, secrets={"password": "right"})
            with pytest.raises(CredentialsRefused):
                await wrong.signpost(orders())
            step = await self.step(wrong)
            good = list(await right.check())
            await right.aclose()

        assert (step.name, step.code) == ("server, TLS and sign-in", "credentials_refused")
        assert all(each.ok for each in good)

    @pytest.mark.parametrize(
        ("given", "code", "words"),
        [
            ({"port": "NoSuchPort"}, "source_changed", "404"),
            ({"service": "VendorService"}, "source_changed", "no service VendorService"),
            ({"key": ["PurchID"]}, "record", "entity key is made of StagingID"),
            ({"key": ["StagingNo"]}, "source_changed", "StagingID"),
            ({"lines": {"lines": {"entity": "PurchLine"}}}, "source_changed", "TEC_STG_PurchLine"),
            ({"changes": None, "replication_key": "DeliveryDate"}, "configuration", "no date with time"),
            ({"where": {"PurchID": "1"}}, "configuration", "no criteria"),
        ],
        ids=["port", "service", "key", "field", "lines", "replication key", "where"],
    )
    async def test_what_is_wrong_with_a_stream_is_told_apart(
        self, tmp_path: Path, given: dict[str, Any], code: str, words: str
    ) -> None:
        with opened() as (_, server):
            step = await self.step(driver(server, tmp_path), orders(**given))

        assert step.code == code
        assert words in f"{step.detail} {step.hint}"
        assert step.hint

    @pytest.mark.parametrize(
        ("options", "place", "words"),
        [
            ({"company": "xyz"}, "options.company", "Company xyz does not exist"),
            ({"partition": "other"}, "options.partition", "partition other does not exist"),
        ],
        ids=["company", "partition"],
    )
    async def test_a_wrong_company_or_partition_is_told_by_its_option(
        self, tmp_path: Path, options: dict[str, str], place: str, words: str
    ) -> None:
        with opened() as (_, server):
            step = await self.step(driver(server, tmp_path, **options), orders())

        assert step.code == "configuration"
        assert step.detail.startswith(f"{place}: ")
        assert words in step.detail

    @pytest.mark.parametrize("habit", ["change_tracking", "document_filter"])
    async def test_changes_that_would_never_come_fail_the_check(self, tmp_path: Path, habit: str) -> None:
        with opened() as (system, server):
            setattr(system.habits, habit, False)
            step = await self.step(driver(server, tmp_path), orders())

        assert step.code == "configuration"
        assert {"change_tracking": "change tracking is off", "document_filter": "no document filter"}[
            habit
        ] in step.detail

    async def test_an_operation_that_is_not_in_the_port_is_named(self, tmp_path: Path) -> None:
        fewer = Contract("TEC_STG_PurchOrderService", "TEC_STG_PurchOrder", site.ORDERS.entity, ("StagingID",),
                         ("read", "getKeys"), site.TEMPURI)  # fmt: skip
        with opened() as (_, server):
            server.publish("OrderPort", (fewer,))
            step = await self.step(driver(server, tmp_path), orders())
            subject = driver(server, tmp_path)
            written = list(await subject.check([orders(changes=None, keys_by="getKeys")]))
            await subject.aclose()

        assert "does not expose the operation getChangedKeys" in step.detail
        assert "getKeys, read" in step.hint
        assert [each.ok for each in written if each.stream] == [True, False]
        assert "operation create" in written[-1].detail

    async def test_an_operation_that_was_taken_out_since_the_wsdl_was_kept_is_told(
        self, tmp_path: Path
    ) -> None:
        trouble = Trouble("getKeys$", times=9, status=500, body=NOT_SUPPORTED)
        with opened() as (_, server):
            server.troubles.append(trouble)
            step = await self.step(driver(server, tmp_path), orders())

        assert step.code == "configuration"
        assert "ContractFilter mismatch" in step.detail

    async def test_a_page_of_an_error_instead_of_soap_is_tried_again(self, tmp_path: Path) -> None:
        with opened() as (_, server):
            server.troubles.append(Trouble("getKeys$", status=500, body=b"<html>Server Error</html>"))
            step = await self.step(driver(server, tmp_path), orders())

        assert step.code == "transient"


NOT_SUPPORTED = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault'
    b' xmlns:a="http://schemas.microsoft.com/ws/2005/05/addressing/none"><faultcode>a:ActionNotSupported</faultcode>'
    b"<faultstring>The message with Action 'x' cannot be processed at the receiver, due to a ContractFilter mismatch."
    b"</faultstring></s:Fault></s:Body></s:Envelope>"
)
