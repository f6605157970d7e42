"""Every check that there is, in the order in which a person mends: docs/doctor.md lists them from here."""

from __future__ import annotations

from typing import Final

from agent.doctor import (
    account,
    certificates,
    clocks,
    configuration,
    credentials,
    disks,
    files,
    names,
    odbc,
    outbox,
    policies,
    proxies,
    relay,
    running,
    sap,
    services,
    sources,
    versions,
    zones,
)
from agent.doctor.check import KNOWN, Check, Known

CHECKS: Final[tuple[Check, ...]] = (
    configuration.CHECK,
    account.CHECK,
    files.CHECK,
    disks.CHECK,
    outbox.CHECK,
    running.CHECK,
    services.CHECK,
    names.CHECK,
    proxies.CHECK,
    clocks.CHECK,
    relay.CHECK,
    certificates.CHECK,
    credentials.CHECK,
    odbc.CHECK,
    sap.CHECK,
    sources.CHECK,
    policies.CHECK,
    zones.CHECK,
    versions.CHECK,
)


def every_known() -> tuple[Known, ...]:
    """Each finding that is not `ok`, of every check and of doctor itself."""
    return (*(one for check in CHECKS for one in check.known), *KNOWN)
