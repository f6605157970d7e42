"""The shape of the configuration: the tables as people write them. `effective` is what is made of them."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from agent.configuration.hours import (
    QUIET_HOURS_PATTERN,
    QuietHours,
    check_cron,
    check_time_zone,
    parse_quiet_hours,
)
from agent.configuration.units import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    parse_duration,
    parse_size,
    render_duration,
    render_size,
)
from agent.secrets import REFERENCE_PATTERN, SecretRef

NAME_PATTERN: Final = (
    r"^[a-z0-9][a-z0-9_-]{0,62}$"  # names of connections and streams: safe in paths and on the wire
)
DEFAULT_EVERY: Final = "15m"

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(render_duration),
    WithJsonSchema(
        {"type": "string", "pattern": DURATION_PATTERN, "examples": ["30s", "15m", "1h30m", "90d"]}
    ),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(render_size),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN, "examples": ["64MiB", "2GB"]}),
]
Quiet = Annotated[
    InstanceOf[QuietHours],
    BeforeValidator(parse_quiet_hours),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": QUIET_HOURS_PATTERN, "examples": ["22:00-05:00"]}),
]
Reference = Annotated[
    InstanceOf[SecretRef],
    BeforeValidator(SecretRef.parse),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": REFERENCE_PATTERN, "examples": ["env:ERP_PASSWORD"]}),
]


def _parse_initial_window(value: object) -> object:
    return value if value == EVERYTHING else parse_duration(value)


def _check_shape(pattern: str, sentence: str) -> Any:
    """A text of this shape; pydantic's own pattern check would show the operator a regular expression."""

    def check(text: str) -> str:
        if not re.match(pattern, text):
            raise ValueError(sentence)
        return text

    return AfterValidator(check)


EVERYTHING: Final = "everything"
InitialWindow = Annotated[
    timedelta | Literal["everything"],
    BeforeValidator(_parse_initial_window),
    PlainSerializer(lambda value: value if value == EVERYTHING else render_duration(value)),
    WithJsonSchema({"anyOf": [{"const": EVERYTHING}, {"type": "string", "pattern": DURATION_PATTERN}]}),
]
Cron = Annotated[str, AfterValidator(check_cron)]
TimeZone = Annotated[str, AfterValidator(check_time_zone)]
Name = Annotated[
    str,
    _check_shape(
        NAME_PATTERN, "a name has small letters, digits, - and _, and begins with a letter or digit"
    ),
    WithJsonSchema({"type": "string", "pattern": NAME_PATTERN}),
]
RelayUrl = Annotated[
    str,
    _check_shape(r"^wss?://[^/@\s]+(/\S*)?$", "a relay's address is written wss://HOST or wss://HOST:PORT"),
]
ProxyUrl = Annotated[
    str,
    _check_shape(
        r"^http://[^/@\s]+:[0-9]{1,5}/?$",
        "a proxy is written http://HOST:PORT; user and password go to proxy_user and proxy_password",
    ),
]


class Table(BaseModel):
    """A table of a file that people edit: frozen, and nothing unknown passes."""

    # hide_input_in_errors: a rejected value may be a secret in the wrong place.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class AgentTable(Table):
    """The agent itself."""

    name: str = Field(
        default_factory=lambda: platform.node() or "agent",
        min_length=1,
        max_length=100,
        description="How this agent is called at the relay. Default: the host's name.",
    )
    state_dir: str | None = Field(
        default=None,
        description="Folder for the outbox, the agent's key and secrets. Default: $STATE_DIRECTORY under systemd, else "
        "the machine's or the user's state folder. A relative path starts at the folder of agent.toml.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: console on a terminal, else one JSON object a line."
    )


class RelayTable(Table):
    """The one address that the agent connects to."""

    url: RelayUrl | None = Field(
        default=None, description="wss://host[:port]. Default: the relay where the agent was enrolled."
    )
    ca_file: str | None = Field(
        default=None, description="Own certificate authority, PEM. Default: the system's."
    )
    proxy: ProxyUrl | None = Field(
        default=None,
        description="http://host:port of an HTTP CONNECT proxy; user and password have their own settings.",
    )
    proxy_user: str | None = Field(default=None, description="User at the proxy.")
    proxy_password: Reference | None = Field(
        default=None, description="Reference to the password at the proxy."
    )

    @model_validator(mode="after")
    def _proxy_is_whole(self) -> Self:
        if self.proxy is None and (self.proxy_user is not None or self.proxy_password is not None):
            raise ValueError("proxy_user and proxy_password need a proxy")
        if (self.proxy_user is None) != (self.proxy_password is None):
            raise ValueError("proxy_user and proxy_password come together")
        return self


