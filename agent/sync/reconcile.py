"""Deletions, found by comparison: keys known here that a complete walk of the source no longer shows.

Nothing is concluded from a walk that was cut short, nor from one walk alone, which may pass a record by, and a share of deletions above the limit waits for a person.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import numpy as np
import pyarrow as pa

from agent.errors import DeletionsHeld
from agent.mapping.hashes import key_hashes
from agent.sync.known import Hashes, Known
from agent.sync.pages import Readable, every_page
from agent.sync.withheld import Withheld
from drivers.contract import KEY_COLUMN, ReadMode, ReadRequest, StreamSpec

KEYS_PER_PAGE: Final = 50_000  # keys alone are short: about 1 MiB a page
TOMBSTONES_PER_BATCH: Final = 10_000
MAX_MISSED: Final = 10_000  # records fetched by key in one run; the rest follows with the next comparison
MAX_LOOKED_UP: Final = 1_000  # records that a walk did not meet and that are looked for by their keys
FEW: Final = 10  # so many deletions are never held back: a share says nothing about a handful


@dataclass(frozen=True, slots=True)
class DeletionSettings:
    compare_keys: bool
    every: timedelta  # zero: with every run
    max_share: float


@dataclass(slots=True)
class SeenKeys:
    """The key hashes a walk has shown, 8 bytes each."""

    _parts: list[Hashes] = field(default_factory=list)

    def add(self, keys: Hashes) -> None:
        self._parts.append(keys)

    def all(self) -> Hashes:
        return np.concatenate(self._parts) if self._parts else np.empty(0, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Comparison:
    gone: Hashes  # known here, not at the source
    missed: tuple[str, ...] = ()  # at the source, not known here


async def compare_with_source(
    source: Readable, stream: StreamSpec, known: Known, withheld: Withheld, *, where: str
) -> Comparison:
    """Read every key of the source and compare. Raises TransientError when the read ends before its last page.

    What the policy withheld before is not missed.
    """
    seen = SeenKeys()
    missed: list[str] = []
    request = ReadRequest(stream, ReadMode.KEYS, page_rows=KEYS_PER_PAGE)
    async with aclosing(every_page(source, request, where=where)) as pages:
        async for page in pages:
            hashes = key_hashes(page.table[KEY_COLUMN])
            seen.add(hashes)
            if len(missed) < MAX_MISSED:
                unknown = pa.array(~(known.is_known(hashes) | withheld.holds(hashes)))
                missed += page.table[KEY_COLUMN].filter(unknown).to_pylist()
    return Comparison(known.missing_from(seen.all()), tuple(missed[:MAX_MISSED]))


def check_share(gone: int, known: int, settings: DeletionSettings, *, where: str) -> None:
    """Raise DeletionsHeld when more is gone than the stream's settings let pass by themselves."""
    if gone <= FEW or gone <= known * settings.max_share:
        return
    raise DeletionsHeld(
        f"{gone} of {known} records are gone at the source, more than max_delete_share = {settings.max_share:g} lets "
        "pass; nothing was marked as deleted",
        where=where,
        hint=f"If they really are gone: `groundwire sync {where} --accept-deletions`. If not, look at the query's filter "
        "and the account's permissions.",
    )
