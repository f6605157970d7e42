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
from drivers.odata.fetching import SetReader
from drivers.odata.line_sets import keys_in
from drivers.odata.naming import Key
from drivers.odata.shape import Node

WALKS: Final = 4  # over the keys, until one misses none of those that the one before it brought


@dataclass(frozen=True, slots=True)
class Place:
    """How far a read has come."""

    link: str = ""  # of the answer that holds the last record; empty: the first answer
    last: str = ""  # the key of that record


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
        self.link: str | None = link  # of the next answer; None: that was the last

    async def answer(self, rows: int, *, where: str) -> list[Any]:
        link = str(self.link)
        if link in self._followed:
            raise SourceChanged(
                "the server's links go in circles",
                where=where,
                hint="This is a fault of the service: tell the ERP's team.",
            )
        self._followed.add(link)
        found = await self._reader.linked(self._conditions, link, rows)
        self.link = found.next
        return found.rows


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
        where: str,
    ) -> None:
        """`keys` reads the key properties alone; `named` reads records by key."""
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
        self._waiting: list[_Waiting] = []
        self._seen: set[int] = set()  # hashes of keys
        self._missed: list[list[str]] | None = None

    async def page(self, place: Place | None, wanted: int) -> LinkedPage:
        """`place` says where the first page begins; the further ones follow each other."""
        if self._walk is None:
            self._walk = await self._begin(place, wanted)
        more = True
        while more and len(self._waiting) < wanted:
            more = await self._go_on(self._walk, wanted)
        taken, self._waiting = self._waiting[:wanted], self._waiting[wanted:]
        if taken:
            self._place = taken[-1].place
        return LinkedPage([each.row for each in taken], self._place, not more and not self._waiting)

    async def _begin(self, place: Place | None, wanted: int) -> _Walk:
        if place is None:
            return _Walk(self._reader, self._conditions)
        walk = _Walk(self._reader, self._conditions, place.link)
        try:
            rows = await walk.answer(wanted, where=self._where)
        except SourceChanged:
            # The server's place is gone: from the beginning, which gives again what was given before and misses nothing.
            return _Walk(self._reader, self._conditions)
        self._whole, self._place = False, place
        keys = [_text(each) for each in keys_in(rows, self._key, self._tree)]
        # Where the last record has moved, all of its answer is given again.
        self._take(rows[keys.index(place.last) + 1 :] if place.last in keys else rows, place.link)
        return walk

    async def _go_on(self, walk: _Walk, wanted: int) -> bool:
        """Get what comes next; False at the end of it all."""
        if walk.link is not None:
            link = walk.link
            self._take(await walk.answer(wanted, where=self._where), link)
            return True
        if not self._whole:
            return False
        if self._missed is None:
            self._missed = await self._passed_over(wanted)
        named, self._missed = self._missed[:wanted], self._missed[wanted:]
        place = self._waiting[-1].place if self._waiting else self._place
        self._waiting += [_Waiting(row, place) for row in await self._named(named)]
        return bool(named)

    def _take(self, rows: Sequence[Any], link: str) -> None:
        """A record that moved to where the walk comes to is not given twice."""
        for row, key in zip(rows, keys_in(list(rows), self._key, self._tree), strict=True):
            if hash(key) not in self._seen:
                self._seen.add(hash(key))
                self._waiting.append(_Waiting(row, Place(link, _text(key))))

    async def _passed_over(self, wanted: int) -> list[list[str]]:
        """The keys that this read has not come by. Raises SourceBusy where records are deleted during every walk."""
        before = set(self._seen)
        missed: list[list[str]] = []
        node = Node(tuple(self._key))
        for _ in range(WALKS):
            walk, now = _Walk(self._keys, self._conditions), set[int]()
            while walk.link is not None:
                rows = await walk.answer(wanted, where=self._where)
                keys = keys_in(rows, self._key, node)
                now.update(map(hash, keys))
                missed += [list(map(str, each)) for each in keys if hash(each) not in self._seen]
                self._seen.update(map(hash, keys))
            if before <= now:
                return missed
            before = now
        raise SourceBusy(
            f"records were deleted during each of {WALKS} walks over the keys, so none of them is known to be whole",
            where=self._where,
            hint="It is tried again by itself. If it lasts, read this stream at a quieter hour.",
        )


def _text(key: Key) -> str:
    return encode_key([str(each) for each in key])
