"""What `groundwire system authorisations` lists is what the shipped profile really asks the services for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from drivers.authorisations import grants_of
from drivers.contract import OperationKind, OutcomeStatus, WriteCommand
from drivers.odata.driver import ODataDriver
from tests.sap_odata.connections import documents, s4hana, streams
from tests.sap_odata.gateway import V2_ROOT, Gateway
from tests.sap_odata.web import Request

STREAMS = streams("sap-s4hana")
NAMES = [name for name in STREAMS if name != "purchase_orders_v4"]


@pytest.fixture
async def driver(gateway: Gateway) -> AsyncIterator[ODataDriver]:
    made = s4hana(gateway)
    yield made
    await made.aclose()


def listed(*names: str) -> set[tuple[str, str, str]]:
    """Service, action and name."""
    found = grants_of("odata", [STREAMS[name].spec for name in names])
    assert found is not None
    return {(each.object, each.fields, each.values[0]) for each in found if each.object != "S_SERVICE"}


def recorded(gateway: Gateway) -> set[tuple[str, str, str]]:
    """What is asked for from now on. Requests of a changeset are those of its batch."""
    asked: set[tuple[str, str, str]] = set()
    answer = gateway.answer

    def recording(request: Request) -> Any:
        asked.update(_uses(request))
        return answer(request)

    gateway.answer = recording  # type: ignore[method-assign]
    return asked


def _uses(request: Request) -> set[tuple[str, str, str]]:
    service, _, rest = request.path.removeprefix(f"{V2_ROOT}/").partition("/")
    entity_set = rest.partition("(")[0]
    if not entity_set or entity_set.startswith("$"):
        return set()
    action = {"GET": "read", "POST": "create", "DELETE": "delete"}.get(request.method, "update")
    ways = [each for each in request.query.get("$expand", "").split(",") if each and action == "read"]
    steps = {"/".join(way.split("/")[:count]) for way in ways for count in range(1, way.count("/") + 2)}
    return {(service, action, entity_set), *((service, action, f"{entity_set}/{way}") for way in steps)}


@pytest.mark.parametrize("name", NAMES)
async def test_a_stream_reads_the_sets_of_the_list_and_no_others(
    gateway: Gateway, driver: ODataDriver, name: str
) -> None:
    asked = recorded(gateway)

    await documents(driver, STREAMS[name])

    assert asked == {each for each in listed(name) if each[1] == "read"} - _for_writes(name)


def _for_writes(name: str) -> set[tuple[str, str, str]]:
    found = grants_of("odata", [STREAMS[name].spec]) or ()
    return {(each.object, each.fields, each.values[0]) for each in found if not each.read_by}


async def test_a_write_asks_for_nothing_outside_the_list(gateway: Gateway, driver: ODataDriver) -> None:
    asked = recorded(gateway)
    order: dict[str, Any] = {
        "vendorKey": "1000001",
        "organizationKey": "1010",
        "customFields": {"purchasingOrganization": "1010", "purchasingGroup": "001"},
        "lineItems": [{"materialKey": "TG0001", "locationKey": "1010", "quantity": "3"}],
    }
    spec = STREAMS["purchase_orders"].spec

    done = await driver.execute(WriteCommand(OperationKind.CREATE, spec.entity, order, "cmd-1", spec))

    assert done.status is OutcomeStatus.SUCCEEDED
    assert ("API_PURCHASEORDER_PROCESS_SRV", "create", "A_PurchaseOrder") in asked
    assert asked <= listed("purchase_orders")
