"""Each kind of file, with the version of a Groundwire that is not there yet: refused, and left byte for byte as it was."""

from __future__ import annotations

import re
import sqlite3
import tarfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from agent.app import App
from agent.audit.export import export_lines, parse_export
from agent.audit.log import open_trail
from agent.audit.reading import AuditFolder
from agent.clock import ManualClock
from agent.console.password import Password
from agent.credentials.refused import Offered, RefusedCredentials
from agent.errors import VersionMismatch
from agent.identity import IdentityStore
from agent.mappings.columns import ColumnWatch
from agent.mappings.versions import VersionStore
from agent.outbox.limits import OUTBOX_FILE
from agent.outbox.store import Outbox
from agent.secrets import Secret
from agent.settings import load
from agent.sync.cursor import read_checkpoint
from agent.upgrade.kinds import KINDS, newer_files
from agent.vault.store import Vault
from agent.vault.transfer import open_transfer, seal_for_transfer
from relay.backup import MANIFEST, restore
from relay.store.sqlite import SqliteStore
from tests.canaries import canary
from tests.released.golden import CONNECTION, FILES, FOLDER, STORE, VERSIONS

NEWER: Final = 99
Use = Callable[[Path], Awaitable[Any]]


@dataclass(frozen=True)
class Case:
    kind: str
    spoil: Callable[[Path], None]  # given the folder that the released files were unpacked into
    use: Use


def text(pattern: str, member: str = "format") -> Callable[[Path], None]:
    """Raise the version that the files of a name say."""

    def spoil(folder: Path) -> None:
        (path, *_) = sorted(folder.glob(pattern))
        changed, count = re.subn(rb'("%s": ?)1\b' % member.encode(), rb"\g<1>%d" % NEWER, path.read_bytes())
        assert count == 1
        path.write_bytes(changed)

    return spoil


def sql(name: str, script: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        with closing(sqlite3.connect(folder / name)) as db, db:
            db.executescript(script)

    return spoil


def state(folder: Path) -> Path:
    return folder / "agent" / "state"


async def load_identity(folder: Path) -> None:
    IdentityStore(state(folder)).load()


async def load_pending(folder: Path) -> None:
    IdentityStore(state(folder)).load_pending()


async def open_outbox(folder: Path) -> None:
    await Outbox.open(state(folder) / OUTBOX_FILE, clock=ManualClock())


async def go_on_from_checkpoint(folder: Path) -> None:
    with closing(sqlite3.connect(f"file:{state(folder) / OUTBOX_FILE}?immutable=1", uri=True)) as db:
        for (checkpoint,) in db.execute("select checkpoint from stream"):
            read_checkpoint(checkpoint)


async def read_secret(folder: Path) -> None:
    Vault(state(folder), environ={}).get("erp_password")


async def write_secret(folder: Path) -> None:
    Vault(state(folder), environ={}).put({"x": Secret(canary("-x"))}, by="test", at=ManualClock().utcnow())


async def write_audit_line(folder: Path) -> None:
    async with open_trail(state(folder), ManualClock(), timedelta(days=90)):
        raise AssertionError("it was opened")


async def verify_audit(folder: Path) -> None:
    AuditFolder(state(folder)).verify()


async def read_mappings(folder: Path) -> None:
    VersionStore(state(folder)).history(CONNECTION, "vendors")


async def accept_columns(folder: Path) -> None:
    watch = ColumnWatch(state(folder), ManualClock())
    watch._keep(CONNECTION, dict(watch._of(CONNECTION)))


async def offer_refused(folder: Path) -> None:
    RefusedCredentials(state(folder)).find(Offered("gone", "odbc", {}, {}))


async def sign_in(folder: Path) -> None:
    Password(state(folder)).fits(canary("-console-password"))


async def open_relay(folder: Path) -> None:
    await SqliteStore.open(folder / STORE)


CASES: Final = (
    Case("identity", text("agent/state/identity.json"), load_identity),
    Case("enrolment", text("agent/state/enrolment.json"), load_pending),
    Case("outbox", sql(f"agent/state/{OUTBOX_FILE}", f"pragma user_version={NEWER}"), open_outbox),
    Case(
        "checkpoint",
        sql(
            f"agent/state/{OUTBOX_FILE}",
            f"update stream set checkpoint = json_set(checkpoint, '$.version', {NEWER})",
        ),
        go_on_from_checkpoint,
    ),
    Case("vault", text("agent/state/vault.json"), read_secret),
    Case("vault", text("agent/state/vault.json"), write_secret),
    Case("audit log", text("agent/state/audit/*.jsonl"), write_audit_line),
    Case("audit log", text("agent/state/audit/*.jsonl"), verify_audit),
    Case("mappings", text("agent/state/mappings/*.json"), read_mappings),
    Case("columns", text("agent/state/columns/*.json"), accept_columns),
    Case("refused credentials", text("agent/state/refused.json"), offer_refused),
    Case("console password", text("agent/state/console.password", "version"), sign_in),
    Case("relay", sql(STORE, f"pragma user_version={NEWER}"), open_relay),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with tarfile.open(FOLDER / VERSIONS[-1] / FILES) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    """Locks and logs that opening makes and leaves empty are nothing of it."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if path.stat().st_size}


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one.kind}-{one.use.__name__}")
async def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(case: Case, folder: Path) -> None:
    case.spoil(folder)
    before = contents(folder)

    with pytest.raises(VersionMismatch) as refused:
        await case.use(folder)

    assert str(NEWER) in refused.value.message or "newer version" in refused.value.message
    assert contents(folder) == before


def test_every_kind_of_file_that_has_a_version_is_among_them() -> None:
    assert {kind.name for kind in KINDS} == {case.kind for case in CASES} - {"relay"}


@pytest.mark.parametrize("case", CASES[:-1], ids=lambda one: f"{one.kind}-{one.use.__name__}")
def test_the_newer_file_is_found_without_being_touched(case: Case, folder: Path) -> None:
    case.spoil(folder)
    before = contents(folder)

    found = newer_files(state(folder))

    assert {(one.kind, one.found) for one in found} == {(case.kind, NEWER)}
    assert contents(folder) == before


@pytest.mark.parametrize("kind", ["identity", "outbox", "audit log"])
async def test_an_agent_ends_before_it_writes_anything(kind: str, folder: Path) -> None:
    next(case for case in CASES if case.kind == kind).spoil(folder)
    before = contents(folder)

    with pytest.raises(VersionMismatch):
        await App(load(folder / "agent")).run()

    assert contents(folder) == before


def test_exports_and_backups_of_a_newer_version_are_refused(tmp_path: Path, folder: Path) -> None:
    passphrase = Secret(canary("-passphrase"))
    sealed = seal_for_transfer({}, passphrase, cost=2**10).replace(b'"format": 1', b'"format": 99')
    with pytest.raises(VersionMismatch):
        open_transfer(sealed, passphrase, where="export")

    log = AuditFolder(state(folder))
    export = b"".join(export_lines(log.contents(), log.raw_head(), since=None, software="test"))
    with pytest.raises(VersionMismatch):
        parse_export(export.replace(b'_export":1', b'_export":99'))

    backup = tmp_path / "backup"
    backup.mkdir()
    (backup / MANIFEST).write_text('{"form": 99}')
    with pytest.raises(VersionMismatch):
        restore(backup, tmp_path / "relay", now=ManualClock().utcnow())
