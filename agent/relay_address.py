"""Where the relay is, and the way there: as agent.toml and the enrolment say."""

from __future__ import annotations

from pathlib import Path

from agent.settings import Settings
from agent.tunnel.endpoint import Endpoint, Proxy, make_endpoint, make_proxy
from agent.vault.references import resolve


def endpoint_of(settings: Settings, enrolled_url: str) -> Endpoint:
    """Where the relay is: as configured, else where the agent was enrolled."""
    relay = settings.relay
    return make_endpoint(
        relay.url or enrolled_url,
        ca_file=Path(relay.ca_file) if relay.ca_file else None,
        proxy=proxy_of(settings),
    )


def proxy_of(settings: Settings) -> Proxy | None:
    relay = settings.relay
    if relay.proxy is None:
        return None
    password = (
        resolve(relay.proxy_password, state_dir=settings.state_dir, where="agent.toml: relay.proxy_password")
        if relay.proxy_password
        else None
    )
    return make_proxy(relay.proxy, user=relay.proxy_user or "", password=password)
