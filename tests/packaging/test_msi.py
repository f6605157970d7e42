"""The Windows package: what it tells the installer, of a small bundle in the place of a real one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from defusedxml import ElementTree

from agent.service import plan
from tests.packaging_scripts import script

WIX = "{http://schemas.microsoft.com/wix/2006/wi}"
msi = script("windows_package")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "_internal" / "lib").mkdir(parents=True)
    for name in ("groundwire.exe", "installed", "_internal/a.dll", "_internal/lib/b.txt"):
        (folder / name).write_text(name)
    return folder


def described(bundle: Path, version: str = "1.2.3") -> Element:
    return ElementTree.fromstring(msi.wxs(bundle, version=version))


def test_the_service_is_the_one_that_the_program_knows(bundle):
    service = described(bundle).find(f".//{WIX}ServiceInstall")
    assert service is not None
    assert service.get("Name") == plan.NAME
    assert service.get("Account") == plan.ACCOUNT
    assert service.get("Arguments") == plan.command_line(["x.exe"]).removeprefix('"x.exe" ')
    assert service.get("Start") == "auto"
    assert msi.EVENT_SOURCE_KEY == plan.EVENT_SOURCE_KEY


def test_every_file_is_a_component_of_its_own_with_the_same_number_in_every_version(bundle):
    components = described(bundle).findall(f".//{WIX}Component")
    assert sorted(one.find(f"{WIX}File").get("Source") for one in components) == [
        "_internal/a.dll", "_internal/lib/b.txt", "groundwire.exe", "installed",
    ]  # fmt: skip
    numbers = [one.get("Guid") for one in components]
    assert len(set(numbers)) == len(numbers)
    assert [one.get("Guid") for one in described(bundle, "2.0.0").findall(f".//{WIX}Component")] == numbers


def test_no_secret_and_no_address_can_be_given_as_a_property(bundle):
    properties = [one.get("Id") for one in described(bundle).findall(f".//{WIX}Property")]
    assert properties == ["ARPNOMODIFY"]
    assert not any(
        "[" in (one.get("ExeCommand") or "") for one in described(bundle).iter(f"{WIX}CustomAction")
    )


def table(package: Path, name: str) -> list[list[str]]:
    said = subprocess.run(
        ["msiinfo", "export", str(package), name], capture_output=True, text=True, check=True
    )
    return [line.rstrip("\r").split("\t") for line in said.stdout.splitlines()[3:]]


@pytest.mark.skipif(
    not (shutil.which("wixl") and shutil.which("msiinfo")), reason="no wixl and msitools here"
)
def test_the_tables_of_the_package_are_what_the_installer_has_to_do(bundle, tmp_path):
    made = msi.build(bundle, tmp_path / "packages", version="1.2.3")

    assert made.name == "groundwire-1.2.3.msi"
    ((_, name, event, *_),) = table(made, "ServiceControl")
    assert (name, int(event)) == (plan.NAME, 0x2 | 0x20 | 0x80)  # stopped for both, deleted with the program
    ((_, kind, source, target, *_),) = table(made, "CustomAction")
    assert int(kind) == 18 | 0x400 | 0x800  # an installed program; deferred; as the system
    assert (source, target) == ("program", "service configure --start")
    order = {row[0]: int(row[2]) for row in table(made, "InstallExecuteSequence")}
    assert order["InstallServices"] < order["ConfigureService"] < order["InstallFinalize"]
    assert order["StopServices"] < order["RemoveFiles"] < order["InstallFiles"]
    upgrades = {row[-1]: row for row in table(made, "Upgrade")}
    assert upgrades["WIX_UPGRADE_DETECTED"][:3] == [f"{{{msi.UPGRADE_CODE}}}", "", "1.2.3"]
    assert "NOT WIX_DOWNGRADE_DETECTED" in {row[0] for row in table(made, "LaunchCondition")}
    keys = {row[2] for row in table(made, "Registry")}
    assert keys == {plan.EVENT_SOURCE_KEY}
