"""A few days of an audit log on a disk that is recorded, and what is wrong with the images that a power cut leaves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from agent.audit.chain import Chain
from agent.audit.disk import Disk
from agent.audit.folder import FOLDER, make_folder, read_head
from tests.faults.plain_disk import RecordingDisk, Step, images
from tests.unit.audit.keeping import NOON, QuickDisk, actions, checked, did, entry, new_chain

RETENTION = timedelta(days=2)
LATER = NOON + timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    steps: int  # done when the lines were acknowledged
    numbers: frozenset[int] = frozenset()  # of our lines on the disk
    newest: int = 0  # line of the log


@dataclass(slots=True)
class Recording:
    start: dict[str, bytes]
    log: list[Step]
    acknowledged: list[Acknowledged] = field(default_factory=lambda: [Acknowledged(0)])

    def after(self, steps: int) -> tuple[frozenset[int], int]:
        """What was acknowledged by then and not about to be removed by retention; the newest line of all."""
        at = max(place for place, one in enumerate(self.acknowledged) if one.steps <= steps)
        now, then = self.acknowledged[at], self.acknowledged[min(at + 1, len(self.acknowledged) - 1)]
        return now.numbers & then.numbers, now.newest


def record(state_dir: Path, *, seed: int, appends: int) -> Recording:
    """Lines alone and together, nights, restarts, and a clock that steps back, also over midnight."""
    random = Random(seed)
    make_folder(Disk(), state_dir / FOLDER)
    disk = RecordingDisk(state_dir / FOLDER)
    recording = Recording(disk.start, disk.log)
    chain = new_chain(state_dir, disk=disk, retention=RETENTION)
    moment, number = NOON, 0
    for _ in range(appends):
        moment += timedelta(hours=random.choice((0, 0, 1, 7)), seconds=random.choice((1, 1, 1, -90)))
        moment -= timedelta(hours=random.choices((0, 30), (49, 1))[0])
        if random.random() < 0.1:
            _restart(chain, random, moment)
        count = random.choice((1, 1, 1, 2, 5, 30))
        chain.append([entry(number + step, moment) for step in range(count)])
        number += count
        there = frozenset(did(state_dir))
        recording.acknowledged.append(Acknowledged(len(disk.log), there, chain.head.n))
    chain.close()
    return recording


def _restart(chain: Chain, random: Random, moment: datetime) -> None:
    if random.random() < 0.5:
        chain.checkpoint(moment)
    chain.close()


def broken_images(recording: Recording, folder: Path, *, count: int, seed: int) -> Iterator[str]:
    """What is wrong with each image that is not as it must be."""
    for number, (steps, files) in enumerate(images(recording.log, recording.start, count=count, seed=seed)):
        state_dir = folder / str(number)
        audit = state_dir / FOLDER
        audit.mkdir(parents=True)
        for name, content in files.items():
            (audit / name).write_bytes(content)
        (audit / "key").chmod(0o600)
        sure, newest = recording.after(steps)
        if trouble := _trouble(state_dir, sure, newest):
            yield f"image {number} after {steps} steps: {trouble}"
        shutil.rmtree(state_dir)


def _trouble(state_dir: Path, sure: frozenset[int], newest: int) -> str:
    head = read_head(Disk(), state_dir / FOLDER)
    if newest and (head is None or head.n < newest):
        return f"the head does not reach the line {newest}, which was acknowledged"
    chain = new_chain(state_dir, disk=QuickDisk())
    chain.append([entry(-1, LATER)])
    chain.close()
    report = checked(state_dir)
    if not report.ok:
        return f"{report.faults[0]}"
    if "chain_broken" in actions(state_dir):
        return "a crash was taken for damage"
    there = did(state_dir)
    if missing := sure - set(there):
        return f"acknowledged and not there: {sorted(missing)}"
    return "" if there == [*sorted(there[:-1]), -1] else "out of order"
