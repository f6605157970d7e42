"""Which acked batches go. Pure: the store hands in what it holds and deletes what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class SettledBatch:
    seq: int
    settled_at: datetime
    bytes: int


def plan_prune(
    oldest: Sequence[SettledBatch],
    *,
    now: datetime,
    replay_window: timedelta,
    kept_bytes: int,
    replay_bytes: int,
) -> list[int]:
    """Choose the batches that have left the replay window, and the oldest ones while all kept ones are too many bytes.

    `oldest` may be the head of a longer list; `kept_bytes` counts all of it.
    """
    chosen = []
    for batch in oldest:
        if now - batch.settled_at <= replay_window and kept_bytes <= replay_bytes:
            break
        chosen.append(batch.seq)
        kept_bytes -= batch.bytes
    return chosen
