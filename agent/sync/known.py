"""What is already known of a stream: the hash of each record last enqueued, in 16 bytes a record. Pure.

64-bit hashes: two of ten million keys share one with a probability of about three in a million; both would then count as
changed at every comparison, so they travel too often and are never lost.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

MAX_RECENT_RUNS: Final = 16  # sorted arrays searched one by one before they are merged into one


class Known:
    """Key hash -> content hash, as sorted arrays; newer knowledge wins."""

    def __init__(self, key_hashes: Hashes, content_hashes: Hashes) -> None:
        """Begin with what the outbox holds: aligned arrays, sorted by key hash, each key once."""
        self._at_start = key_hashes
        self._runs: list[tuple[Hashes, Hashes]] = [(key_hashes, content_hashes)]

    def is_changed(self, key_hashes: Hashes, content_hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Say for each record of a page whether it is new, or other than when it was last enqueued."""
        changed = np.ones(len(key_hashes), dtype=bool)
        undecided = np.ones(len(key_hashes), dtype=bool)
        for keys, contents in reversed(self._runs):
            if not len(keys):
                continue
            place = np.minimum(np.searchsorted(keys, key_hashes), len(keys) - 1)
            found = undecided & (keys[place] == key_hashes)
            changed[found] = contents[place[found]] != content_hashes[found]
            undecided &= ~found
        return changed

    def is_known(self, key_hashes: Hashes) -> npt.NDArray[np.bool_]:
        known = np.zeros(len(key_hashes), dtype=bool)
        for keys, _ in self._runs:
            known |= among(key_hashes, keys)
        return known

    def learn(self, key_hashes: Hashes, content_hashes: Hashes) -> None:
        """Take in what has just become durable."""
        if not len(key_hashes):
            return
        order = np.argsort(key_hashes, kind="stable")
        self._runs.append((key_hashes[order], content_hashes[order]))
        if len(self._runs) > MAX_RECENT_RUNS:
            self._runs = [_merged(self._runs)]

    def forget(self, key_hashes: Hashes) -> None:
        """These are no longer at the relay: a tombstone for them has just become durable."""
        if len(key_hashes):
            self._at_start = self._at_start[~np.isin(self._at_start, key_hashes)]
            kept = [~np.isin(keys, key_hashes) for keys, _ in self._runs]
            self._runs = [(run[0][keep], run[1][keep]) for run, keep in zip(self._runs, kept, strict=True)]

    def missing_from(self, seen: Hashes) -> Hashes:
        """The keys known when the run began, and not forgotten since, that a complete walk did not see: gone at the source."""
        return np.setdiff1d(self._at_start, seen, assume_unique=False)

    def count_at_start(self) -> int:
        return len(self._at_start)


def among(hashes: Hashes, in_order: Hashes) -> npt.NDArray[np.bool_]:
    """Which of a few are among many that are sorted. `np.isin` would sort the many each time."""
    if not len(in_order):
        return np.zeros(len(hashes), dtype=bool)
    place = np.minimum(np.searchsorted(in_order, hashes), len(in_order) - 1)
    return np.asarray(in_order[place] == hashes)


def _merged(runs: list[tuple[Hashes, Hashes]]) -> tuple[Hashes, Hashes]:
    keys = np.concatenate([run[0] for run in runs])
    contents = np.concatenate([run[1] for run in runs])
    # Stable, so that of equal keys the newest stands last; keep that one.
    order = np.argsort(keys, kind="stable")
    keys, contents = keys[order], contents[order]
    last = np.append(keys[1:] != keys[:-1], [True])
    return keys[last], contents[last]
