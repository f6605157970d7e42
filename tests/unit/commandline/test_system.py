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


def test_a_system_of_another_driver_has_no_list(shell: Shell) -> None:
    found = shell.run("system", "authorisations", "sap-s4hana")

    assert found.exit_code == 3
    assert "docs/systems/sap-s4hana.md" in found.stderr


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
