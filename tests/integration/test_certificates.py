"""A source's certificate from the handshake of a real driver, over its process, the agent and the tunnel, to the API."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from agent.clock import SystemClock
from agent.errors import DriverCrashed
from agent.hosting.driver import HostedDriver
from agent.model.run import rfc3339
from drivers.contract import Hop, HopCertificate
from tests.deployment import Deployment
from tests.integration.test_hosting_driver import CHILD
from tests.odata.orders import orders, writable_service
from tests.odata.server import ROOT, ODataServer

pytestmark = pytest.mark.integration

ENDS = SystemClock().utcnow().replace(microsecond=0) + timedelta(days=5, hours=1)
SECONDS = 60.0  # health is written every five


class Source:
    """An OData service over TLS, whose certificate ends soon."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.show_one_until(ENDS)
        self.server: ODataServer = writable_service(2)
        self.server.start(self._context)

    def show_one_until(self, ends: datetime) -> None:
        self._ca.issue_cert("localhost", not_after=ends).configure_cert(self._context)

    @property
    def options(self) -> dict[str, Any]:
        return {"url": self.server.url, "service": ROOT[1:], "ca_file": str(self.ca_file)}


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Source]:
    made = Source(tmp_path)
    yield made
    made.server.stop()


async def test_a_drivers_process_tells_of_it_once_and_of_the_renewed_one_with_the_next_handshake(
    source: Source,
) -> None:
    told: list[list[HopCertificate]] = []

    def hosted() -> HostedDriver:
        return HostedDriver(
            "erp",
            "odata",
            source.options,
            {},
            clock=SystemClock(),
            on_certificates=lambda certificates: told.append(list(certificates)),
        )

    first = hosted()
    await first.signpost(orders())
    await first.signpost(orders())
    await first.aclose()
    assert told == [[HopCertificate(Hop.SOURCE, ENDS)]]

    later = ENDS + timedelta(days=90)
    source.show_one_until(later)
    second = hosted()
    await second.signpost(orders())
    await second.aclose()
    assert told[1:] == [[HopCertificate(Hop.SOURCE, later)]]


async def test_a_child_that_tells_nonsense_of_certificates_is_ended() -> None:
    driver = HostedDriver(
        "erp", "faulty", {"mode": "odd_certificates"}, {}, clock=SystemClock(), child_command=CHILD
    )
    with pytest.raises(DriverCrashed, match="time zone"):
        await driver.describe()
    await driver.aclose()


def test_the_relays_api_and_the_agents_status_say_when_the_sources_certificate_ends(
    tmp_path: Path, source: Source
) -> None:
    connection = {
        "driver": "odata",
        "options": source.options,
        "sync": {"manual": True, "initial_window": "everything"},
        "streams": {
            "orders": {
                "entity": "purchase_order",
                "read": {"entity_set": "Orders", "replication_key": "Changed"},
                "map": {"orderNo": "OrderNo"},
            }
        },
    }
    with Deployment(tmp_path / "site") as site:
        site.connect("erp", connection)
        site.start_agent()
        assert {run["error"] for run in site.sync("erp")} == {None}
        status = site.call("status")
        health = wait_for_certificates(site)

    assert health["certificates"] == [{"hop": "source", "expiresAt": rfc3339(ENDS)}]
    (reason,) = [one for one in health["reasons"] if one["code"].startswith("certificate")]
    assert (reason["code"], reason["state"]) == ("certificate_urgent", "attention")
    assert "source ends in 5 days" in reason["message"]
    (finding,) = [one for one in status["verdict"]["findings"] if one["code"].startswith("certificate")]
    assert (finding["code"], finding["level"], finding["where"]) == ("certificate.urgent", "problem", "erp")
    assert status["relay"]["certificate_ends"] > rfc3339(ENDS)
    assert "localhost" not in str(health)  # names of hosts stay here


def wait_for_certificates(site: Deployment) -> dict[str, Any]:
    deadline = time.monotonic() + SECONDS
    while True:
        health: dict[str, Any] = site.get("/connections/erp/health")
        if health["certificates"] or time.monotonic() > deadline:
            return health
        time.sleep(0.1)
