from __future__ import annotations

from drivers.authorisations import Grant, grants_of
from tests.sap_odata.connections import streams


def test_each_data_project_is_named_with_its_entities_and_who_needs_it() -> None:
    found = grants_of("dmf", [each.spec for each in streams("dynamics-fo-onpremises").values()])

    assert found is not None
    assert {
        Grant("data project Groundwire vendors", "export, full push", ("Vendors V2",), ("vendors",)),
        Grant("data project Groundwire vendors import", "import", ("Vendors V2",), (), ("vendors",)),
    } <= set(found)
    lines = ("Purchase order lines V2",)
    assert [each.fields for each in found if each.values == lines] == ["export, full push", "import"]
    assert not [each for each in found if each.written_by and each.fields != "import"]
