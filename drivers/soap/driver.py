"""`soap`: chooses between the kinds of services. Each is a Driver of its own over the same core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drivers.contract import BadConfiguration, Driver, SeenCertificate, unseen

KINDS: Final = ("nav-pages", "ax-documents")


def soap_driver(
    connection: str,
    options: Mapping[str, Any],
    secrets: Mapping[str, str],
    *,
    seen: SeenCertificate = unseen,
) -> Driver:
    """Raises BadConfiguration for an unknown kind or unusable options. Connects to nothing."""
    services = options.get("services")
    if services == "ax-documents":
        from drivers.soap.documents.driver import DocumentsDriver  # noqa: PLC0415 - only where it is used

        return DocumentsDriver(connection, options, secrets, seen=seen)
    if services == "nav-pages":
        from drivers.soap.pages.driver import PagesDriver  # noqa: PLC0415 - only where it is used

        return PagesDriver(connection, options, secrets, seen=seen)
    raise BadConfiguration(
        f"there is no kind of SOAP services {services!r}",
        where="options.services",
        hint=f"Choose one of: {', '.join(KINDS)}.",
    )
