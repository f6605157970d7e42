from __future__ import annotations

from agent.systems import known, profile

from .conftest import Shell


def test_every_system_is_listed_with_its_driver(shell: Shell) -> None:
    shell.write("systems/acme/system.toml", 'driver = "odbc"\n[streams.vendors]\nentity = "vendor"\n')

    found = {each["system"]: each for each in shell.json("system", "list")["systems"]}

    assert found.keys() == {*known(), "acme"}
    assert (found["acme"]["driver"], found["acme"]["streams"]) == ("odbc", ["vendors"])
    assert "sap-ecc" in shell.run("system", "list").output


def test_the_list_names_what_the_profile_calls_and_reads_and_who_needs_it(shell: Shell) -> None:
    grants = shell.json("system", "authorisations", "sap-ecc")["grants"]

    found = {each["anyOf"][0]: each for each in grants}
    assert found["BAPI_PO_CREATE1"]["object"] == "S_RFC"
    assert found["BAPI_PO_CREATE1"]["writtenBy"] == ["purchase_orders"]
    assert found["JCDS"]["object"] == "S_TABU_NAM"
    assert set(found["JCDS"]["readBy"]) == {"work_orders", "equipment", "functional_locations"}
    tables = {stream["read"]["table"] for stream in profile("sap-ecc")["streams"].values()}
    assert tables <= found.keys()
    assert len(found["RFC_READ_TABLE"]["anyOf"]) > 1  # one reader is enough


def test_the_table_says_which_objects_and_what_for(shell: Shell) -> None:
    lines = shell.run("system", "authorisations", "sap-ecc").output.splitlines()

    assert any(
        "S_RFC" in line and "BAPI_EQUI_CHANGE" in line and "equipment (write)" in line for line in lines
    )
    assert any("S_TABU_NAM" in line and "TCURX" in line and "always" in line for line in lines)


def test_without_writes_nothing_that_writes_is_asked_for(shell: Shell) -> None:
    grants = shell.json("system", "authorisations", "sap-ecc", "--read-only")["grants"]

    assert not any(value.startswith("BAPI_") for each in grants for value in each["anyOf"])
    assert not any(each["writtenBy"] for each in grants)


def test_of_odata_each_service_is_named_with_what_is_read_and_written_in_it(shell: Shell) -> None:
    grants = shell.json("system", "authorisations", "sap-s4hana")["grants"]

    services = {each["anyOf"][0]: each for each in grants if each["object"] == "S_SERVICE"}
    paths = {stream["read"]["service"] for name, stream in profile("sap-s4hana")["streams"].items() if stream.get("enabled", True)}  # fmt: skip
    assert {path.rpartition("/")[2] for path in paths} <= services.keys()
    assert services["API_MATERIAL_STOCK_SRV"]["readBy"] == ["inventory_items"]
    uses = {(each["object"], each["fields"], each["anyOf"][0]): each for each in grants}
    read = uses["API_PURCHASEORDER_PROCESS_SRV", "read", "A_PurchaseOrder/to_PurchaseOrderItem"]
    assert (read["readBy"], read["writtenBy"]) == (["purchase_orders"], [])
    made = uses["API_PURCHASEORDER_PROCESS_SRV", "create", "A_PurchaseOrder"]
    assert (made["readBy"], made["writtenBy"]) == ([], ["purchase_orders"])
    assert uses["API_MAINTENANCEORDER", "call", "ReleaseMaintenanceOrder"]["writtenBy"] == ["work_orders"]


def test_of_a_v4_service_of_sap_its_group_is_named(shell: Shell) -> None:
    stream = (
        '[streams.orders]\nentity = "purchase_order"\n[streams.orders.read]\nentity_set = "PurchaseOrder"\n'
    )
    path = "odata4/sap/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001"
    shell.write("systems/mine/system.toml", f'driver = "odata"\n[options]\nservice = "{path}"\n{stream}')

    grants = shell.json("system", "authorisations", "mine")["grants"]

    assert [(each["object"], each["anyOf"]) for each in grants] == [
        ("S_SERVICE", ["API_PURCHASEORDER_2"]),
        ("API_PURCHASEORDER_2", ["PurchaseOrder"]),
    ]


def test_of_business_one_only_sets_are_named_and_without_writes_only_reads(shell: Shell) -> None:
    grants = shell.json("system", "authorisations", "sap-business-one", "--read-only")["grants"]

    assert {each["fields"] for each in grants} == {"read"}
    assert {"Items", "PurchaseOrders/DocumentLines", "BusinessPartners"} <= {
        each["anyOf"][0] for each in grants
    }


def test_a_system_of_another_driver_has_no_list(shell: Shell) -> None:
    shell.write("systems/mine/system.toml", 'driver = "sandbox"\n[streams.vendors]\nentity = "vendor"\n')

    found = shell.run("system", "authorisations", "mine")

    assert found.exit_code == 3
    assert "the driver sandbox" in found.stderr


def test_an_unknown_system_is_refused_with_those_that_are_known(shell: Shell) -> None:
    found = shell.run("system", "authorisations", "sap-r2")

    assert found.exit_code == 3
    assert "sap-ecc" in found.stderr


def test_a_profile_of_ones_own_is_read_and_its_mistake_named(shell: Shell) -> None:
    stream = '[streams.vendors]\nentity = "vendor"\n[streams.vendors.read]\n'
    shell.write("systems/mine/system.toml", f'driver = "rfc"\n{stream}table = "LFA1"\ncolums = ["LIFNR"]\n')

    found = shell.run("system", "authorisations", "mine")

    assert found.exit_code == 3
    assert "streams.vendors.read" in found.stderr
