"""Which drivers there are. A driver is chosen by name from this list, never imported by a name from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivers.contract import BadConfiguration, Driver, SecretKeeper, SeenCertificate, unseen


def names() -> tuple[str, ...]:
    return ("dmf", "netsuite", "odata", "odbc", "rfc", "sandbox", "soap")


def create(
    driver: str,
    *,
    connection: str,
    options: Mapping[str, Any],
    secrets: Mapping[str, str],
    keeper: SecretKeeper | None = None,  # noqa: ARG001 - for a driver whose source rotates secrets
    seen: SeenCertificate = unseen,
) -> Driver:
    """Build the driver of one connection. Imports it only now: another connection's native library is not loaded.

    `seen` is told of the certificates that its hops show. `secrets` holds revealed values; a driver must never put one in an error, a log line or a repr.
    Raises BadConfiguration for an unknown driver or unusable options. Connects to nothing.
    """
    made: Driver
    match driver:
        case "dmf":
            from drivers.dmf.driver import DmfDriver  # noqa: PLC0415 - only where it is used

            made = DmfDriver(connection, options, secrets, seen=seen)
        case "netsuite":
            from drivers.netsuite.driver import NetSuiteDriver  # noqa: PLC0415 - only where it is used

            made = NetSuiteDriver(connection, options, secrets, seen=seen)
        case "odata":
            from drivers.odata.driver import ODataDriver  # noqa: PLC0415 - only where it is used

            made = ODataDriver(connection, options, secrets, seen=seen)
        case "odbc":
            from drivers.odbc.driver import OdbcDriver  # noqa: PLC0415 - loads the ODBC driver manager

            made = OdbcDriver(connection, options, secrets)
        case "rfc":
            from drivers.rfc.driver import RfcDriver  # noqa: PLC0415 - may load SAP's library

            made = RfcDriver(connection, options, secrets, seen=seen)
        case "sandbox":
            from drivers.sandbox.driver import SandboxDriver  # noqa: PLC0415 - only where it is used

            made = SandboxDriver(connection, options, secrets)
        case "soap":
            from drivers.soap.driver import soap_driver  # noqa: PLC0415 - only where it is used

            made = soap_driver(connection, options, secrets, seen=seen)
        case _:
            raise BadConfiguration(
                f"there is no driver named {driver!r}",
                where="connection.driver",
                hint=f"Choose one of: {', '.join(names())}.",
            )
    return made
