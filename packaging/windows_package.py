"""The MSI, of a Windows bundle: `groundwire.wxs` is written for its files, and wixl makes the package of it.

wixl knows no recovery actions, service SIDs or access lists, and Microsoft's own tables for them do not work as said; the
program sets them itself, in actions of the installation (`groundwire package`, agent/service/package.py). Nor does it know
actions for the way back, programs of Windows as actions, and when the version before is removed: these are put into the
finished package's tables.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

EXECUTABLE: Final = "groundwire.exe"
SERVICE: Final = (
    "Groundwire"  # as agent/service/plan.py has it; tests/packaging/test_msi.py holds them together
)
ACCOUNT: Final = r"NT SERVICE\Groundwire"
EVENT_SOURCE_KEY: Final = rf"SYSTEM\CurrentControlSet\Services\EventLog\Application\{SERVICE}"
EVENT_MESSAGES: Final = "[System64Folder]EventCreate.exe"
UPGRADE_CODE: Final = (
    "5D7C0C6B-6B1C-4C5B-9C1E-0F4B7E5B9E11"  # never changes: by it an MSI finds what it replaces
)
_NAMESPACE: Final = "http://schemas.microsoft.com/wix/2006/wi"
_COMPONENTS: Final = uuid.UUID(UPGRADE_CODE)
PLACE_KEY: Final = r"SOFTWARE\Groundwire"  # where an installation notes its folder for the next one
# Of an action: a program that the package installs, or one in a folder; run from the installation's script, or from that of
# its way back; as the system; whatever it ends with.
_OURS, _WINDOWS, _SCRIPT, _BACK, _SYSTEM, _WHATEVER = 18, 34, 0x400, 0x100, 0x800, 0x40
# A folder of one's own is not closed by the one above it, as Program Files closes: system, administrators, and users that
# may start what is in it.
CLOSING: Final = (
    '"[System64Folder]icacls.exe" "[INSTALLDIR]." /inheritance:r /grant:r *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F '
    "*S-1-5-32-545:(OI)(CI)RX"
)
# By what it was told: a file of answers in quotes, and nothing behind it that could be taken for a part of its name.
ARRIVE: Final = 'package arrive --upgrade "[WIX_UPGRADE_DETECTED]" --start "[START]" --answers "[ANSWERS]"'
# By Windows Installer the version that goes is told which one comes. Wine does not say it: there an upgrade is a removal, of
# which nothing is kept, and behind it the service starts where the agent is enrolled.
_NEW, _REPAIR = "NOT Installed AND NOT REMOVE", "REINSTALL AND NOT REMOVE"
_REPLACED, _GONE = 'REMOVE="ALL" AND UPGRADINGPRODUCTCODE', 'REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE'


@dataclass(frozen=True, slots=True)
class Action:
    """`at` is its place: services are stopped at 1900 and installed at 5800, files removed at 3500 and installed at 4000."""

    name: str
    at: int
    when: str
    does: str
    kind: int = _OURS | _SCRIPT | _SYSTEM
    source: str = "program"

    def queries(self) -> list[str]:
        made = f"VALUES ('{self.name}', {self.kind}, '{self.source}', '{self.does}')"
        when = f"VALUES ('{self.name}', '{self.when}', {self.at})"
        return [
            f"INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) {made}",
            f"INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) {when}",
        ]


ACTIONS: Final = (
    # The version that goes. Where it cannot keep what the way back needs, the installation ends here.
    Action("UndoLeave", 1885, _REPLACED, "package undo", _OURS | _SCRIPT | _BACK | _SYSTEM | _WHATEVER),
    Action("Leave", 1890, _REPLACED, "package leave"),
    Action("LeaveForRepair", 1891, _REPAIR, "package leave --repair", _OURS | _SCRIPT | _SYSTEM | _WHATEVER),
    Action("Remove", 1892, _GONE, "package remove", _OURS | _SCRIPT | _SYSTEM | _WHATEVER),
    # The version that comes.
    Action(
        *("CloseProgram", 3710, "NOT REMOVE AND NOT (INSTALLDIR ~<< ProgramFiles64Folder)", CLOSING),
        kind=_WINDOWS | _SCRIPT | _SYSTEM, source="System64Folder",
    ),
    Action("Arrive", 5850, _NEW, ARRIVE),
    # Who asks for a repair need not be an administrator, and nothing of what is asked is told to the program.
    Action("ArriveRepaired", 5851, _REPAIR, "package arrive --upgrade repair"),
)  # fmt: skip
# What is told and cannot be meant, before anything is touched.
CONDITIONS: Final = {
    'NOT START OR START ~= "no"': "START is no, or left out.",
    "NOT (ANSWERS >< QUOTE)": "ANSWERS is the whole path of a file, without quotes in it.",
}
# Within the installation's own script: one that fails brings the version before back.
_REMOVE_EXISTING: Final = (
    "UPDATE `InstallExecuteSequence` SET `Sequence`=1501 WHERE `Action`='RemoveExistingProducts'"
)
# The half of the registry that the package writes to.
_OF_64_BITS: Final = "UPDATE `RegLocator` SET `Type`=18 WHERE `Signature_`='FolderBefore'"
OLDER: Final = "A newer Groundwire is installed. Remove it first, if this older one is meant."


def build(bundle: Path, into: Path, *, version: str) -> Path:
    """Raises CalledProcessError."""
    into.mkdir(parents=True, exist_ok=True)
    made = into / f"groundwire-{version}.msi"
    with tempfile.TemporaryDirectory(prefix="groundwire-msi-") as work:
        source = Path(work, "groundwire.wxs")
        source.write_bytes(wxs(bundle, version=version))
        subprocess.run(
            ["wixl", "--arch", "x64", "--output", str(made.absolute()), str(source)], cwd=bundle, check=True
        )
    for query in [
        _REMOVE_EXISTING,
        _OF_64_BITS,
        *(query for action in ACTIONS for query in action.queries()),
    ]:
        subprocess.run(["msibuild", str(made), "-q", query], check=True)
    return made


def wxs(bundle: Path, *, version: str) -> bytes:
    """The package's description, with every file of the bundle."""
    root = ET.Element("Wix", xmlns=_NAMESPACE)
    product = _add(
        root, "Product", Id="*", Name="Groundwire", Language="1033", Version=version, Manufacturer="Groundwire",
        UpgradeCode=UPGRADE_CODE,
    )  # fmt: skip
    _add(product, "Package", InstallerVersion="500", Compressed="yes", InstallScope="perMachine")
    _add(product, "MajorUpgrade", DowngradeErrorMessage=OLDER)
    _add(product, "MediaTemplate", EmbedCab="yes")
    target = _add(product, "Directory", Id="TARGETDIR", Name="SourceDir")
    programs = _add(target, "Directory", Id="ProgramFiles64Folder")
    folder = _add(programs, "Directory", Id="INSTALLDIR", Name="Groundwire")
    _add(target, "Directory", Id="System64Folder")
    feature = _add(product, "Feature", Id="Agent", Title="Groundwire agent", Level="1")
    for component in _tree(bundle, bundle, folder):
        _add(feature, "ComponentRef", Id=component)
    _properties(product)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _tree(bundle: Path, here: Path, element: ET.Element) -> Iterator[str]:
    """A component for each file, as the installer counts them; its id is of the path, the same in every version."""
    for path in sorted(here.iterdir()):
        place = path.relative_to(bundle).as_posix()
        if path.is_dir():
            below = _add(element, "Directory", Id=_id("d", place), Name=path.name)
            yield from _tree(bundle, path, below)
            continue
        component = _add(
            element,
            "Component",
            Id=_id("c", place),
            Guid=str(uuid.uuid5(_COMPONENTS, place)).upper(),
            Win64="yes",
        )
        file = "program" if place == EXECUTABLE else _id("f", place)
        _add(component, "File", Id=file, Name=path.name, Source=place, KeyPath="yes")
        if place == EXECUTABLE:
            _add(component, "CreateFolder")  # there before its files, to be closed
            _service(component)
        yield _id("c", place)


