"""What `groundwire relay ...` does, without the command line around it."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from agent.clock import Clock, SystemClock
from agent.control import ControlClient, NoAgentRunning, is_running
from agent.errors import AlreadyRunning, ConfigurationError
from relay import app, backup, installed, local_accounts, local_calls
from relay.backup import BackedUp, Restored
from relay.identities import (
    ALL_SCOPES,
    CODE_LIFETIME,
    NewSecret,
    create_tenant,
    create_token,
)
from relay.settings import RelaySettings, load_settings, parse_settings
from relay.store.base import Store, TokenScope
from relay.store.copying import Progress, nobody_watches
from relay.store.index import SqliteRecordIndex
from relay.store.sqlite import SqliteStore
from relay.store.storage import open_storage, open_store
from relay.tls import make_certificates, write_private

T = TypeVar("T")

FIRST_TENANT: Final = "default"
DEFAULT_HOSTS: Final = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Initialised:
    """What `relay init` made. The token is to be shown once."""

    config: Path
    ca: Path  # to be given to every agent
    tenant: str
    token: NewSecret


def initialise(
    folder: Path,
    *,
    hosts: Sequence[str] = DEFAULT_HOSTS,
    tenant: str = FIRST_TENANT,
    gateway_port: int = 8443,
    api_port: int = 8080,
    data: Path | None = None,
    clock: Clock | None = None,
) -> Initialised:
    """Make a relay's folder: relay.toml, a private CA with a server certificate, the store, a tenant and its token."""
    config = folder / "relay.toml"
    if config.exists():
        raise ConfigurationError(
            "There is a relay here already.", where=str(config), hint="Choose another folder."
        )
    now = (clock or SystemClock()).utcnow()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files = make_certificates(folder, hosts, now)
        text = _config_text(hosts, gateway_port, api_port, data or installed.data_of(folder))
        settings = _settings_of(text, folder, config)
        with installed.as_owner_of(settings.data):
            token = asyncio.run(_with_store(settings, lambda store: _first_tenant(store, tenant, clock)))
        write_private(config, text.encode())
        installed.let_owner_read((config, files.ca, files.certificate, files.key), settings.data)
    except OSError as error:
        raise ConfigurationError(
            f"The relay's folder cannot be written: {error.strerror}", where=str(folder)
        ) from error
    return Initialised(config, files.ca, tenant, token)


def _settings_of(text: str, folder: Path, config: Path) -> RelaySettings:
    return parse_settings(tomllib.loads(text), base=folder, where=str(config))


def _config_text(hosts: Sequence[str], gateway_port: int, api_port: int, data: Path) -> str:
    local = all(host in DEFAULT_HOSTS for host in hosts)
    host = "127.0.0.1" if local else "0.0.0.0"  # noqa: S104 - agents come from other hosts; only TLS is offered
    return f"""\
# The relay. Paths count from this file's folder. All settings: config/relay.example.toml
name = "groundwire-relay"
data = "{data.as_posix()}"

[gateway]                     # where agents connect
host = "{host}"
port = {gateway_port}
tls = {{ certificate = "server.pem", key = "server.key" }}

[api]                         # where platforms ask; plain HTTP is only for this host
host = "127.0.0.1"
port = {api_port}
"""


async def _first_tenant(store: Store, tenant: str, clock: Clock | None) -> NewSecret:
    now = (clock or SystemClock()).utcnow()
    await create_tenant(store, tenant, now)
    return await create_token(store, tenant, "first", now, scopes=ALL_SCOPES)


async def _with_store(settings: RelaySettings, work: Callable[[Store], Awaitable[T]]) -> T:
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = await open_store(settings)
    try:
        return await work(store)
    finally:
        await store.aclose()


