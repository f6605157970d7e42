"""Whatever a power cut leaves on the disk, the journal knows what was begun, what was told and what was acked.

GROUNDWIRE_IMAGES says how many images of the disk are looked at. The mutants are journals with one mistake each.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from itertools import compress
from pathlib import Path
from typing import Any, Final

import apsw
import pytest

from agent.outbox import opening
from agent.outbox.opening import MIGRATIONS, open_database
from agent.outbox.store import Outbox
from tests.faults.journal_world import Event, Mutant, Recording, faults_of, faults_of_the_next_process, record
from tests.faults.power_cut import Recorder, images
from tests.unit.outbox.making import opened

IMAGES: Final = int(os.environ.get("GROUNDWIRE_IMAGES", "2000"))
ENOUGH: Final = 150  # images in which each mutant has to be found


async def broken_images(
    recording: Recording, folder: Path, *, count: int, seed: int, until: str | None = None
) -> list[str]:
    found: list[str] = []
    for point, fate, files in images(recording.log, recording.start, count=count, seed=seed):
        happened = [event for event in recording.events if event.at <= point]
        lay_out(folder, files)
        try:
            async with opened(folder / "outbox.db") as outbox:
                wrong = await faults_of(outbox, happened)
                wrong += await faults_of_the_next_process(outbox, happened)
        except Exception as error:
            wrong = [repr(error)]
        found += [f"{fate.value} at {point} of {len(recording.log)}: {one}" for one in wrong]
        if until is not None and any(until in one for one in found):
            break  # enough was seen
    return found


def lay_out(folder: Path, files: dict[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.mark.timeout(0 if IMAGES > 2_000 else 240)
@pytest.mark.parametrize("seed", [1, 2])
async def test_no_power_cut_loses_an_intent_an_outcome_a_count_or_a_pause(tmp_path: Path, seed: int) -> None:
    recording = await record(tmp_path / "live", seed=seed, steps=150)

    happened = {event.kind for event in recording.events}
    assert happened == {"taken", "effect", "told", "acked", "settled", "audited", "paused", "resuming"}
    assert await broken_images(recording, tmp_path / "image", count=IMAGES // 10, seed=seed) == []


def begins_before_the_intent_is_durable(outbox: Outbox) -> None:
    """Notes the start only with the outcome."""
    journal, start, finish, begun = outbox.journal, outbox.journal.start, outbox.journal.finish, set[str]()

    async def hasty_start(command: str) -> None:
        begun.add(command)

    async def late_finish(command: str, *arguments: Any) -> None:
        if command in begun:
            await start(command)
        await finish(command, *arguments)

    journal.start, journal.finish = hasty_start, late_finish  # type: ignore[method-assign]


def tells_before_the_outcome_is_durable(outbox: Outbox) -> None:
    """Keeps the outcome in memory until the relay has it."""
    journal, finish, acked, kept = outbox.journal, outbox.journal.finish, outbox.journal.acked, {}

    async def no_finish(command: str, *arguments: Any) -> None:
        kept[command] = arguments

    async def late_acked(command: str, state: str | None = None) -> None:
        if command in kept:
            await finish(command, *kept.pop(command))
        await acked(command, state)

    journal.finish, journal.acked = no_finish, late_acked  # type: ignore[method-assign]


def takes_what_it_told_for_acked(outbox: Outbox) -> None:
    finish = outbox.journal.finish

    async def eager(command: str, *arguments: Any) -> None:
        await finish(command, *arguments)
        await outbox.journal.acked(command)

    outbox.journal.finish = eager  # type: ignore[method-assign]


def takes_what_it_stored_for_audited(outbox: Outbox) -> None:
    finish = outbox.journal.finish

    async def eager(command: str, *arguments: Any) -> None:
        await finish(command, *arguments)
        await outbox.journal.audited(command)

    outbox.journal.finish = eager  # type: ignore[method-assign]


def forgets_what_was_a_write(outbox: Outbox) -> None:
    receive = outbox.journal.receive

    async def careless(*arguments: Any, **more: Any) -> Any:
        return await receive(*arguments, **{**more, "writes": False})

    outbox.journal.receive = careless  # type: ignore[method-assign]


def keeps_pauses_in_memory(outbox: Outbox) -> None:
    async def forgetful(_connection: str) -> None:
        """Nothing is written."""

    outbox.pause = forgetful  # type: ignore[method-assign]


MUTANTS: Final[dict[str, tuple[Mutant, str]]] = {
    one.__name__: (one, sign)
    for one, sign in (
        (begins_before_the_intent_is_durable, "had its effect and is received"),
        (tells_before_the_outcome_is_durable, "was told as"),
        (takes_what_it_told_for_acked, "the relay has never had it"),
        (takes_what_it_stored_for_audited, "there is no line"),
        (forgets_what_was_a_write, "writes are not counted"),
        (keeps_pauses_in_memory, "was paused and runs"),
    )
}


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_the_images_find_a_journal_that(tmp_path: Path, mutant: str) -> None:
    change, sign = MUTANTS[mutant]
    recording = await record(tmp_path / "live", seed=3, steps=60, mutant=change)

    found = await broken_images(recording, tmp_path / "image", count=ENOUGH, seed=3, until=sign)

    assert [one for one in found if sign in one] != []


async def test_the_images_find_a_journal_whose_log_is_never_synced(tmp_path: Path) -> None:
    recording = await record(tmp_path / "live", seed=4, steps=60)
    is_kept = [(done.kind, done.name) != ("sync", "outbox.db-wal") for done in recording.log]
    events = [
        Event(sum(is_kept[: event.at]), event.kind, event.of, event.detail) for event in recording.events
    ]
    careless = Recording(recording.start, list(compress(recording.log, is_kept)), events)

    assert await broken_images(careless, tmp_path / "image", count=ENOUGH, seed=4, until="") != []


# A file of version 1.

OLD: Final = (
    ("c1", "succeeded", 1, 2, 3, '{"a":1}'),
    ("c2", "succeeded", 1, 2, None, '{"a":2}'),
    ("c3", "in_doubt", 1, 2, None, "{}"),
    ("c4", "started", 1, None, None, None),
    ("c5", "received", None, None, None, None),
)


def old_file(path: Path) -> None:
    path.parent.mkdir(parents=True)
    db = open_database(path, wal_bytes=2**20, migrations=MIGRATIONS[:1])
    with db.transaction():
        for command, state, started, finished, acked, result in OLD:
            db.run(
                "INSERT INTO command (id, name, body_hash, body, state, received_at, started_at, finished_at,"
                " acked_at, result) VALUES (?, 'sync', 'h', x'7b7d', ?, 1, ?, ?, ?, ?)",
                (command, state, started, finished, acked, result),
            )
    db.close()


def migrating(folder: Path, migrate: Callable[..., None] | None = None) -> Recording:
    """The writes of the first opening by this version."""
    path = folder / "outbox.db"
    old_file(path)
    start = {path.name: path.read_bytes()}
    recorder = Recorder(f"migration-{id(folder)}")
    patched = pytest.MonkeyPatch()
    if migrate is not None:
        patched.setattr(opening, "_migrate", migrate)
    try:
        open_database(path, wal_bytes=2**20, vfs=f"migration-{id(folder)}").close()
    finally:
        patched.undo()
    return Recording(start, list(recorder.log), [])


async def broken_migrations(recording: Recording, folder: Path, count: int) -> list[str]:
    found = []
    for point, fate, files in images(recording.log, recording.start, count=count, seed=1):
        lay_out(folder, files)
        try:
            async with opened(folder / "outbox.db") as outbox:
                found += [f"{fate.value} at {point}: {one}" for one in await _misread(outbox)]
        except Exception as error:
            found.append(f"{fate.value} at {point}: {error!r}")
    return found


async def _misread(outbox: Outbox) -> Sequence[str]:
    journal = outbox.journal
    asked: list[tuple[str, Callable[[], Awaitable[Any]], list[str]]] = [
        ("unfinished", journal.unfinished, ["c4", "c5"]),
        ("unacked", journal.unacked, ["c2", "c3"]),
        ("unaudited", journal.unaudited, []),
    ]
    wrong = [f"{name} is not {ids}" for name, ask, ids in asked if [one.id for one in await ask()] != ids]
    known = {record.id: (record.state, record.writes) for record in await journal.recent(10)}
    if known != {command: (state, False) for command, state, *_ in OLD}:
        wrong.append(f"the commands are {known}")
    await outbox.pause("erp")
    return wrong


async def test_a_file_of_version_1_is_brought_forward_wherever_the_power_goes(tmp_path: Path) -> None:
    recording = migrating(tmp_path / "live")

    assert {"write", "sync"} <= {operation.kind for operation in recording.log}
    assert await broken_migrations(recording, tmp_path / "image", 8 * len(recording.log)) == []


async def test_the_images_find_a_migration_in_pieces(tmp_path: Path) -> None:
    def in_pieces(connection: apsw.Connection, migrations: Sequence[str]) -> None:
        for statement in migrations[1].split(";"):
            connection.execute(statement)
        connection.execute("PRAGMA user_version=2")

    recording = migrating(tmp_path / "live", in_pieces)

    assert await broken_migrations(recording, tmp_path / "image", 8 * len(recording.log)) != []
