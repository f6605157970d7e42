"""Cursors as readers have them: given out, taken back, and refused where the store is not the one they were given by."""

from __future__ import annotations

from dataclasses import dataclass, replace

from relay.eras import Standing
from relay.places import Kept, close_place, open_place
from relay.seals import Seals
from relay.store import eras
from relay.store.base import Place
from relay.store.sql import Engine


class StrangeCursor(Exception):
    """It was not given out here, or not for this."""


class OutlivedCursor(Exception):
    """The store came back from a copy that is older than what the reader has."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a reader's cursor says; whether the store bears it out is another question."""

    place: Place
    era: bytes | None  # None: it is the beginning, which every store has
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bookmark:
    """One reader's place, and the means to give it later ones."""

    place: Place
    standing: Standing
    seals: Seals
    about: tuple[str, ...]

    def cursor(self, place: Place) -> str:
        return close_place(self.seals, Kept(self.standing.era, place), *self.about)


class Cursors:
    def __init__(self, engine: Engine, seals: Seals) -> None:
        self._engine = engine
        self.seals = seals

    @classmethod
    async def open(cls, engine: Engine) -> Cursors:
        """With the store's own key, made if it has none yet."""
        key = await engine.read(eras.seal_key)
        if key is None:
            key = await engine.write(eras.make_seal_key)
        return cls(engine, Seals(key))

    def take(self, cursor: str, *about: str) -> Taken:
        """`about`: the tenant first. An empty cursor is the beginning. Raises StrangeCursor."""
        if not cursor:
            return Taken(Place(), None, about)
        kept = open_place(self.seals, cursor, *about)
        if kept is None:
            raise StrangeCursor
        return Taken(kept.place, kept.era, about)

    async def bear_out(self, taken: Taken) -> Bookmark:
        """For the places that were found behind it before this is called: later ones may be of another era.

        Raises OutlivedCursor.
        """
        standing = await self._engine.recall(("standing", taken.era), lambda db: eras.standing(db, taken.era))
        if taken.place.position > standing.last:  # as it was when it was remembered
            standing = await self._standing(taken.era)
        if taken.era is not None and not standing.bears_out(taken.place.position):
            raise OutlivedCursor
        return Bookmark(taken.place, standing, self.seals, taken.about)

    async def read(self, cursor: str, *about: str) -> Bookmark:
        """Raises StrangeCursor and OutlivedCursor."""
        return await self.bear_out(self.take(cursor, *about))

    async def renewed(self, bookmark: Bookmark) -> Bookmark:
        """For the places that were found since it was read: the first append behind an opening began another era.

        Raises OutlivedCursor.
        """
        standing = await self._standing(bookmark.standing.era)
        if not standing.bears_out(bookmark.place.position):
            raise OutlivedCursor
        return replace(bookmark, standing=standing)

    async def _standing(self, era: bytes | None) -> Standing:
        return await self._engine.read(lambda db: eras.standing(db, era))
