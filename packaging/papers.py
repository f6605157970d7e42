"""What a bundle says of itself: a bill of materials, the licences of everything inside, and a hash of each file."""

from __future__ import annotations

import fnmatch
import hashlib
import re
import sqlite3
import ssl
import subprocess
import sys
import sysconfig
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_string
from email.message import Message
from pathlib import Path
from typing import Final

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from version import version_of

BILL: Final = "sbom.cdx.json"
LICENCES: Final = "LICENCES.txt"
SUMS: Final = "SHA256SUMS"
_NAMESPACE: Final = uuid.UUID("6f1d9f0e-0f55-5c7e-9c40-0d9a6c6e7c11")
_NOTES: Final = (".dist-info", ".egg-info")
_NO_NOTES: Final = frozenset({"METADATA", "entry_points.txt"})
_RULE: Final = "=" * 100
_DOCUMENTED_AS: Final = {"openssl": ("libssl3", "libssl3t64", "libssl-dev")}
_DOCUMENTS: Final = "usr/share/doc"  # where Debian keeps a package's licence
# What CPython for Windows brings, by its file: the name, and the licence, whose text stands in CPython's own there.
_WITH_PYTHON_ON_WINDOWS: Final = {
    "libcrypto-*.dll": ("openssl", "Apache-2.0"),
    "libffi-*.dll": ("libffi", "MIT"),
    "sqlite3.dll": ("sqlite", "public domain"),
    "vcruntime140.dll": ("Microsoft Visual C++ runtime", "Microsoft's, for redistribution"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One component."""

    name: str
    version: str
    licence: str  # as its author words it
    texts: tuple[str, ...]
    kind: str = "pypi"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where it was frozen: a system with its packages, and a Python."""

    system: Path
    library: Path  # where Python's licence lies
    python: str
    openssl: str


def here() -> Origin:
    """This system, and the Python that runs this."""
    python = ".".join(map(str, sys.version_info[:3]))
    library = Path(sys.base_prefix if sys.platform == "win32" else sysconfig.get_path("stdlib"))
    return Origin(Path("/"), library, python, ssl.OPENSSL_VERSION.split()[1])


def write(root: Path, made: Path, epoch: int, origin: Origin) -> None:
    """Put them into the bundle. Called last: the hashes are of everything else."""
    parts = sorted(
        [
            *_distributions(made),
            *_from_the_system(made, origin),
            *_with_python(made, origin),
            _python(origin),
        ],
        key=lambda one: one.name.lower(),
    )
    (made / LICENCES).write_text(_licences(parts), "utf-8")
    (made / BILL).write_text(_bill(parts, version_of(root), epoch), "utf-8")
    (made / SUMS).write_text(_sums(made), "utf-8")


def _distributions(made: Path) -> Iterator[Part]:
    for folder in sorted((made / "_internal").glob("*.dist-info")):
        notes = message_from_string((folder / "METADATA").read_text("utf-8"))
        texts = [
            file.read_text("utf-8", "replace")
            for file in sorted(folder.rglob("*"))
            if file.is_file() and file.name not in _NO_NOTES
        ]
        yield Part(str(notes["Name"]), str(notes["Version"]), _licence_of(notes), tuple(texts))


def _licence_of(notes: Message) -> str:
    if expression := notes["License-Expression"]:
        return str(expression)
    classed = [
        value.rpartition(" :: ")[2]
        for value in notes.get_all("Classifier", [])
        if value.startswith("License ::")
    ]
    named = str(notes["License"] or "").strip().partition("\n")[0]
    return ", ".join(classed) or named or "see its text"


def _python(origin: Origin) -> Part:
    text = (origin.library / "LICENSE.txt").read_text("utf-8")
    return Part("CPython", origin.python, "PSF-2.0", (text,), "generic")


def _with_python(made: Path, origin: Origin) -> Iterator[Part]:
    """On Windows: libraries that no distribution and no package of the system holds."""
    there = {file.name.lower(): file for file in (made / "_internal").glob("*.dll")}
    known = {"openssl": origin.openssl, "sqlite": sqlite3.sqlite_version}
    for pattern, (name, licence) in _WITH_PYTHON_ON_WINDOWS.items():
        for file in fnmatch.filter(there, pattern):
            version = known.get(name) or re.sub(r"\D", "", Path(file).stem)
            yield Part(name, version, licence, (), "generic")


def _from_the_system(made: Path, origin: Origin) -> Iterator[Part]:
    """The libraries of the build's system, by the package that they came from."""
    packages: dict[str, str] = {}
    for file in sorted((made / "_internal").glob("gw_*.so*")):
        name = "lib" + file.name.removeprefix("gw_")
        if name.startswith(("libssl", "libcrypto")):
            packages["openssl"] = origin.openssl
        elif found := _package_of(name, origin.system):
            packages[found[0]] = found[1]
        else:
            raise LookupError(f"nobody knows where {name} came from")
    for name, version in packages.items():
        places = (
            origin.system / _DOCUMENTS / one / "copyright" for one in (name, *_DOCUMENTED_AS.get(name, ()))
        )
        text = next(file.read_text("utf-8", "replace") for file in places if file.is_file())
        yield Part(name, version, "see its text", (text,), "generic" if name == "openssl" else "deb")


def _package_of(library: str, system: Path) -> tuple[str, str] | None:
    query = ["dpkg-query", "--admindir", str(system / "var/lib/dpkg")]
    told = subprocess.run([*query, "-S", f"*/{library}*"], capture_output=True, text=True, check=False).stdout
    for line in told.splitlines():
        package, _, file = line.partition(": ")
        if Path(file).name.startswith(library) and not file.startswith("/usr/share"):
            asked = [*query, "-W", "-f", "${Package}\t${Version}\n", package.split(",")[0]]
            name, version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
            return name, version
    return None


def _licences(parts: list[Part]) -> str:
    head = (
        "Groundwire is licensed under the Apache License 2.0. The bundle holds these components, each under its own\n"
        "licence, whose texts follow as their authors give them.\n"
    )
    table = "\n".join(f"  {one.name} {one.version}: {one.licence}" for one in parts)
    texts = "".join(
        f"\n{_RULE}\n{one.name} {one.version}\n{_RULE}\n\n{text.strip()}\n"
        for one in parts
        for text in one.texts
    )
    return f"{head}\n{table}\n{texts}"


def _bill(parts: list[Part], version: str, epoch: int) -> str:
    program = Component(
        name="groundwire", version=version, type=ComponentType.APPLICATION, bom_ref="groundwire"
    )
    program.licenses.add(LicenseExpression("Apache-2.0"))
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, repr(parts) + version))
    bom.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    bom.metadata.component = program
    for one in parts:
        made = Component(
            name=one.name,
            version=one.version,
            type=ComponentType.LIBRARY,
            bom_ref=f"{one.name}=={one.version}",
            purl=PackageURL(one.kind, "debian" if one.kind == "deb" else None, one.name, one.version),
        )
        made.licenses.add(DisjunctiveLicense(name=one.licence))
        bom.components.add(made)
    bom.register_dependency(program, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _sums(made: Path) -> str:
    """As `sha256sum -c` reads it, from within the folder."""
    files = (file for file in sorted(made.rglob("*")) if file.is_file() and not file.is_symlink())
    return "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(made).as_posix()}\n"
        for file in files
        if file.name != SUMS
    )
