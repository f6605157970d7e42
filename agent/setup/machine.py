"""The machine that set-up really runs on: its files, its vault, its relay, its drivers."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.audit.log import open_trail
from agent.audit.who import current_actor
from agent.checking import check_connection
from agent.clock import SystemClock
from agent.configuration.load import load_connection
from agent.configuration.places import this_program
from agent.configuration.policy_file import policy_in
from agent.control import is_running
from agent.credentials.access import Access
from agent.errors import AlreadyRunning, ConfigurationError, GroundwireError
from agent.hosting.codec import from_plain, to_plain
from agent.hosting.driver import HostedDriver
from agent.identity import IdentityStore
from agent.odbc_registry import OdbcSources, offered
from agent.policies.in_force import leaving
from agent.policies.key import PolicyKey
from agent.previewing import Wanted, preview
from agent.proposing.streams import propose
from agent.proposing.text import render
from agent.secrets import Secret, learn
from agent.service.ownership import for_service, give_to_owner, service_can_read
from agent.settings import AgentTable, ConnectionSettings, LimitsTable, Settings, default_config_dir, load
from agent.setup import services
from agent.setup.asking import Unfit
from agent.setup.drafts import Draft, connection_text
from agent.setup.machine_port import Enrolled, Found, FoundProxy, Proposed, RelayTest, RelayWay, Service
from agent.setup.needs import System, any_database, system_of
from agent.setup.way import proxy_of, test_way
from agent.setup.writing import write_file, write_new
from agent.sync.cursor import Checkpoint
from agent.systems import known, profile
from agent.tunnel.enroll import enroll
from agent.tunnel.named_proxies import proxies_here
from agent.vault.references import resolve
from agent.vault.store import Vault
from agent.version import SOFTWARE
from drivers.contract import Catalogue, CheckStep


class ThisMachine:
    def __init__(self, config_dir: Path, environ: Mapping[str, str] | None = None) -> None:
        self._config_dir = config_dir.absolute()
        self._environ = os.environ if environ is None else environ
        self._clock = SystemClock()
        machines = default_config_dir({}).absolute()
        self._for_service = for_service(this_program()) and self._config_dir == machines
        self._hosted: tuple[tuple[Any, ...], HostedDriver] | None = None  # by what it was started with
        self.deed: Callable[[], None] = lambda: None  # called before anything is done that stays

    # --- what there is

    async def look(self) -> Found:
        settings = self._settings()
        if settings is None:
            apart = self._config_dir != default_config_dir({}).absolute()
            own = "state" if apart and not self._environ.get("STATE_DIRECTORY") else ""
            return Found(self._config_dir, own, name=AgentTable().name)
        store = IdentityStore(settings.state_dir)
        identity = store.load() if store.path.exists() else None
        named = {name: one.system or one.driver for name, one in settings.connections.items()}
        return Found(
            self._config_dir,
            way=self._way(settings),
            name=settings.agent.name,
            configured=True,
            enrolled=Enrolled(identity.agent, identity.relay_url) if identity else None,
            running=await is_running(settings.state_dir),
            connections={**named, **{one.name: "cannot be read" for one in settings.broken}},
        )

    def _settings(self) -> Settings | None:
        return load(self._config_dir, environ=self._environ) if self.read("agent.toml") is not None else None

    def _way(self, settings: Settings) -> RelayWay:
        relay = settings.relay
        password = None
        if relay.proxy_password is not None:
            try:
                password = resolve(relay.proxy_password, state_dir=settings.state_dir, environ=self._environ)
            except ConfigurationError:
                password = None  # it is asked for anew
        return RelayWay(
            relay.url or "", relay.ca_file or "", relay.proxy or "", relay.proxy_user or "", password
        )

    def _state_dir(self) -> Path:
        """Raises ConfigurationError where there is no agent.toml yet."""
        return load(self._config_dir, environ=self._environ).state_dir

    # --- the relay

    def proxies(self, url: str) -> Sequence[FoundProxy]:
        found = proxies_here(urlsplit(url).hostname or "", self._environ)
        for one in found:
            learn(Secret(one.password))
        return [
            FoundProxy(one.url, one.where, one.user, Secret(one.password) if one.password else None)
            for one in found
        ]

    def file_named(self, text: str) -> str:
        if not text.strip():
            return ""
        path = Path(text.strip()).expanduser().absolute()
        if not path.is_file():
            raise Unfit(f"There is no file {path}.")
        if not os.access(path, os.R_OK):
            raise Unfit(f"{path} cannot be read by this user.")
        if self._for_service and not service_can_read(path):
            raise Unfit(
                f"The service runs as a user of its own, which cannot read {path}. "
                f"Copy it into {self._config_dir}, readable for all (chmod 644), and name it there."
            )
        return str(path)

    async def test_relay(self, way: RelayWay) -> RelayTest:
        return await test_way(way, self._config_dir, self._environ, self._clock)

    async def enrol(self, way: RelayWay, code: str, name: str) -> Enrolled:
        settings = load(self._config_dir, environ=self._environ)
        if await is_running(settings.state_dir):
            raise AlreadyRunning(where=str(settings.state_dir), hint="Stop the agent, and run set-up again.")
        self.deed()
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        actor = current_actor()
        async with open_trail(settings.state_dir, self._clock, settings.audit.retention) as trail:
            await trail.record("local_action", actor, {"call": "setup", "relay": way.url, "replace": False})
            made = await enroll(
                way.url,
                code,
                name,
                settings.state_dir,
                software=SOFTWARE,
                ca_file=Path(way.ca_file) if way.ca_file else None,
                proxy=proxy_of(way),
            )
            facts = {"agent": made.agent, "tenant": made.tenant, "relay": made.relay_url}
            await trail.happened("enrolled", actor, facts)
        return Enrolled(made.agent, made.relay_url)

    # --- systems and connections

    async def systems(self) -> Sequence[System]:
        return await asyncio.to_thread(
            self._systems
        )  # half a second, in which an agent at work would stand still

    def _systems(self) -> Sequence[System]:
        named = known(self._config_dir)
        found = [
            system_of(name, profile(name, config_dir=self._config_dir).get("driver", "")) for name in named
        ]
        return sorted([*found, any_database()], key=_place)

    async def odbc_sources(self) -> OdbcSources:
        return offered(self._environ)

    async def streams_of(self, draft: Draft) -> Mapping[str, str]:
        with _staged(self._config_dir, draft) as (settings, _):
            return {name: stream.entity for name, stream in settings.streams.items()}

    async def try_connection(self, draft: Draft) -> Sequence[CheckStep]:
        try:
            async with self._driver(draft) as (driver, settings, _):
                steps = await check_connection(driver, settings)
        except GroundwireError as error:
            await self.aclose()
            return [CheckStep("connection", ok=False, detail=str(error), hint=error.hint, code=error.code)]
        if any(not step.ok and not step.stream for step in steps):
            await self.aclose()  # what was wrong may be mended outside: the next try begins anew
        return steps

    async def propose(self, draft: Draft) -> Proposed:
        async with self._driver(draft) as (driver, _, _):
            tables = asdict(await driver.discover())["tables"]
        catalogue = from_plain(Catalogue, to_plain({"tables": tables}))
        found = await asyncio.to_thread(propose, catalogue)  # of some thousand tables it takes a while
        made_of = {
            each.name: f"{each.table.name}, {each.sureness}"
            + "".join(f", lines {lines.table.name}" for lines in each.lines)
            for each in found.streams
        }
        return Proposed(made_of, render(found, draft.name), len(tables))

    async def preview(
        self, draft: Draft, policy: str, streams: Sequence[str], records: int
    ) -> list[dict[str, Any]]:
        async with self._driver(draft) as (driver, settings, folder):
            write_file(folder / "policy.toml", policy)
            rules = policy_in(folder)
            # A key of its own: what is hashed is shown hashed, and the agent's own key is not made for a look.
            leaves = partial(leaving, rules, key=PolicyKey(folder, self._clock).if_there)
            wanted = [Wanted(settings.streams[name], Checkpoint()) for name in streams]
            return await preview(driver, settings, wanted, leaves, clock=self._clock, records=records)

    @asynccontextmanager
    async def _driver(self, draft: Draft) -> AsyncIterator[tuple[HostedDriver, ConnectionSettings, Path]]:
        """A driver for a look, with the values that were typed; nothing of them is kept.

        Between one look and the next at the same connection its process stays.
        """
        with _staged(self._config_dir, draft) as (settings, folder):
            for value in draft.secrets.values():
                learn(value)
            typed = {draft.reference(name): value.reveal() for name, value in draft.secrets.items()}
            present = self._settings()
            limits, state_dir = (present.limits, present.state_dir) if present else (LimitsTable(), folder)
            access = Access(limits, state_dir, self._clock)
            key = (settings.name, settings.driver, dict(settings.options), access.secrets_of(settings, typed))
            if self._hosted is None or self._hosted[0] != key:
                await self.aclose()
                self._hosted = key, access.trial(settings, typed)
            yield self._hosted[1], settings, folder

    async def aclose(self) -> None:
        """End the driver's process, if there is one; what root made is the service's from now on."""
        self._give_back()
        hosted, self._hosted = self._hosted, None
        if hosted is not None:
            await hosted[1].aclose()

    def _give_back(self) -> None:
        with suppress(GroundwireError):  # there is no configuration yet, and so no state
            settings = self._settings()
            if settings is not None:
                give_to_owner(settings.state_dir)

    # --- files and secrets

    def read(self, name: str) -> str | None:
        path = self._config_dir / name
        try:
            return path.read_text("utf-8") if path.is_file() else None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError("cannot be read", where=str(path)) from error

    async def write(self, name: str, text: str) -> None:
        self.deed()
        write_file(self._config_dir / name, text)

    def path_of(self, name: str) -> Path:
        return self._config_dir / name

    def write_private(self, path: Path, text: str) -> None:
        write_file(path, text, mode=0o600)

    def write_new(self, path: Path, text: str) -> None:
        write_new(path, text)

    def forget(self, name: str) -> None:
        self.path_of(name).unlink(missing_ok=True)

    def vault_holds(self, name: str) -> bool:
        settings = self._settings()
        if settings is None:
            return False
        return name in {one.name for one in Vault(settings.state_dir, environ=self._environ).entries()}

    async def store(self, name: str, value: Secret) -> None:
        from agent.commandline.secret import call_here  # noqa: PLC0415 - by the running agent, or as it would

        self.deed()
        settings = load(self._config_dir, environ=self._environ)
        await call_here(settings, "secret_set", {"name": name, "value": value.reveal(), "force": True})

    # --- the service

    async def service(self) -> Service:
        running = False
        if self.read("agent.toml") is not None:
            running = await is_running(self._state_dir())
        return services.look(self._config_dir, self._environ, running=running)

    async def start_service(self) -> None:
        self._give_back()
        self.deed()
        await services.start((await self.service()).start)


def _place(system: System) -> tuple[int, str, str]:
    """To try it first, what is the operator's own last; within a group by name."""
    groups = ("To try it", "SAP", "Microsoft Dynamics", "NetSuite", "Maintenance", "Databases")
    at = groups.index(system.group) if system.group in groups else len(groups)
    return at, system.group, system.title


@contextmanager
def _staged(config_dir: Path, draft: Draft) -> Iterator[tuple[ConnectionSettings, Path]]:
    """The draft as a configuration of its own, in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="groundwire-setup-") as name:
        folder = Path(name)
        own = config_dir / "systems"
        if own.is_dir():
            (folder / "systems").symlink_to(own, target_is_directory=True)
        file = folder / "connections" / f"{draft.name}.toml"
        write_file(file, connection_text(draft))
        yield load_connection(file, config_dir=folder), folder
