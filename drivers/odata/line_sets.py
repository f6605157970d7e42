"""Lines that lie in an entity set of their own: for all headers of a page at once, by key as everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drivers.contract import SourceChanged
from drivers.keys import encode_key
from drivers.odata.columns import key_texts
from drivers.odata.edm import Property
from drivers.odata.fetching import SetReader
from drivers.odata.naming import Key, chunks
from drivers.odata.options import ConnectionOptions
from drivers.odata.ordering import OrderedBy
from drivers.odata.requests import any_of
from drivers.odata.shape import LineShape, Node
from drivers.odata.walking import Walk, column_values


@dataclass(frozen=True, slots=True)
class FetchedLines:
    shape: LineShape
    rows: list[Any] = field(default_factory=list)
    owners: list[Key] = field(default_factory=list)  # of each line: its header's key, as the header has it

    def add(self, rows: Sequence[Any], owners: Sequence[Key | None]) -> None:
        for row, owner in zip(rows, owners, strict=True):
            if owner is not None:
                self.rows.append(row)
                self.owners.append(owner)


class LineSetReader:
    def __init__(
        self,
        shape: LineShape,
        reader: SetReader,
        headers: SetReader,
        key: Sequence[OrderedBy],
        options: ConnectionOptions,
        where: str,
    ) -> None:
        """`headers` reads the key of the header set, and `key` is that key."""
        self.shape = shape
        self._reader = reader
        self._headers = headers
        self._key = key
        self._options = options
        self._where = where
        version = key[0].version
        self._parent = [OrderedBy(each, version) for each in shape.parent]
        self._columns = [*self._parent, *(OrderedBy(each, version) for each in shape.key)]
        self._fixed = [f"({shape.filter})"] if shape.filter else []

    async def of(self, keys: Sequence[Key], *, in_a_row: bool) -> FetchedLines:
        """`in_a_row`: there is no other header between the first and the last of the keys."""
        if not in_a_row or len(self._parent) > 1:
            return await self._named(keys)
        # Headers that follow each other in the source are named by the first and the last, others one by one.
        by, first, last = self._parent[0], keys[0][0], keys[-1][0]
        rows = await self._walked([by.from_(str(first)), by.up_to(str(last))])
        parents = self._parents(rows)
        unclear = self._alike(keys)
        known = set(keys)
        asked_again = {
            header for each in parents if each not in known for header in unclear.get(self._plain(each), ())
        }
        found = FetchedLines(self.shape)
        found.add(rows, [each if each in known and each not in asked_again else None for each in parents])
        if asked_again:
            # A line's key is not quite its header's: the server says by its own comparison whether it belongs there.
            named = await self._named([each for each in keys if each in asked_again])
            found.add(named.rows, named.owners)
        return found

    async def _named(self, keys: Sequence[Key]) -> FetchedLines:
        found = FetchedLines(self.shape)
        known = set(keys)
        at_most = self._options.keys_per_request
        for chunk in chunks(self._parent, keys, self._reader.room, at_most, self._fixed):
            rows = await self._walked([any_of(chunk.conditions)])
            parents = self._parents(rows)
            # What belongs to a header of another request comes with that one.
            unclear = {each for each in parents if each not in known}
            owners: dict[Key, Key | None] = {each: each for each in chunk.keys}
            owners |= await self._owners(unclear, chunk.keys)
            found.add(rows, [owners.get(each) for each in parents])
        return found

    async def _walked(self, conditions: Sequence[str]) -> list[Any]:
        walk = Walk(self._reader, self._columns, [*conditions, *self._fixed], self.shape.node, self._where)
        return await walk.to_the_end(self._options.page_size)

    async def _owners(self, unclear: set[Key], asked: set[Key]) -> Mapping[Key, Key | None]:
        """Of lines that the server gave for headers with another key: whose they are; None: a header's of its own."""
        if not unclear:
            return {}
        own = await self._headers_among(unclear)
        alike = self._alike(asked)
        found: dict[Key, Key | None] = {}
        for each in unclear:
            headers = alike.get(self._plain(each), [])
            if each not in own and len(headers) != 1:
                raise self._nobodys(each)
            found[each] = None if each in own else headers[0]
        return found

    async def _headers_among(self, keys: set[Key]) -> set[Key]:
        columns = [each.column for each in self._key]
        found: set[Key] = set()
        for chunk in chunks(
            self._key, sorted(keys, key=str), self._headers.room, self._options.keys_per_request
        ):
            answer = await self._headers.matching([any_of(chunk.conditions)], [], self._options.page_size)
            found |= set(keys_in(answer.rows, columns, Node(tuple(columns))))
        return found & keys

    def _parents(self, rows: list[Any]) -> list[Key]:
        return keys_in(rows, self.shape.parent, self.shape.node)

    def _alike(self, keys: Sequence[Key] | set[Key]) -> Mapping[Key, list[Key]]:
        found: dict[Key, list[Key]] = {}
        for each in keys:
            found.setdefault(self._plain(each), []).append(each)
        return found

    def _plain(self, key: Key) -> Key:
        return tuple(by.alike(str(text)) for by, text in zip(self._parent, key, strict=True))

    def _nobodys(self, key: Key) -> SourceChanged:
        return SourceChanged(
            f"{self.shape.entity_set} gave lines of {encode_key([str(each) for each in key])!r} for other headers, "
            "and there is no such header",
            where=self._where,
            hint="The service compares keys in a way of its own. Correct the keys of these lines, leave them out by "
            "lines.SET.filter, or read the lines by expand.",
        )


def keys_in(rows: list[Any], columns: Sequence[Property], node: Node) -> list[Key]:
    values = column_values(rows, node)
    return list(zip(*(key_texts(each, values(each)) for each in columns), strict=True))
