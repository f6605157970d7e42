"""Whatever a power cut leaves on the disk, the audit log opens, holds all that it acknowledged, and verifies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.audit_images import Acknowledged, broken_images, record
from tests.faults.plain_disk import Step

IMAGES = int(os.environ.get("GROUNDWIRE_IMAGES", "2000"))


@pytest.mark.timeout(0 if IMAGES > 2_000 else 240)
def test_every_image_opens_holds_what_was_acknowledged_and_verifies(tmp_path: Path) -> None:
    recording = record(tmp_path / "recorded", seed=1, appends=120)
    kinds = {step.kind for step in recording.log}

    assert {"remove", "replace", "create", "write", "sync"} <= kinds
    assert list(broken_images(recording, tmp_path, count=IMAGES, seed=2)) == []


@pytest.mark.parametrize("forgotten", ["sync", "sync_folder"])
def test_the_images_notice_what_is_never_synced(tmp_path: Path, forgotten: str) -> None:
    recording = record(tmp_path / "recorded", seed=3, appends=60)
    recording.log = [step for step in recording.log if step.kind != forgotten]
    recording.acknowledged = [
        Acknowledged(0),
        Acknowledged(len(recording.log), recording.acknowledged[-1].numbers),
    ]

    assert any(broken_images(recording, tmp_path, count=200, seed=4))


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
    recording.acknowledged = [Acknowledged(0)]

    assert any(broken_images(recording, tmp_path, count=600, seed=6))
