"""The store and the index that the configuration names, opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from agent.errors import ConfigurationError, GroundwireError
from relay.settings import RelaySettings
from relay.store.base import RecordIndex, Store
from relay.store.index import SqliteRecordIndex
from relay.store.sql import Engine
from relay.store.sqlite import SqliteStore

if TYPE_CHECKING:  # imported where it is configured: the embedded relay starts without it
    from relay.store.postgresql.address import Address

PASSWORD: Final = "GROUNDWIRE_STORE_PASSWORD"  # noqa: S105 - the name of a variable


class OpenedStore(Store, Protocol):
    engine: Engine

    async def failure(self) -> GroundwireError:
        """Wait for the error after which nothing more is written, and return it; most wait in vain."""
        ...


@runtime_checkable
class OfServer(Protocol):
    """What lies on a server, which may not answer."""

    def abandon(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Storage:
    store: OpenedStore
    index: RecordIndex
    address: (
        Address | None
    )  # of PostgreSQL, which other relays may share; None: the files are this process's alone

    def abandon(self) -> None:
        """Before `aclose`, where a server does not answer: what waits for it fails, and nothing asks it again."""
        for part in (self.store, self.index):
            if isinstance(part, OfServer):
                part.abandon()

    async def aclose(self) -> None:
        await self.index.aclose()
        await self.store.aclose()


def address_of(settings: RelaySettings, environ: Mapping[str, str] | None = None) -> Address | None:
    if settings.store.url is None:
        return None
    from relay.store.postgresql.address import Address, check_url  # noqa: PLC0415 - see above

    check_url(settings.store.url)
    return Address(settings.store.url, _password(settings, os.environ if environ is None else environ))


async def open_store(settings: RelaySettings) -> OpenedStore:
    """Raises GroundwireError."""
    address = address_of(settings)
    if address is None:
        _refuse_half_restored(settings.store_path)
        return await SqliteStore.open(settings.store_path)
    from relay.store.postgresql.store import PostgresStore  # noqa: PLC0415 - see above

    return await PostgresStore.open(address)


def restored_beside(store: Path) -> Path:
    """Where a restore puts the store that is to take the place of this one."""
    return store.with_name(f"{store.name}.restored")


def _refuse_half_restored(store: Path) -> None:
    """Else an empty store would be made where one was about to come back."""
    if restored_beside(store).exists() and not store.exists():
        raise ConfigurationError(
            "A restore was cut off before the store was in its place.",
            where=str(store),
            hint="Run `groundwire relay restore` again, with --replace.",
        )


async def open_storage(settings: RelaySettings) -> Storage:
    """Raises GroundwireError."""
    store = await open_store(settings)
    try:
        return Storage(store, await _open_index(settings), address_of(settings))
    except BaseException:
        await store.aclose()
        raise


async def _open_index(settings: RelaySettings) -> RecordIndex:
    address = address_of(settings)
    if address is None:
        return await SqliteRecordIndex.open(settings.index_path)
    from relay.store.postgresql.index import PostgresRecordIndex  # noqa: PLC0415 - see above

    return PostgresRecordIndex(address)


def _password(settings: RelaySettings, environ: Mapping[str, str]) -> str | None:
    """None: the server asks for none, or the client's own files have it."""
    file = settings.store.password_file
    if file is None:
        return environ.get(PASSWORD)
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "The file with the database's password cannot be read.",
            where=f"store.password_file: {file}",
            hint="It holds the password alone, and the relay's user may read it.",
        ) from error
