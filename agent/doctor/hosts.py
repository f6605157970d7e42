"""Which hosts this installation connects to, and what for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.doctor.installation import Installation
from agent.errors import GroundwireError
from agent.relay_address import endpoint_of
from agent.tunnel.endpoint import Endpoint, join_host
from drivers.addresses import SourceAddress, source_addresses

RELAY_PORT = 443


@dataclass(frozen=True, slots=True)
class Host:
    host: str
    port: int | None
    what: str  # relay, proxy of the relay, or a connection's name
    source: SourceAddress | None = None

    @property
    def where(self) -> str:
        return f"{self.what}: {self.host if self.port is None else join_host(self.host, self.port)}"


def relay_endpoint(installation: Installation) -> Endpoint | None:
    """Where the relay is and the way there; None where nobody has said so yet. Raises ConfigurationError."""
    settings, identity = installation.settings, installation.identity
    url = settings.relay.url if settings is not None else None
    if settings is None or (identity is None and url is None):
        return None
    return endpoint_of(settings, url or (identity.relay_url if identity is not None else ""))


def relay_hosts(installation: Installation) -> Iterator[Host]:
    """What this host itself resolves and connects to on its way to the relay: the proxy, or the relay."""
    try:
        endpoint = relay_endpoint(installation)
    except GroundwireError:
        return  # the checks of configuration and proxy say so
    if endpoint is None:
        return
    if endpoint.proxy is not None:
        yield Host(endpoint.proxy.host, endpoint.proxy.port, "proxy")
    else:
        yield Host(endpoint.host, endpoint.port, "relay")


def source_hosts(installation: Installation) -> Iterator[Host]:
    for connection in installation.connections:
        for one in source_addresses(connection.driver, connection.options):
            yield Host(one.host, one.port, connection.name, one)
