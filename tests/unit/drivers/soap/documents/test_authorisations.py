"""What the administrator of AX opens for a connection: service operations of ports."""

from __future__ import annotations

from agent.systems import profile
from drivers.authorisations import grants_of
from drivers.contract import StreamSpec

PROFILE = profile("dynamics-ax2012")


def streams() -> list[StreamSpec]:
    return [
        StreamSpec(name, table["entity"], table["read"], write=table.get("write", {}))
        for name, table in PROFILE["streams"].items()
    ]


def test_each_operation_that_a_profile_calls_is_listed_once_with_who_calls_it() -> None:
    found = {
        (each.object, each.values[0]): (each.read_by, each.written_by)
        for each in grants_of("soap", streams(), PROFILE["options"]) or ()
    }

    assert found["inbound port VendorService", "findKeys"] == (("vendors",), ())
    assert found["inbound port VendorService", "create"] == ((), ("vendors",))
    assert found["inbound port TECPurchOrderService", "getChangedKeys"] == (("purchase_orders",), ())
    assert found["inbound port TECPurchOrderService", "find"] == ((), ("purchase_orders",))
    assert ("inbound port ItemService", "create") not in found
    assert ("inbound port VendorService", "delete") not in found
