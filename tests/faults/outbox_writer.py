"""A process that fills an outbox until it is killed, and says what it was answered. Run by test_outbox_kill.py."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from agent.clock import SystemClock
from agent.outbox.store import Limits, Outbox
from tests.unit.outbox.making import STREAM, entry, segment


async def main(path: Path, seed: int) -> None:
    dice = random.Random(seed)
    limits = Limits(wal_bytes=256 * 1024, replay_bytes=100_000)
    async with await Outbox.open(path, clock=SystemClock(), limits=limits) as outbox:
        print("ready", flush=True)
        while True:
            number = dice.randrange(10**9)
            page = entry(
                dice.randbytes(dice.choice((100, 30_000))),
                checkpoint=f"{number}",
                fingerprints=segment({f"key {number}": number}),
            )
            # "about to" may come true or not; "done" must be true for ever.
            print(f"appending {number}", flush=True)
            (seq,) = await outbox.append(page)
            print(f"appended {number} {seq}", flush=True)
            if dice.random() < 0.3:
                acked = seq - dice.randrange(3)
                print(f"acking {acked}", flush=True)
                await outbox.mark_acked(STREAM, max(acked, 0))
            if dice.random() < 0.1:
                await outbox.prune()
                await outbox.compact_fingerprints(STREAM)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
