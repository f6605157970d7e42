"""What set-up needs of the machine it runs on. `agent/setup/machine.py` is the real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from agent.errors import GroundwireError
from agent.findings import Finding
from agent.odbc_registry import OdbcSources
from agent.secrets import Secret
from agent.setup.drafts import Draft
from agent.setup.needs import System
from drivers.contract import CheckStep


@dataclass(frozen=True, slots=True)
class RelayWay:
    """Where the relay is and how to get there, as far as it was answered."""

    url: str = ""
    ca_file: str = ""
    proxy: str = ""  # http://HOST:PORT; empty: directly
    proxy_user: str = ""
    proxy_password: Secret | None = None


@dataclass(frozen=True, slots=True)
class FoundProxy:
    url: str  # http://HOST:PORT, without user and password
    where: str  # what names it
    user: str = ""
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    agent: str
    relay_url: str


@dataclass(frozen=True, slots=True)
class RelayTest:
    findings: tuple[Finding, ...]  # hop by hop
    hop: str = ""  # that failed
    error: GroundwireError | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What there is already."""

    config_dir: Path
    state_setting: str = (
        ""  # what a new agent.toml should say; empty: nothing, the platform's folder is right
    )
    way: RelayWay = field(default_factory=RelayWay)
    name: str = ""  # of the agent, as agent.toml says, else the host's
    configured: bool = False  # whether there is an agent.toml
    enrolled: Enrolled | None = None
    running: bool = False
    connections: Mapping[str, str] = field(default_factory=dict)  # name -> system or driver; broken ones too


@dataclass(frozen=True, slots=True)
class Service:
    """How this machine runs the agent."""

    installed: str = ""  # the service's name; empty: none
    running: bool = False
    start: str = ""  # the command that starts it
    run: str = ""  # the command that runs the agent in a terminal
    folder: str = ""  # of the configuration, where a command has to be told


@dataclass(frozen=True, slots=True)
class Proposed:
    """Streams guessed from a database's catalogue."""

    streams: Mapping[str, str] = field(default_factory=dict)  # name -> what it is made of, for people
    text: str = ""  # as TOML, of all of them
    tables: int = 0


class Machine(Protocol):
    async def look(self) -> Found:
        """Raises ConfigurationError where agent.toml is there and wrong."""

    def proxies(self, url: str) -> Sequence[FoundProxy]:
        """Those that this machine names for such an address, the likeliest first."""

    def file_named(self, text: str) -> str:
        """The whole path of a file that can be read; empty stays empty. Raises Unfit."""

    async def test_relay(self, way: RelayWay) -> RelayTest:
        """Hop by hop, in their order; behind the first problem nothing is tried."""

    async def enrol(self, way: RelayWay, code: str, name: str) -> Enrolled: ...

    async def systems(self) -> Sequence[System]: ...

    async def odbc_sources(self) -> OdbcSources: ...

    def read(self, name: str) -> str | None:
        """A file of the configuration folder; None where there is none."""

    async def write(self, name: str, text: str) -> None: ...

    def vault_holds(self, name: str) -> bool: ...

    async def store(self, name: str, value: Secret) -> None:
        """Put a secret into the vault."""

    async def streams_of(self, draft: Draft) -> Mapping[str, str]:
        """Name -> entity of what the connection reads. Raises ConfigurationError."""

    async def try_connection(self, draft: Draft) -> Sequence[CheckStep]: ...

    async def propose(self, draft: Draft) -> Proposed: ...

    async def preview(
        self, draft: Draft, policy: str, streams: Sequence[str], records: int
    ) -> list[dict[str, Any]]: ...

    async def service(self) -> Service: ...

    async def start_service(self) -> None: ...