def run(config: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = load_settings(config)
    with installed.as_owner_of(settings.data):
        asyncio.run(app.run(settings))


def add_token(
    config: Path,
    *,
    tenant: str = FIRST_TENANT,
    name: str = "cli",
    scopes: Sequence[str] = (TokenScope.READ,),
    days: int | None = None,
    clock: Clock | None = None,
) -> NewSecret:
    """A further API token, shown once; makes the tenant if it is new."""
    args = {"tenant": tenant, "name": name, "scopes": list(scopes), "days": days}
    return NewSecret(_of_accounts(config, local_accounts.CREATE_TOKEN, args, clock)["secret"])


def add_code(
    config: Path,
    *,
    tenant: str = FIRST_TENANT,
    agent_name: str | None = None,
    lifetime: timedelta = CODE_LIFETIME,
    clock: Clock | None = None,
) -> str:
    """An enrolment code, shown once."""
    args = {"tenant": tenant, "agent": agent_name, "seconds": lifetime.total_seconds()}
    return str(_of_accounts(config, local_accounts.CREATE_CODE, args, clock)["secret"])


def add_admin_key(config: Path, *, name: str, clock: Clock | None = None) -> NewSecret:
    """A key for the whole relay, shown once."""
    return NewSecret(_of_accounts(config, local_accounts.CREATE_ADMIN_KEY, {"name": name}, clock)["secret"])


def admin_keys(config: Path) -> list[dict[str, Any]]:
    """Without their secrets."""
    return list(_of_accounts(config, local_accounts.LIST_ADMIN_KEYS, {})["keys"])


def revoke_admin_key(config: Path, key: str) -> None:
    _of_accounts(config, local_accounts.REVOKE_ADMIN_KEY, {"id": key})


def verify_audit(
    config: Path, noted: Mapping[str, tuple[int, str]]
) -> tuple[list[str], dict[str, list[Any]]]:
    """What is wrong with the relay's audit log, and the head of each of its chains."""
    told = _of_accounts(
        config, local_accounts.VERIFY_AUDIT, {"noted": {name: list(head) for name, head in noted.items()}}
    )
    return told["faults"], told["heads"]


def _of_accounts(
    config: Path, call: str, args: Mapping[str, Any], clock: Clock | None = None
) -> dict[str, Any]:
    """By the running relay if there is one that holds the store alone, else on the store itself."""
    settings = load_settings(config)
    with installed.as_owner_of(settings.data):
        return asyncio.run(_asked_of_accounts(settings, call, args, clock or SystemClock()))


async def _asked_of_accounts(
    settings: RelaySettings, call: str, args: Mapping[str, Any], clock: Clock
) -> dict[str, Any]:
    if settings.store.url is None:
        with suppress(NoAgentRunning):
            found: dict[str, Any] = await ControlClient(settings.data).ask(call, args)
            return found
    return await _with_store(settings, lambda store: local_accounts.carry_out(store, call, args, clock))


def back_up(
    config: Path, target: Path, *, progress: Progress = nobody_watches, clock: Clock | None = None
) -> BackedUp:
    """A copy of the relay into a new folder, by the running relay itself if there is one."""
    settings = load_settings(config)
    with installed.as_owner_of(settings.data):
        work = _back_up(settings, config.absolute(), target.absolute(), progress, clock or SystemClock())
        return asyncio.run(work)


async def _back_up(
    settings: RelaySettings, config: Path, target: Path, progress: Progress, clock: Clock
) -> BackedUp:
    _only_files(settings, "Back PostgreSQL up with its own tools: see docs/relay-operations.md.")
    try:
        asked = {"config": str(config), "target": str(target)}
        told = await ControlClient(settings.data).ask(
            local_calls.BACKUP, asked, lambda done: progress(done["pages"], done["of"])
        )
    except NoAgentRunning:
        store = await SqliteStore.open(settings.store_path)
        try:
            return await backup.back_up(store, config, target, clock=clock, progress=progress)
        finally:
            await store.aclose()
    return BackedUp(Path(told["folder"]), told["position"], tuple(told["leftOut"]))


def restore(source: Path, folder: Path, *, replace: bool = False, clock: Clock | None = None) -> Restored:
    """Put a backup in the place of a relay's store. The relay must not be running."""
    _refuse_while_running(folder.absolute())
    now = (clock or SystemClock()).utcnow()
    return backup.restore(source.absolute(), folder.absolute(), now=now, replace=replace)


def _refuse_while_running(folder: Path) -> None:
    """It would go on with the store that was moved away, and ack what nobody finds again."""
    config = folder / backup.CONFIG
    if not config.exists():
        return
    data = load_settings(config).data
    if asyncio.run(is_running(data)):
        raise AlreadyRunning(
            "The relay of this folder is running.", where=str(data), hint="Stop it, then restore."
        )


def rebuild_index(config: Path) -> int | None:
    """Have the lists made anew: by the running relay, or by the next one that starts (None)."""
    settings = load_settings(config)
    with installed.as_owner_of(settings.data):
        return asyncio.run(_rebuild_index(settings))


async def _rebuild_index(settings: RelaySettings) -> int | None:
    if settings.store.url is not None:
        return await _rebuild_on_server(settings)
    try:
        return int((await ControlClient(settings.data).ask(local_calls.REBUILD_INDEX))["batches"])
    except NoAgentRunning:
        store = await SqliteStore.open(settings.store_path)  # so that no relay starts meanwhile
        try:
            index = await SqliteRecordIndex.open(settings.index_path)
            try:
                await index.reset(complete_at=await store.last_position())
            finally:
                await index.aclose()
        finally:
            await store.aclose()
        return None


async def _rebuild_on_server(settings: RelaySettings) -> int:
    """Emptied under the lock of whoever fills it: the relay that has this work begins anew within seconds."""
    storage = await open_storage(settings)
    try:
        last = await storage.store.last_position()
        await storage.index.reset(complete_at=last)
        return last
    finally:
        await storage.aclose()


def _only_files(settings: RelaySettings, hint: str) -> None:
    if settings.store.url is not None:
        raise ConfigurationError("This is for a relay with files alone.", where="store.url", hint=hint)
