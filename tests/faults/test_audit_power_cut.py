"""G38: whatever a power cut leaves on the disk, the audit log opens, holds all that it acknowledged, and verifies."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from agent.audit.chain import Chain
from agent.audit.disk import Disk
from agent.audit.folder import FOLDER, make_folder
from tests.faults.plain_disk import RecordingDisk, Step, images
from tests.unit.audit.keeping import NOON, QuickDisk, actions, checked, did, entry, new_chain

IMAGES = int(os.environ.get("GROUNDWIRE_IMAGES", "2000"))
RETENTION = timedelta(days=2)


@dataclass(slots=True)
class Recording:
    start: dict[str, bytes]
    log: list[Step]
    acknowledged: list[tuple[int, frozenset[int]]] = field(default_factory=list)  # steps done -> ours on disk

    def surely_there(self, steps: int) -> frozenset[int]:
        """What was acknowledged by then, and was not about to be removed by retention."""
        at = max(place for place, (done, _) in enumerate(self.acknowledged) if done <= steps)
        now, then = self.acknowledged[at][1], self.acknowledged[min(at + 1, len(self.acknowledged) - 1)][1]
        return now & then


def record(state_dir: Path, *, seed: int, appends: int) -> Recording:
    """A few days in small: lines alone and together, nights, restarts, and a clock that steps back."""
    random = Random(seed)
    make_folder(Disk(), state_dir / FOLDER)
    disk = RecordingDisk(state_dir / FOLDER)
    recording = Recording(disk.start, disk.log, [(0, frozenset())])
    chain = new_chain(state_dir, disk=disk, retention=RETENTION)
    moment, number = NOON, 0
    for _ in range(appends):
        moment += timedelta(hours=random.choice((0, 0, 1, 7)), seconds=random.choice((1, 1, 1, -90)))
        if random.random() < 0.1:
            _restart(chain, random, moment)
        count = random.choice((1, 1, 1, 2, 5, 30))
        chain.append([entry(number + step, moment) for step in range(count)])
        number += count
        recording.acknowledged.append((len(disk.log), frozenset(did(state_dir))))
    chain.close()
    return recording


def _restart(chain: Chain, random: Random, moment: object) -> None:
    if random.random() < 0.5:
        chain.checkpoint(moment)  # type: ignore[arg-type]
    chain.close()


def broken_images(recording: Recording, folder: Path, *, count: int, seed: int) -> list[str]:
    found = []
    for number, (steps, files) in enumerate(images(recording.log, recording.start, count=count, seed=seed)):
        state_dir = folder / str(number)
        audit = state_dir / FOLDER
        audit.mkdir(parents=True)
        for name, content in files.items():
            (audit / name).write_bytes(content)
        (audit / "key").chmod(0o600)
        if trouble := _trouble(state_dir, recording.surely_there(steps)):
            found.append(f"image {number} after {steps} steps: {trouble}")
        for path in audit.iterdir():
            path.unlink()
    return found


def _trouble(state_dir: Path, sure: frozenset[int]) -> str:
    chain = new_chain(state_dir, disk=QuickDisk())
    chain.append([entry(-1, NOON + timedelta(days=400))])
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


def test_every_image_opens_holds_what_was_acknowledged_and_verifies(tmp_path: Path) -> None:
    recording = record(tmp_path / "recorded", seed=1, appends=120)
    kinds = {step.kind for step in recording.log}

    assert {"remove", "replace", "create", "write", "sync"} <= kinds
    assert broken_images(recording, tmp_path, count=IMAGES, seed=2) == []


@pytest.mark.parametrize("forgotten", ["sync", "sync_folder"])
def test_the_images_notice_what_is_never_synced(tmp_path: Path, forgotten: str) -> None:
    recording = record(tmp_path / "recorded", seed=3, appends=60)
    recording.log = [step for step in recording.log if step.kind != forgotten]
    recording.acknowledged = [(0, frozenset()), (len(recording.log), recording.acknowledged[-1][1])]

    assert broken_images(recording, tmp_path, count=200, seed=4) != []


def test_the_images_notice_a_head_that_is_written_before_its_lines(tmp_path: Path) -> None:
    recording = record(tmp_path / "recorded", seed=5, appends=60)
    # Each line's sync comes only after the head's: as if the two had changed places.
    log, held = [], list[Step]()
    for step in recording.log:
        if step.kind == "sync" and not held:
            held.append(step)
            continue
        log.append(step)
        if step.kind == "sync":
            log += held
            held.clear()
    recording.log = [*log, *held]
    recording.acknowledged = [(0, frozenset())]

    assert broken_images(recording, tmp_path, count=600, seed=6) != []
