"""The Windows package: what it tells the installer, of a small bundle in the place of a real one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from defusedxml import ElementTree

from agent.cli import main
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
    properties = {one.get("Id") for one in described(bundle).findall(f".//{WIX}Property")}
    assert properties == {"ARPNOMODIFY", "QUOTE", "FOLDERBEFORE"}
    told = {name for one in msi.ACTIONS for name in re.findall(r"\[(\w+)\]", one.does)}
    assert told == {"WIX_UPGRADE_DETECTED", "START", "ANSWERS", "INSTALLDIR", "System64Folder"}
    assert not [one.name for one in msi.ACTIONS if "Repair" in one.name and "[" in one.does]


def test_what_is_told_stands_in_quotes_and_can_hold_none(bundle):
    """Else a part of it would be an option of the program's, which runs as the system."""
    assert all(f'"[{name}]"' in msi.ARRIVE for name in ("START", "ANSWERS", "WIX_UPGRADE_DETECTED"))
    conditions = [one.text for one in described(bundle).findall(f".//{WIX}Condition")]
    assert "NOT (ANSWERS >< QUOTE)" in conditions
    assert 'NOT START OR START ~= "no"' in conditions
    (quote,) = [
        one.get("Value") for one in described(bundle).iter(f"{WIX}Property") if one.get("Id") == "QUOTE"
    ]
    assert quote == '"'


def test_the_program_knows_every_action_of_the_package():
    for action in msi.ACTIONS:
        words = [word for word in action.does.split() if word.startswith("package")]
        if not words:
            continue
        _, name, *options = [word.strip('"') for word in action.does.split()]
        command = main.commands["package"].commands[name]
        known = {flag for one in command.params for flag in one.opts}
        assert {one for one in options if one.startswith("--")} <= known


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
    actions = {row[0]: row[1:4] for row in table(made, "CustomAction")}
    by_the_system = 0x400 | 0x800  # in the installation's script, not as whoever looks on
    whatever, on_the_way_back = 0x40, 0x100
    assert actions["Arrive"] == [str(18 | by_the_system), "program", msi.ARRIVE]
    assert actions["Leave"] == [str(18 | by_the_system), "program", "package leave"]
    assert actions["UndoLeave"] == [
        str(18 | by_the_system | whatever | on_the_way_back),
        "program",
        "package undo",
    ]
    assert actions["CloseProgram"][:2] == [str(34 | by_the_system), "System64Folder"]
    rows = {row[0]: row[1:3] for row in table(made, "InstallExecuteSequence")}
    order = {name: int(place) for name, (_, place) in rows.items()}
    assert order["InstallServices"] < order["Arrive"] < order["InstallFinalize"]
    assert order["StopServices"] < order["RemoveFiles"] < order["InstallFiles"]
    # The version before ends with its own drain, keeps what it needs, and comes back where the new one cannot be installed.
    assert order["UndoLeave"] < order["Leave"] < order["StopServices"]
    assert rows["Leave"][0] == 'REMOVE="ALL" AND UPGRADINGPRODUCTCODE'
    assert order["RemoveExistingProducts"] == order["InstallInitialize"] + 1
    # A folder of the administrator's own is closed before there is a file in it.
    assert order["CreateFolders"] < order["CloseProgram"] < order["InstallFiles"]
    assert [row[0] for row in table(made, "CreateFolder")] == ["INSTALLDIR"]
    # An upgrade finds the folder of the version before, unless it is told another.
    assert rows["FolderOfBefore"][0] == "FOLDERBEFORE AND NOT INSTALLDIR"
    assert order["AppSearch"] < order["FolderOfBefore"] < order["CostInitialize"]
    assert [row[1:] for row in table(made, "RegLocator")] == [["2", msi.PLACE_KEY, "InstallFolder", "18"]]
    properties = {row[0] for row in table(made, "Property")}
    assert not properties & {
        "ANSWERS",
        "START",
    }  # not there, so a repair that a user asks for cannot be told any
    assert {
        row[1].startswith("REINSTALL") for row in table(made, "InstallExecuteSequence") if "Repair" in row[0]
    } == {True}
    upgrades = {row[-1]: row for row in table(made, "Upgrade")}
    assert upgrades["WIX_UPGRADE_DETECTED"][:3] == [f"{{{msi.UPGRADE_CODE}}}", "", "1.2.3"]
    assert "NOT WIX_DOWNGRADE_DETECTED" in {row[0] for row in table(made, "LaunchCondition")}
    keys = {row[2] for row in table(made, "Registry")}
    assert keys == {plan.EVENT_SOURCE_KEY, msi.PLACE_KEY}
