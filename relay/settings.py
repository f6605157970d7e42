"""relay.toml, typed and frozen. Relative paths count from the file's folder."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.configuration.document import parse
from agent.configuration.positions import Path as KeyPath
from agent.configuration.problems import ConfigurationProblems, from_validation
from agent.errors import ConfigurationError
from relay.pricing import Usage

MIB = 1024 * 1024
NO_LINES: Final[Mapping[KeyPath, int]] = MappingProxyType({})


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, hide_input_in_errors=True)


class Tls(Section):
    certificate: Path
    key: Path


class Gateway(Section):
    """Where agents connect."""

    host: str = "0.0.0.0"  # noqa: S104 - agents come from other networks; only TLS is offered there
    port: int = Field(default=8443, ge=0, le=65535)
    tls: Tls | None = None
    max_sessions: int = Field(default=1_000, ge=1, le=100_000)
    new_sessions_per_second: float = Field(default=25.0, ge=0.1, le=10_000.0)
    newcomers_per_address: int = Field(default=64, ge=1, le=100_000)
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    credit_batches: int = Field(default=16, ge=1, le=256)
    heartbeat_seconds: float = Field(default=15.0, ge=0.05, le=18.0)
    agent_bytes_per_second: int = Field(default=64 * MIB, ge=MIB)

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)


class Api(Section):
    """Where platforms ask."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    tls: Tls | None = None
    max_requests: int = Field(default=64, ge=1, le=10_000)
    requests_per_second: float = Field(default=200.0, ge=0.1, le=100_000.0)


class Store(Section):
    """Where the records are kept. Without an address: in files of the data folder."""

    url: str | None = None
    password_file: Path | None = None


class Bus(Section):
    """Where several relays over one store tell each other what changed: NATS with JetStream."""

    servers: tuple[str, ...] = ()  # empty: this relay is alone
    stream: str = Field(default="groundwire", pattern=r"^[A-Za-z0-9_-]{1,32}$")
    user: str | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    replicas: int = Field(default=1, ge=1, le=5)


class Health(Section):
    """What an agent is held to beside each tenant's own thresholds."""

    minimum_agent: str = Field(default="", max_length=64)


class Metrics(Section):
    """Where Prometheus scrapes the relay; switched off unless asked for."""

    enabled: bool = False
    host: str = "127.0.0.1"
    port: int = Field(default=9464, ge=0, le=65535)
    tls: Tls | None = None


class Webhooks(Section):
    """Where events may be sent, and how long they and the log of deliveries are kept."""

    allow_http: bool = False
    allow_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    ca_file: Path | None = None
    key_file: Path | None = None
    event_days: int = Field(default=30, ge=2, le=3_650)
    log_days: int = Field(default=7, ge=2, le=365)


class Telemetry(Section):
    """Where traces go."""

    otlp_endpoint: str | None = Field(default=None, max_length=1_024)


_Listening = TypeVar("_Listening", Gateway, Api, Metrics)


class Keeping(Section):
    """For how many days what is kept that nobody needs any more."""

    replaced_days: int = Field(default=30, ge=1, le=36_500)
    run_days: int = Field(default=365, ge=1, le=36_500)
    dead_letter_days: int = Field(default=180, ge=1, le=36_500)
    command_days: int = Field(default=90, ge=7, le=36_500)


class Retention(Keeping):
    tenants: dict[str, Keeping] = Field(default_factory=dict)  # in place of the above, for these

    def of(self, tenant: str) -> Keeping:
        return self.tenants.get(tenant, self)


class RelaySettings(Section):
    name: str = Field(default="groundwire-relay", min_length=1, max_length=128)
    data: Path = Path("data")
    cache_mib: int = Field(default=128, ge=16, le=16_384)
    gateway: Gateway = Gateway()
    api: Api = Api()
    retention: Retention = Retention()
    health: Health = Health()
    metrics: Metrics = Metrics()
    telemetry: Telemetry = Telemetry()
    bus: Bus = Bus()
    store: Store = Store()
    webhooks: Webhooks = Webhooks()
    usage: Usage = Usage()

    @property
    def store_path(self) -> Path:
        return self.data / "relay.db"

    @property
    def index_path(self) -> Path:
        return self.data / "index.db"

    @property
    def webhook_key_path(self) -> Path:
        return self.webhooks.key_file or self.data / "webhooks.key"


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_settings(path: Path) -> RelaySettings:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(
            "The relay's configuration cannot be read.",
            where=str(path),
            hint="`groundwire relay init DIR` makes one.",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError("is not UTF-8 text", where=str(path), hint="Save it as UTF-8.") from error
    document = parse(text, name=str(path))
    return parse_settings(document.content, base=path.parent, where=str(path), lines=document.lines)


def parse_settings(
    content: Mapping[str, Any], *, base: Path, where: str, lines: Mapping[KeyPath, int] = NO_LINES
) -> RelaySettings:
    """`lines`: of which line of the file each key is. Raises ConfigurationError with every fault."""
    try:
        settings = RelaySettings.model_validate(content)
    except ValidationError as error:
        faults = from_validation(error, model=RelaySettings, lines=lines, file=where)
        raise ConfigurationProblems(faults, hint="Correct the file and start the relay again.") from error
    settings = _absolute(settings, base)
    if settings.gateway.tls is None and not settings.gateway.loopback:
        raise ConfigurationError(
            "gateway.tls: a gateway that other hosts reach needs a certificate.",
            where=where,
            hint="`groundwire relay init DIR` makes one, or set gateway.host to 127.0.0.1.",
        )
    if settings.api.tls is None and not is_loopback(settings.api.host):
        raise ConfigurationError(
            "api.tls: an API that other hosts reach needs a certificate, for tokens travel in each request.",
            where=where,
            hint="Set api.tls, or keep api.host at 127.0.0.1 behind a proxy that speaks TLS.",
        )
    if settings.metrics.enabled and settings.metrics.tls is None and not is_loopback(settings.metrics.host):
        raise ConfigurationError(
            "metrics.tls: metrics that other hosts reach need a certificate.",
            where=where,
            hint="Set metrics.tls, or keep metrics.host at 127.0.0.1.",
        )
    return settings


def _absolute(settings: RelaySettings, base: Path) -> RelaySettings:
    return settings.model_copy(
        update={
            "data": base / settings.data,
            "gateway": _with_tls(settings.gateway, base),
            "api": _with_tls(settings.api, base),
            "metrics": _with_tls(settings.metrics, base),
            "bus": _with_files(settings.bus, base),
            "webhooks": _with_webhook_files(settings.webhooks, base),
            "store": _with_password(settings.store, base),
        }
    )


def _with_files(bus: Bus, base: Path) -> Bus:
    named = ("password_file", "token_file", "ca_file", "certificate", "key")
    found = {name: base / path for name in named if (path := getattr(bus, name)) is not None}
    return bus.model_copy(update=found)


def _with_password(store: Store, base: Path) -> Store:
    file = store.password_file
    return store if file is None else store.model_copy(update={"password_file": base / file})


def _with_webhook_files(hooks: Webhooks, base: Path) -> Webhooks:
    named = ("ca_file", "key_file")
    return hooks.model_copy(
        update={name: base / path for name in named if (path := getattr(hooks, name)) is not None}
    )


def _with_tls(part: _Listening, base: Path) -> _Listening:
    if part.tls is None:
        return part
    tls = Tls(certificate=base / part.tls.certificate, key=base / part.tls.key)
    return part.model_copy(update={"tls": tls})
