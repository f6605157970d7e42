"""Records that the policy keeps here: known by their key's hash while the agent runs, so that no comparison fetches
them again and again. Nothing of them is stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.sync.known import Hashes

MOST_KEYS: Final = (
    1_000_000  # 8 MiB a stream; beyond it the oldest are looked at again at the next comparison
)
_MERGE_ABOVE: Final = 16  # parts


@dataclass(slots=True)
class Withheld:
    """The key hashes of one stream's withheld records; lives as long as its connection is in force."""

    most: int = MOST_KEYS
    _parts: list[Hashes] = field(default_factory=list)  # oldest first

    def add(self, key_hashes: Hashes) -> None:
        if not len(key_hashes):
            return
        self._parts.append(np.unique(key_hashes))
        if len(self._parts) > _MERGE_ABOVE or self._parts[-1].size > self.most:
            self._merge()

    def holds(self, key_hashes: Hashes) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(key_hashes), dtype=bool)
        for part in self._parts:
            found |= np.isin(key_hashes, part)
        return found

    def __len__(self) -> int:
        self._merge()
        return sum(map(len, self._parts))

    def _merge(self) -> None:
        if not self._parts:
            return
        # Newest first, each key once: what has to go is what was not met for longest.
        whole = np.concatenate(self._parts[::-1])
        _, first = np.unique(whole, return_index=True)
        newest_first = whole[np.sort(first)]
        self._parts = [newest_first[: self.most][::-1]]
