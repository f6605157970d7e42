"""A set read by the server's own links, for services that cannot put it in order by key.

Such a server counts the records that it gave, or keeps a place of its own, and a record that is deleted while the walk
is under way may move others to where it does not look any more. So a walk is believed only when another walk over
the keys, behind it, misses none of the keys that it brought: then nothing moved. What the second one brings besides is
read by key. So no record is missed that was there from the beginning to the end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drivers.contract import SourceBusy, SourceChanged
from drivers.keys import encode_key
from drivers.odata.edm import Property
from drivers.odata.fetching import MAX_LINKS, SetReader
from drivers.odata.line_sets import keys_in
from drivers.odata.naming import Key
from drivers.odata.shape import Node
from drivers.odata.walking import repeated

WALKS: Final = 4  # over the keys, until one misses none of those that the one before it brought
MAX_LINK_CHARS: Final = 8_000  # longer than any URL that servers take
ANSWERS: Final = 100  # for one page, which may be empty: whoever waits for pages hears that the walk goes on


@dataclass(frozen=True, slots=True)
class Place:
    """How far a read has come."""

    link: str = ""  # of the answer that holds the last record; empty: the first answer
    last: str = ""  # the key of that record
    begun: int = 0  # how often the read began anew: it may come by the same place again


@dataclass(frozen=True, slots=True)
class LinkedPage:
    rows: list[Any]
    place: Place
    complete: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    row: Any
    place: Place


class _Walk:
    def __init__(self, reader: SetReader, conditions: Sequence[str], link: str = "") -> None:
        self._reader = reader
        self._conditions = conditions
        self._followed: set[str] = set()
        self._idle = 0
        self.link: str | None = link  # of the next answer; None: that was the last

    async def answer(self, rows: int, *, where: str) -> list[Any]:
        link = str(self.link)
        if len(link) > MAX_LINK_CHARS:
            raise SourceChanged(
                f"the server gave a link of {len(link)} characters",
                where=where,
                hint="A place in a set is kept with each page, so it may be no longer than "
                f"{MAX_LINK_CHARS}. Read the stream by key, if the service can put it in order.",
            )
        if link in self._followed or self._idle > MAX_LINKS:
            raise SourceChanged(
                "the server's links go in circles",
                where=where,
                hint="This is a fault of the service: tell the ERP's team.",
            )
        self._followed.add(link)
        found = await self._reader.linked(self._conditions, link, rows)
        self.link = found.next
        return found.rows

    def brought(self, new: int) -> None:
        """So many records of the last answer were in none before it."""
        self._idle = 0 if new else self._idle + 1


class _Comparison:
    """Walks over the keys, behind the walk that brought the records of `seen`."""

    def __init__(
        self, keys: SetReader, key: Sequence[Property], conditions: Sequence[str], seen: set[int], where: str
    ) -> None:
        """What the walks bring besides joins `seen`."""
        self._keys = keys
        self._key = key
        self._conditions = conditions
        self._seen = seen
        self._where = where
        self._before, self._now = set(seen), set[int]()
        self._walks = 1
        self._walk = _Walk(keys, conditions)
        self.missed: list[list[str]] = []  # keys that the first walk did not come by
        self.done = False

    async def go_on(self, wanted: int) -> None:
        """Take one answer. Raises SourceBusy where records are deleted during every walk."""
        keys = keys_in(await self._walk.answer(wanted, where=self._where), self._key, Node(tuple(self._key)))
        known = len(self._now)
        self._now.update(map(hash, keys))
        self._walk.brought(len(self._now) - known)
        for each in keys:
            if hash(each) not in self._seen:
                self._seen.add(hash(each))
                self.missed.append(list(map(str, each)))
        if self._walk.link is None:
            self._end()

    def _end(self) -> None:
        if self._before <= self._now:
            self.done = True
            return
        if self._walks == WALKS:
            raise SourceBusy(
                f"records were deleted during each of {WALKS} walks over the keys, so none of them is known to be whole",
                where=self._where,
                hint="It is tried again by itself. If it lasts, read this stream at a quieter hour.",
            )
        self._before, self._now = self._now, set()
        self._walk = _Walk(self._keys, self._conditions)
        self._walks += 1


class LinkedPages:
    def __init__(
        self,
        reader: SetReader,
        keys: SetReader,
        key: Sequence[Property],
        tree: Node,
        conditions: Sequence[str],
        named: Callable[[list[list[str]]], Awaitable[list[Any]]],
        *,
        keys_wanted: int,
        where: str,
    ) -> None:
        """`keys` reads the key properties alone, so many to an answer; `named` reads records by key."""
        self._reader = reader
        self._keys = keys
        self._key = key
        self._tree = tree
        self._conditions = conditions
        self._named = named
        self._where = where
        self._walk: _Walk | None = None
        self._whole = True  # the walk began at the beginning, so it can be held against another
        self._place = Place()
        self._begun = 0
        self._waiting: list[_Waiting] = []
        self._seen: set[int] = set()  # hashes of keys
        self._keys_wanted = keys_wanted
        self._comparison: _Comparison | None = None

    async def page(self, place: Place | None, wanted: int) -> LinkedPage:
        """`place` says where the first page begins; the further ones follow each other."""
        if self._walk is None:
            self._walk = await self._begin(place, wanted)
        more, answers = True, ANSWERS
        while more and answers and len(self._waiting) < wanted:
            more = await self._go_on(self._walk, wanted)
            answers -= 1
        taken, self._waiting = self._waiting[:wanted], self._waiting[wanted:]
        if taken:
            self._place = taken[-1].place
        return LinkedPage([each.row for each in taken], self._place, not more and not self._waiting)

    async def _begin(self, place: Place | None, wanted: int) -> _Walk:
        if place is None or not place.last:
            return _Walk(self._reader, self._conditions)
        walk = _Walk(self._reader, self._conditions, place.link)
        try:
            rows = await walk.answer(wanted, where=self._where)
        except SourceChanged:
            # The server's place is gone: from the beginning, which gives again what was given before and misses nothing.
            self._begun = place.begun + 1
            return _Walk(self._reader, self._conditions)
        self._whole, self._place, self._begun = False, place, place.begun
        keys = [_text(each) for each in keys_in(rows, self._key, self._tree)]
        # Where the last record has moved, all of its answer is given again.
        self._take(rows[keys.index(place.last) + 1 :] if place.last in keys else rows, place.link)
        return walk

    async def _go_on(self, walk: _Walk, wanted: int) -> bool:
        """Get what comes next; False at the end of it all."""
        if walk.link is not None:
            link = walk.link
            walk.brought(self._take(await walk.answer(wanted, where=self._where), link))
            return True
        if not self._whole:
            return False
        if self._comparison is None:
            self._comparison = _Comparison(self._keys, self._key, self._conditions, self._seen, self._where)
        if not self._comparison.done:
            await self._comparison.go_on(self._keys_wanted)
            return True
        missed = self._comparison.missed
        named, missed[:wanted] = missed[:wanted], []
        found = await self._named(named)
        link = self._waiting[-1].place.link if self._waiting else self._place.link
        for row, key in zip(found, keys_in(found, self._key, self._tree), strict=True):
            self._waiting.append(_Waiting(row, Place(link, _text(key), self._begun)))
        return bool(named)

    def _take(self, rows: Sequence[Any], link: str) -> int:
        """How many are new: a record that moved to where the walk comes to is not given twice."""
        keys = keys_in(list(rows), self._key, self._tree)
        if len(set(keys)) < len(keys):  # in one answer nothing moves
            twice = next(each for number, each in enumerate(keys) if each in keys[:number])
            raise repeated(_text(twice), f"{self._where}.key")
        known = len(self._waiting)
        for row, key in zip(rows, keys, strict=True):
            if hash(key) not in self._seen:
                self._seen.add(hash(key))
                self._waiting.append(_Waiting(row, Place(link, _text(key), self._begun)))
        return len(self._waiting) - known


def _text(key: Key) -> str:
    return encode_key([str(each) for each in key])
