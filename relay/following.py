"""What a reader of the feed is given next: stored batches behind its place, in order, in pieces of bounded size.

A piece is a stretch of rows of one batch. The batch itself is opened anew for each piece, from those that the relay
keeps open anyhow, so that a slow reader holds no more than the bytes it has not taken yet.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from agent.clock import Clock
from relay.documents import BatchGone, Documents, OpenBatch
from relay.places import WHOLE_BATCH, behind
from relay.store.base import BatchHeader, Place, Store

PIECE_ROWS: Final = 500
HEADERS_AT_ONCE: Final = 64
MAX_HEADERS: Final = 20_000  # looked at for one answer; run reports and the like are passed over
MAX_SECONDS: Final = 60.0  # of one answer; a slower reader comes again with the cursor it ends with
KINDS: Final = ("records", "tombstones")


@dataclass(frozen=True, slots=True)
class Wanted:
    tenant: str
    connection: str = ""
    entity: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    opened: OpenBatch
    first: int
    end: int  # behind the last row
    place: Place  # behind this piece


class Following:
    """One answer. `place` is where the next one goes on, `more` whether something waits there; both once it ended."""

    def __init__(
        self, store: Store, documents: Documents, clock: Clock, wanted: Wanted, after: Place, limit: int
    ) -> None:
        self._store = store
        self._documents = documents
        self._clock = clock
        self._wanted = wanted
        self._left = limit
        self._headers_left = MAX_HEADERS
        self._until = clock.monotonic() + MAX_SECONDS
        self._ahead: list[BatchHeader] = []
        self._ended = False
        self._upto: int | None = None  # what comes later is of the next answer, or this one might never end
        self.place = after
        self.more = False

    async def begin(self) -> bool:
        """Look for what comes next; False: there is nothing yet."""
        return await self._look()

    async def pieces(self) -> AsyncIterator[Piece]:
        while self._ahead or (not self._ended and await self._look()):
            header = self._ahead[0]
            if not self._goes_on:
                self.more = True
                return
            piece = await self._piece(header)
            if piece is None or piece.place.row == WHOLE_BATCH:
                self._ahead.pop(0)
            if piece is None:
                self.place = behind(header.position)
                continue
            self._left -= piece.end - piece.first
            yield piece
            # Only now: an answer that ends here was not taken any further.
            self.place = piece.place

    @property
    def _goes_on(self) -> bool:
        return self._left > 0 and self._clock.monotonic() < self._until

    async def _look(self) -> bool:
        """Fetch the next headers of batches that hold records; what holds none is passed over."""
        wanted = self._wanted
        if self._upto is None:
            self._upto = await self._store.last_position()
        while self._headers_left > 0:
            whole = self.place.row == WHOLE_BATCH
            found = await self._store.headers(
                self.place.position - (not whole),
                HEADERS_AT_ONCE,
                tenant=wanted.tenant,
                connection=wanted.connection,
                entity=wanted.entity,
            )
            self._headers_left -= len(found)
            there = [header for header in found if header.position <= self._upto]
            self._ahead = [header for header in there if header.kind in KINDS and not header.damaged]
            if self._ahead:
                return True
            ended = len(there) < HEADERS_AT_ONCE
            # With nothing of this reader's behind its place, the end of the store is as good, and a shorter way back.
            reached = self._upto if ended else there[-1].position
            self.place = max(self.place, behind(reached))
            if ended:
                self._ended = True
                return False
        self.more = self._ended = True
        return False

    async def _piece(self, header: BatchHeader) -> Piece | None:
        try:
            opened = await self._documents.batch(header.position)
        except BatchGone:  # everything in it has come again since, and is found behind it
            return None
        if opened.header.damaged:  # found just now
            return None
        here = self.place.position == header.position
        first = self.place.row + 1 if here and self.place.row != WHOLE_BATCH else 0
        rows = opened.rows
        if first >= rows:
            return None
        end = min(first + min(PIECE_ROWS, self._left), rows)
        row = WHOLE_BATCH if end == rows else end - 1
        return Piece(opened, first, end, Place(header.position, row))