def _service(component: ET.Element) -> None:
    _add(
        component, "ServiceInstall", Id="service", Name=SERVICE, DisplayName="Groundwire agent", Type="ownProcess",
        Start="auto", ErrorControl="normal", Vital="yes", Account=ACCOUNT, Arguments="service run",
    )  # fmt: skip
    source = {"Root": "HKLM", "Key": EVENT_SOURCE_KEY}
    _add(component, "RegistryValue", **source, Name="EventMessageFile", Type="string", Value=EVENT_MESSAGES)
    _add(component, "RegistryValue", **source, Name="TypesSupported", Type="integer", Value="7")
    _add(
        *(component, "RegistryValue"), Root="HKLM", Key=PLACE_KEY, Name="InstallFolder", Type="string",
        Value="[INSTALLDIR]",
    )  # fmt: skip
    _add(component, "ServiceControl", Id="service", Name=SERVICE, Stop="both", Remove="uninstall", Wait="yes")


def _properties(product: ET.Element) -> None:
    """None of them is a secret: they stand in the installer's log, and in its command line for every program to read."""
    _add(product, "Property", Id="ARPNOMODIFY", Value="1")
    _add(product, "Property", Id="QUOTE", Value='"')
    before = _add(product, "Property", Id="FOLDERBEFORE")
    _add(
        before,
        "RegistrySearch",
        Id="FolderBefore",
        Root="HKLM",
        Key=PLACE_KEY,
        Name="InstallFolder",
        Type="raw",
    )
    for condition, message in CONDITIONS.items():
        _add(product, "Condition", Message=message).text = condition
    # An upgrade goes where the version before lies, unless it is told another place.
    _add(
        product,
        "CustomAction",
        Id="FolderOfBefore",
        Property="INSTALLDIR",
        Value="[FOLDERBEFORE]",
        Impersonate="yes",
    )
    sequence = _add(product, "InstallExecuteSequence")
    _add(sequence, "Custom", Action="FolderOfBefore", Sequence="60").text = "FOLDERBEFORE AND NOT INSTALLDIR"


def _add(parent: ET.Element, name: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, name, attributes)


def _id(kind: str, place: str) -> str:
    return f"{kind}{hashlib.sha256(place.encode()).hexdigest()[:24]}"
