"""F01: `kill -9` of a process that writes, again and again, over the same file."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from agent.clock import ManualClock
from agent.errors import AlreadyRunning
from agent.outbox.store import Outbox
from tests.unit.outbox.making import STREAM, all_pending, hash_of, opened

CYCLES = int(os.environ.get("GROUNDWIRE_KILLS", "20"))
ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Answers:
    """What the writers said before they died."""

    appended: dict[int, int] = field(default_factory=dict)  # number of a page -> seq
    under_way: set[int] = field(default_factory=set)  # pages that may be there or not
    acked: int = 0  # the highest ack that was asked for

    def read(self, line: str) -> None:
        match line.split():
            case ["appending", number]:
                self.under_way.add(int(number))
            case ["appended", number, seq]:
                self.under_way.discard(int(number))
                self.appended[int(number)] = int(seq)
            case ["acking", seq]:
                self.acked = max(self.acked, int(seq))


def start_writer(path: Path, seed: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.outbox_writer", str(path), str(seed)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def run_until_killed(path: Path, seed: int, answers: Answers) -> None:
    """Kill the writer after a random number of its lines; take in all that it had said by then."""
    lines = Random(seed).randrange(2, 60)
    with start_writer(path, seed) as writer:
        assert writer.stdout is not None
        for _ in range(lines):
            answers.read(writer.stdout.readline())
        writer.kill()
        for line in writer.stdout:
            if line.endswith("\n"):
                answers.read(line)


@pytest.mark.timeout(0 if CYCLES > 20 else 120)
async def test_whatever_was_answered_is_there_after_every_kill(tmp_path):
    path = tmp_path / "outbox.db"
    answers = Answers()
    for seed in range(CYCLES):
        run_until_killed(path, seed, answers)

        async with opened(path) as outbox:
            batches = await all_pending(outbox)
            seqs = [batch.seq for batch in batches]
            owed = {seq for seq in answers.appended.values() if seq > answers.acked}
            assert owed <= set(seqs)
            assert all(later.prev == earlier.seq for earlier, later in pairwise(batches))
            known = (await outbox.fingerprints(STREAM)).key_hashes.tolist()
            assert {hash_of(f"key {number}") for number in answers.appended} <= set(known)
            newest = max(answers.appended, key=lambda number: answers.appended[number], default=None)
            answered = None if newest is None else str(newest)
            assert await outbox.checkpoint(STREAM) in {answered, *map(str, answers.under_way)}
            assert outbox.damaged == 0
            # A page under way at the kill is there whole or not at all; from now on it is one or the other.
            landed = [number for number in answers.under_way if hash_of(f"key {number}") in known]
            last_seq = max((stream.last_seq for stream in (await outbox.stats()).streams.values()), default=0)
            answers.appended |= dict.fromkeys(landed, last_seq)
            answers.under_way.clear()
    assert len(answers.appended) > CYCLES


async def test_the_state_of_a_living_process_cannot_be_opened_and_that_of_a_killed_one_can(tmp_path):
    path = tmp_path / "outbox.db"
    with start_writer(path, 1) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        with pytest.raises(AlreadyRunning):
            await Outbox.open(path, clock=ManualClock())
        writer.kill()

    async with opened(path) as outbox:
        assert await outbox.stats()
