"""F02: whatever a power cut leaves on the disk, the outbox holds all that it ever said it holds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import compress
from pathlib import Path
from random import Random

import pytest

from agent.clock import ManualClock
from agent.outbox.store import Limits, Outbox
from tests.faults.power_cut import Operation, Recorder, images
from tests.unit.outbox.making import all_pending, entry, letter, opened, segment

IMAGES = int(os.environ.get("GROUNDWIRE_IMAGES", "2000"))
STREAMS = ("erp/orders", "erp/vendors")
SMALL = Limits(
    wal_bytes=256 * 1024, replay_bytes=0, runs_per_stream=3
)  # copies the log into the file every few commits


@dataclass(frozen=True, slots=True)
class Recording:
    start: dict[str, bytes]
    log: list[Operation]
    durable: list[tuple[int, tuple]]  # (operations of the log, state) after each change that was answered


async def state_of(outbox: Outbox) -> tuple:
    """Everything a caller can see, in a form that compares."""
    stats = await outbox.stats()
    return (
        tuple((batch.seq, batch.prev, batch.stream, batch.hash) for batch in await all_pending(outbox)),
        tuple((name, stream.last_seq, stream.acked_seq) for name, stream in stats.streams.items()),
        stats.kept_bytes,
        tuple([await outbox.checkpoint(name) for name in STREAMS]),
        tuple([await fingerprints_of(outbox, name) for name in STREAMS]),
        tuple((found.id, found.key) for found in await outbox.dead_letters(limit=1_000)),
        tuple((command.id, command.state) for command in await outbox.journal.unfinished()),
    )


async def fingerprints_of(outbox: Outbox, stream: str) -> tuple:
    found = await outbox.fingerprints(stream)
    keys = await outbox.keys_of(stream, found.key_hashes)
    return (found.content_hashes.tobytes(), tuple(sorted(keys.values())))


def changes(outbox: Outbox, random: Random, count: int) -> Iterator[Callable[[], Awaitable[object]]]:
    """A working day in small: mostly pages, some acks, now and then the rest."""
    for number in range(count):
        stream = random.choice(STREAMS)
        luck = random.random()
        if luck < 0.55:
            yield lambda s=stream, n=number: outbox.append(page(random, s, n))
        elif luck < 0.75:
            yield lambda s=stream: ack_some(outbox, random, s)
        elif luck < 0.85:
            yield outbox.prune
        elif luck < 0.90:
            yield lambda s=stream: outbox.compact_fingerprints(s)
        elif luck < 0.93:
            yield lambda s=stream: outbox.reset_stream(s)
        elif luck < 0.96:
            yield lambda n=number: outbox.rewound(STREAMS[n % 2], n * 40)
        else:
            yield lambda n=number: outbox.journal.receive(
                f"c{n}", "h", "sync", datetime(2026, 1, 1, tzinfo=UTC), None
            )


def page(random: Random, stream: str, number: int):
    keys = {
        f"{stream}-{random.randrange(60)}": random.getrandbits(64) for _ in range(random.randrange(1, 12))
    }
    return entry(
        *(random.randbytes(random.choice((10, 3_000, 40_000))) for _ in range(random.randrange(1, 3))),
        stream=stream,
        checkpoint=f"checkpoint {number}",
        fingerprints=segment(keys, removed=random.random() < 0.2),
        letters=[letter(f"bad {random.randrange(5)}")] if random.random() < 0.2 else (),
    )


async def ack_some(outbox: Outbox, random: Random, stream: str) -> None:
    seqs = [batch.seq for batch in await all_pending(outbox) if batch.stream == stream]
    if seqs:
        await outbox.mark_acked(stream, random.choice(seqs))


async def record(folder: Path, *, seed: int, steps: int) -> Recording:
    path = folder / "outbox.db"
    async with opened(path):
        pass  # the file is made aside and moved into place; the model begins when it is there
    start = {"outbox.db": path.read_bytes()}
    recorder = Recorder(f"recorder-{seed}")
    outbox = await Outbox.open(path, clock=ManualClock(), limits=SMALL, vfs=f"recorder-{seed}")
    durable = [(0, await state_of(outbox))]
    for change in changes(outbox, Random(seed), steps):
        await change()
        durable.append((len(recorder.log), await state_of(outbox)))
    await outbox.aclose()
    return Recording(start, list(recorder.log), durable)


async def broken_images(recording: Recording, folder: Path, *, count: int, seed: int) -> list[str]:
    """Open every image; say which do not hold what was answered, or hold half of a change."""
    found = []
    for point, fate, files in images(recording.log, recording.start, count=count, seed=seed):
        before = max(index for index, (done, _) in enumerate(recording.durable) if done <= point)
        allowed = [state for _, state in recording.durable[before : before + 2]]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        try:
            async with opened(folder / "outbox.db", limits=SMALL) as outbox:
                if await state_of(outbox) not in allowed:
                    found.append(
                        f"{fate.value} at {point} of {len(recording.log)}: not a state that ever was"
                    )
        except Exception as error:
            found.append(f"{fate.value} at {point} of {len(recording.log)}: {error!r}")
    return found


@pytest.fixture
def small_segments(monkeypatch):
    monkeypatch.setattr("agent.outbox.store.SEGMENTS_BEFORE_COMPACTION", 3)


@pytest.mark.timeout(0 if IMAGES > 2_000 else 120)
@pytest.mark.parametrize("seed", [1, 2])
async def test_every_image_is_a_state_that_was_answered_or_the_one_under_way(tmp_path, small_segments, seed):
    """Opens, is whole, and is exactly the last answered state or that plus the whole of the change under way."""
    recording = await record(tmp_path / "live", seed=seed, steps=120)

    assert await broken_images(recording, tmp_path / "image", count=IMAGES // 2, seed=seed) == []


async def test_the_images_notice_a_log_that_is_never_synced(tmp_path, small_segments):
    """The check above bites: the same recording without the log's syncs loses what was answered."""
    recording = await record(tmp_path / "live", seed=3, steps=60)
    is_kept = [(done.kind, done.name) != ("sync", "outbox.db-wal") for done in recording.log]
    careless = Recording(
        recording.start,
        list(compress(recording.log, is_kept)),
        [(sum(is_kept[:position]), state) for position, state in recording.durable],
    )

    assert await broken_images(careless, tmp_path / "image", count=60, seed=3) != []