class OutboxTable(Table):
    """The durable queue between the sources and the relay."""

    high_water: Size = Field(
        default=parse_size("1GiB"), description="Reading pauses when this much is not acked yet."
    )
    low_water: Size = Field(default=parse_size("768MiB"), description="Reading goes on below this.")
    replay_window: Duration = Field(
        default=parse_duration("24h"), description="How long acked batches are kept."
    )

    @model_validator(mode="after")
    def _marks_in_order(self) -> Self:
        if self.low_water >= self.high_water:
            raise ValueError("low_water must be below high_water")
        return self


class AuditTable(Table):
    """The log of who did what on this agent."""

    retention: Duration = Field(
        default=parse_duration("365d"),
        description="How long lines of the audit log are kept, in whole days; at least 1d.",
    )

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        if self.retention < timedelta(days=1) or self.retention % timedelta(days=1):
            raise ValueError("retention is at least 1d, in whole days")
        return self


class LimitsTable(Table):
    """Bounds that keep one connection's trouble from becoming the agent's."""

    driver_memory: Size = Field(
        default=parse_size("1GiB"), description="Resident memory of one driver process."
    )
    driver_seconds_without_page: float = Field(
        default=300, gt=0, le=86_400, strict=False, description="A driver that is silent for longer is ended."
    )
    driver_idle: Duration = Field(
        default=parse_duration("5m"), description="A driver unused for this long is ended."
    )
    parallel_runs: int = Field(
        default=4, ge=1, le=64, description="Streams that may be read at the same time."
    )
    drain: Duration = Field(
        default=parse_duration("25s"), description="Time to finish work under way when stopping."
    )


class TelemetryTable(Table):
    """What the agent tells of its own work, to whom it is told here and nowhere else."""

    otlp_endpoint: str | None = Field(
        default=None,
        max_length=1_024,
        description="https://HOST[:PORT] of a collector of OpenTelemetry that takes traces over HTTP; http:// on this "
        "very host. Default: no traces.",
    )


class LogTable(Table):
    """The log's own files, beside what goes to standard error or the journal."""

    files: bool = Field(default=True, description="Whether the agent keeps its log in files.")
    folder: str | None = Field(
        default=None,
        description="Folder of the files. Default: $LOGS_DIRECTORY under systemd, else the machine's or the user's; `log` in "
        "the state folder where that one is named. A relative path starts at the folder of agent.toml.",
    )
    total: Size = Field(
        default=parse_size("50MiB"), ge=1024 * 1024, description="Size of all files together; at least 1MiB."
    )
    keep: Duration = Field(default=parse_duration("30d"), description="How long lines are kept; at least 1d.")

    @model_validator(mode="after")
    def _a_day_at_least(self) -> Self:
        if self.keep < timedelta(days=1):
            raise ValueError("keep is at least 1d")
        return self


class MetricsTable(Table):
    """Figures for Prometheus, on this host alone."""

    enabled: bool = Field(default=False, description="Whether the agent listens for Prometheus.")
    port: int = Field(default=9465, ge=0, le=65_535, description="Its port on 127.0.0.1; 0: any free one.")


class ConsoleTable(Table):
    """The local web page; it listens on 127.0.0.1 alone, from the first `groundwire console` on."""

    always: bool = Field(default=False, description="Whether it listens from the agent's start to its end.")
    port: int | None = Field(
        default=None, ge=1_024, le=65_535, description="A fixed port. Default: a free one each time."
    )


class UpgradeTable(Table):
    """What an upgrade by a package does beside replacing the program."""

    gate: bool = Field(
        default=False,
        description="Whether the old version comes back by itself when the new one does not work in its time.",
    )
    within: Duration = Field(
        default=timedelta(minutes=2),
        description="The new version's time to connect and have something acked by the relay.",
    )

    @model_validator(mode="after")
    def _in_reason(self) -> Self:
        if not timedelta(seconds=30) <= self.within <= timedelta(hours=1):
            raise ValueError("within is between 30s and 1h")
        return self


class AgentFile(Table):
    """agent.toml: settings of the whole agent."""

    agent: AgentTable = Field(default_factory=AgentTable)
    relay: RelayTable = Field(default_factory=lambda: RelayTable(url=None))
    outbox: OutboxTable = Field(default_factory=OutboxTable)
    audit: AuditTable = Field(default_factory=AuditTable)
    limits: LimitsTable = Field(default_factory=LimitsTable)
    telemetry: TelemetryTable = Field(default_factory=TelemetryTable)
    console: ConsoleTable = Field(default_factory=ConsoleTable)
    log: LogTable = Field(default_factory=LogTable)
    metrics: MetricsTable = Field(default_factory=MetricsTable)
    upgrade: UpgradeTable = Field(default_factory=UpgradeTable)


