"""Versions that are known to be bad, with where that is written down: `BAD` is the table of docs/doctor.md."""

from __future__ import annotations

import platform
import re
import shutil
import ssl
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Final

import apsw

from agent.beside import beside
from agent.doctor.check import Check, Known, Told
from agent.doctor.installation import Installation
from agent.doctor.patience import patient
from agent.findings import Level
from agent.version import VERSION

TOOL_SECONDS: Final = 2.0
Parts = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bad:
    what: str
    first: str  # the first version with the fault
    mended: str  # the first one without it
    fault: str
    link: str


BAD: Final = (
    Bad(
        "SQLite",
        "3.7.0",
        "3.51.3",
        "a write-ahead log that is reset while another connection checkpoints can damage the file",
        "https://sqlite.org/wal.html#walresetbug",
    ),
    Bad(
        "OpenSSL",
        "3.0.0",
        "3.0.7",
        "CVE-2022-3602 and CVE-2022-3786: a certificate can overflow a buffer while it is checked",
        "https://openssl-library.org/news/secadv/20221101.txt",
    ),
    Bad(
        "pyarrow",
        "0.14.0",
        "14.0.1",
        "CVE-2023-47248: reading Arrow data can run code that came with it",
        "https://nvd.nist.gov/vuln/detail/CVE-2023-47248",
    ),
    Bad(
        "unixODBC",
        "2.0.0",
        "2.3.7",
        "a driver manager that ends the process, seen with pyodbc when results are read",
        "https://github.com/mkleehammer/pyodbc/issues/614",
    ),
)
_PACKAGES: Final = (
    "pyarrow",
    "cryptography",
    "pyodbc",
    "arrow-odbc",
    "websockets",
    "apsw",
    "pyrfcx",
    "saprfclib",
)

KNOWN: Final = (
    Known(
        "versions.bad",
        Level.WARNING,
        "A library is of a version with a known fault that matters here",
        "Install a newer one: mostly by upgrading Groundwire; OpenSSL and Python come from the operating system or the image.",
    ),
    Known(
        "versions.narrow",
        Level.WARNING,
        "This Python has 32 bits: its memory is small, and native drivers must have 32 bits as well",
        "Install a Python of 64 bits, and the ODBC drivers and the SAP SDK of 64 bits.",
    ),
)


def bad_ones(versions: Mapping[str, str]) -> list[tuple[Bad, str]]:
    """Pure: the rows of the table that hold for these versions."""
    return [
        (bad, versions[bad.what])
        for bad in BAD
        if bad.what in versions and _parts(bad.first) <= _parts(versions[bad.what]) < _parts(bad.mended)
    ]


def versions_here() -> dict[str, str]:
    found = {
        "Groundwire": VERSION,
        "Python": platform.python_version(),
        "SQLite": apsw.sqlite_lib_version(),
        "OpenSSL": " ".join(ssl.OPENSSL_VERSION.split()[1:2]),
    }
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _parts(version: str) -> Parts:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _unixodbc() -> dict[str, str]:
    """By its own tool: the library does not tell before a driver is loaded."""
    tool = shutil.which("odbcinst")
    if tool is None:
        return {}
    try:
        done = subprocess.run(  # noqa: S603 - the tool that comes with unixODBC, and asks nothing of anybody
            [tool, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patient(TOOL_SECONDS),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found = re.search(rb"unixODBC (\d+(?:\.\d+)+)", done.stdout)
    return {"unixODBC": found[1].decode()} if found else {}


async def check_versions(installation: Installation, told: Told) -> None:
    versions = versions_here()
    if any(one.driver == "odbc" for one in installation.connections):
        versions |= await beside(_unixodbc, name="versions")
    for bad, version in bad_ones(versions):
        told.found(
            "bad",
            bad.what,
            f"{bad.what} {version}: {bad.fault}",
            evidence=f"mended in {bad.mended}; {bad.link}",
        )
    bits = struct.calcsize("P") * 8
    if bits < 64:  # noqa: PLR2004 - bits of a pointer
        told.found("narrow", sys.executable, f"this Python has {bits} bits")
    told.fine(
        "this host", "versions were looked at", ", ".join(f"{name} {one}" for name, one in versions.items())
    )


CHECK: Final = Check("versions", "versions with known faults", check_versions, KNOWN)
