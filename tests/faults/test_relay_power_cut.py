"""F03: whatever a power cut leaves of the relay's two files, what was answered is there and the index can follow it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

from relay.store.database import Database
from relay.store.index import INDEX_FILE
from relay.store.opening import open_file
from relay.store.sqlite import STORE_FILE
from tests.faults.power_cut import Operation, Recorder, images
from tests.faults.relay_day import contents, day, made, settled

IMAGES = int(os.environ.get("GROUNDWIRE_IMAGES", "2000"))
INDEX_EVERY = (
    25  # of so many images of the store one is also brought up to date with its index, and held against it
)
FILES = ("relay.db", "index.db")
OLDER = Path(__file__).parent / "older" / "version_3.sql"
REWRITTEN = {"sqlite_sequence", "tokens"}  # whose rows a migration changes


@dataclass(frozen=True, slots=True)
class Recording:
    start: dict[str, bytes]
    log: list[Operation]
    durable: list[tuple[int, bytes]]  # (operations of the log, all that the store held) after each answer


@pytest.fixture(autouse=True)
def many_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.store.database.CHECKPOINT_PAGES", 60)


async def record(folder: Path, *, seed: int, steps: int) -> Recording:
    await made(folder)
    start = {name: (folder / name).read_bytes() for name in FILES}
    recorder = Recorder(f"relay-{seed}")
    async with day(folder, vfs=f"relay-{seed}") as relay:
        durable = [(0, await settled(relay.store))]
        for change in relay.changes(Random(seed), steps):
            await change()
            durable.append((len(recorder.log), await settled(relay.store)))
    return Recording(start, list(recorder.log), durable)


def laid_out(
    recording: Recording, folder: Path, *, count: int, seed: int
) -> Iterator[tuple[str, list[bytes]]]:
    """Write image after image; what it is, and what its store may hold: what was answered, or the next answer too."""
    for point, fate, found in images(recording.log, recording.start, count=count, seed=seed):
        before = max(index for index, (done, _) in enumerate(recording.durable) if done <= point)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in found.items():
            (folder / name).write_bytes(content)
        allowed = [state for _, state in recording.durable[before : before + 2]]
        yield f"{fate.value} at {point} of {len(recording.log)}", allowed


async def broken_images(recording: Recording, folder: Path, *, count: int, seed: int) -> list[str]:
    found = []
    for number, (image, allowed) in enumerate(laid_out(recording, folder, count=count, seed=seed)):
        try:
            if number % INDEX_EVERY == 0:
                found += [f"{image}: {fault}" for fault in await faults_of_index(folder)]
            with closing(open_file(folder / "relay.db", STORE_FILE)) as db:
                if contents(db) not in allowed:
                    found.append(f"{image}: not a state that ever was")
        except Exception as error:
            found.append(f"{image}: {error!r}")
    return found


async def faults_of_index(folder: Path) -> list[str]:
    """It opens as it is, speaks of nothing that the store has not, and ends as one that is made anew."""
    await (await Database.open(folder / "index.db", INDEX_FILE)).aclose()
    async with day(folder) as relay:
        ahead = (await relay.materialiser.lag()).batches < 0
        await relay.materialiser.catch_up()
        went_on = await relay.index._reader.read(contents)
        await relay.materialiser.rebuild()
        anew = await relay.index._reader.read(contents)
    return ["the index is ahead of the store"] * ahead + ["the index is not as made anew"] * (went_on != anew)


@pytest.mark.timeout(0 if IMAGES > 2_000 else 300)
@pytest.mark.parametrize("seed", [1, 2])
async def test_every_image_is_a_state_that_was_answered_or_the_one_under_way(
    tmp_path: Path, seed: int
) -> None:
    """A group commit is there whole or not at all, and whole once one of its batches was answered."""
    recording = await record(tmp_path / "live", seed=seed, steps=120)

    assert await broken_images(recording, tmp_path / "image", count=IMAGES // 2, seed=seed) == []


async def test_the_images_notice_a_log_that_is_never_synced(tmp_path: Path) -> None:
    """The check above bites: the same recording without the syncs of the store's log loses what was answered."""
    recording = await record(tmp_path / "live", seed=3, steps=60)
    is_kept = [(done.kind, done.name) != ("sync", "relay.db-wal") for done in recording.log]
    careless = Recording(
        recording.start,
        list(compress(recording.log, is_kept)),
        [(sum(is_kept[:position]), state) for position, state in recording.durable],
    )

    assert await broken_images(careless, tmp_path / "image", count=60, seed=3) != []


async def test_a_cut_while_an_older_store_is_brought_forward_loses_nothing_of_it(tmp_path: Path) -> None:
    """At every write, and with what a kill leaves: the next start goes on with it, whichever version it finds."""
    path = tmp_path / "relay.db"
    with closing(apsw.Connection(str(path))) as older:
        older.execute(OLDER.read_text("utf-8"))
        older.execute("DROP TABLE state; PRAGMA user_version = 2")
        columns = columns_of(older)
        before = rows_of(older, columns)
    recorder = Recorder("relay-older")
    start = {path.name: path.read_bytes()}
    await (await Database.open(path, STORE_FILE, vfs="relay-older")).aclose()

    versions = set()
    for point, fate, found in images(list(recorder.log), start, count=150, seed=5):
        shutil.rmtree(tmp_path / "image", ignore_errors=True)
        (tmp_path / "image").mkdir()
        for name, content in found.items():
            (tmp_path / "image" / name).write_bytes(content)
        with closing(apsw.Connection(str(tmp_path / "image" / path.name))) as as_found:
            as_found.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            versions.add(as_found.pragma("user_version"))
        with closing(open_file(tmp_path / "image" / path.name, STORE_FILE)) as db:
            assert rows_of(db, columns) == before, (point, fate)
            assert db.pragma("user_version") == STORE_FILE.version
    assert versions == {2, *(migration.number for migration in STORE_FILE.migrations)}


def columns_of(db: apsw.Connection) -> dict[str, list[str]]:
    tables: Any = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return {
        table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        for (table,) in tables.fetchall()
        if table not in REWRITTEN
    }


def rows_of(db: apsw.Connection, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """What an older version kept; the newer one may keep more beside it."""
    return {
        table: sorted(map(repr, db.execute(f"SELECT {', '.join(names)} FROM {table}")))
        for table, names in columns.items()
    }
