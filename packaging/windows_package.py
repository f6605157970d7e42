"""The MSI, of a Windows bundle: `groundwire.wxs` is written for its files, and wixl makes the package of it.

wixl knows no recovery actions, service SIDs or access lists, and Microsoft's own tables for them do not work as said; the
program sets them itself (`groundwire service configure`), as an action of the installation.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
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
AFTER_INSTALL_SERVICES: Final = 5850  # which is 5800; services that an MSI starts are at 5900
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
    _add(product, "Property", Id="ARPNOMODIFY", Value="1")
    target = _add(product, "Directory", Id="TARGETDIR", Name="SourceDir")
    programs = _add(target, "Directory", Id="ProgramFiles64Folder")
    folder = _add(programs, "Directory", Id="INSTALLDIR", Name="Groundwire")
    feature = _add(product, "Feature", Id="Agent", Title="Groundwire agent", Level="1")
    for component in _tree(bundle, bundle, folder):
        _add(feature, "ComponentRef", Id=component)
    _actions(product)
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
    _add(component, "ServiceControl", Id="service", Name=SERVICE, Stop="both", Remove="uninstall", Wait="yes")


def _actions(product: ET.Element) -> None:
    """What the program does itself, as the system and not as whoever looks on."""
    _add(
        product, "CustomAction", Id="ConfigureService", FileKey="program", ExeCommand="service configure --start",
        Execute="deferred", Impersonate="no", Return="check",
    )  # fmt: skip
    sequence = _add(product, "InstallExecuteSequence")
    _add(
        sequence, "Custom", Action="ConfigureService", Sequence=str(AFTER_INSTALL_SERVICES)
    ).text = "NOT REMOVE"


def _add(parent: ET.Element, name: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, name, attributes)


def _id(kind: str, place: str) -> str:
    return f"{kind}{hashlib.sha256(place.encode()).hexdigest()[:24]}"