class SyncSettings(Table):
    """When and how a stream is read. A stream's own table overrides its connection's, key by key."""

    every: Duration | None = Field(
        default=None,
        description=f"Interval between syncs. At most one of every, cron, manual; default {DEFAULT_EVERY}.",
    )
    cron: Cron | None = Field(
        default=None, description="minute hour day month weekday, in the time zone below; 0 is Sunday."
    )
    manual: bool = Field(default=False, description="Never by itself, only when asked.")
    time_zone: TimeZone = Field(default="UTC", description="For cron and quiet hours, such as Europe/Berlin.")
    quiet_hours: tuple[Quiet, ...] = Field(
        default=(), strict=False, max_length=24, description="No sync starts then."
    )
    initial_window: InitialWindow = Field(
        default=parse_duration("90d"), description='How far back the first sync goes, or "everything".'
    )
    overlap: Duration = Field(
        default=parse_duration("5m"), description="How far a sync reads behind where the last ended."
    )
    lag: Duration = Field(
        default=parse_duration("0s"), description="Rows younger than this wait for the next sync."
    )
    page_rows: int = Field(default=2_000, ge=1, le=100_000, description="Records per page at most.")
    deletions: Literal["compare_keys", "none"] = Field(
        default="compare_keys", description="How removed records are found."
    )
    deletions_every: Duration = Field(
        default=parse_duration("0s"), description="Least time between two; 0s: every sync."
    )
    max_delete_share: float = Field(
        default=0.3,
        ge=0,
        le=1,
        strict=False,
        description="A larger share of removed records at once is held back.",
    )
    reconcile_hours: tuple[Quiet, ...] = Field(
        default=(),
        strict=False,
        max_length=24,
        description="When the whole source is compared with what was sent; without them only when asked.",
    )
    reconcile_every: Duration = Field(
        default=parse_duration("7d"), description="Time between two such comparisons."
    )
    send_raw: bool = Field(default=False, description="Whether the source record travels along.")

    @model_validator(mode="before")
    @classmethod
    def _one_schedule(cls, table: Any) -> Any:
        if not isinstance(table, Mapping):
            return table
        chosen = [name for name in SCHEDULE_KEYS if table.get(name) not in (None, False)]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} exclude each other: keep one")
        return table if chosen else {**table, "every": DEFAULT_EVERY}

    @model_validator(mode="after")
    def _interval_is_sane(self) -> Self:
        if self.every is not None and self.every < MIN_EVERY:
            raise ValueError(f"every is at least {render_duration(MIN_EVERY)}")
        return self


SCHEDULE_KEYS: Final = ("every", "cron", "manual")
MIN_EVERY: Final = timedelta(seconds=1)  # below it a sync would never be over before the next is due


class SourceLimits(Table):
    """What the source is spared, whatever its driver. Quiet hours stand in [sync], where a stream may have its own."""

    parallel_reads: int = Field(
        default=1,
        ge=1,
        le=8,
        description="Streams that are read at the same time, each through sessions of its own.",
    )
    rows_per_call: int | None = Field(
        default=None,
        ge=2,  # one more than a page is asked for, to see whether there is another
        le=1_000_000,
        description="Rows that one call to the source asks for at most; without it the driver's own bound.",
    )


class StreamTable(Table):
    """One entity of this connection."""

    entity: str | None = Field(
        default=None, description="The unified model's entity, such as purchase_order."
    )
    enabled: bool = Field(default=True, description="false: the stream is left out.")
    read: dict[str, Any] = Field(
        default_factory=dict, description="What to read, in the driver's own language."
    )
    map: dict[str, Any] = Field(default_factory=dict, description="Unified field = how to make it.")
    write: dict[str, Any] = Field(
        default_factory=dict, description="How to write, in the driver's own language; absent: not at all."
    )
    sync: SyncSettings | None = Field(default=None, description="Overrides the connection's.")


class ConnectionFile(Table):
    """connections/NAME.toml: one configured instance of a system."""

    driver: str | None = Field(
        default=None, min_length=1, description="The protocol, such as odbc; or name a system."
    )
    system: Name | None = Field(
        default=None, description="A known system, which brings driver, streams and mapping."
    )
    enabled: bool = Field(default=True, description="false: the connection rests.")
    options: dict[str, Any] = Field(default_factory=dict, description="The driver's own; no secrets here.")
    secrets: dict[str, Reference] = Field(default_factory=dict, description="Only references, never values.")
    limits: SourceLimits = Field(default_factory=SourceLimits, description="What the source is spared.")
    sync: SyncSettings | None = Field(default=None, description="Defaults for every stream.")
    streams: dict[Name, StreamTable] = Field(default_factory=dict, description="What is read.")
