"""One step of a walk over an ordered set: the records of the next page, and where the walk stands behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from drivers.contract import SourceChanged
from drivers.keys import encode_key
from drivers.odata.columns import values_of
from drivers.odata.edm import Kind, Property
from drivers.odata.fetching import SetReader
from drivers.odata.literals import moment_of
from drivers.odata.ordering import START, OrderedBy, Values, cut, texts_of, up
from drivers.odata.shape import Node

_IN_ORDER: Final = frozenset({Kind.INTEGER, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})
LEAST_CAP: Final = 10  # records; no service is known that gives fewer at a time


@dataclass(frozen=True, slots=True)
class Step:
    asked: Values  # from where the records were asked for
    rows: list[Any]
    at: Values | None  # None: the end


class Walk:
    def __init__(
        self, reader: SetReader, columns: Sequence[OrderedBy], bounds: Sequence[str], tree: Node, where: str
    ) -> None:
        """The last of `columns` that are key columns make records unique; a stamp may stand before them."""
        self._reader = reader
        self._columns = columns
        self._bounds = bounds
        self._tree = tree
        self._where = where

    async def step(self, at: Values, wanted: int) -> Step:
        """At most `wanted` records, and at least one unless the set ends."""
        while True:
            # The row behind the page tells whether there is more, and whether its key is new.
            found = await self._reader.ordered(self._columns, at, self._bounds, wanted + 1)
            if not found.rows:
                above = up(at)
                if above is None:
                    return Step(at, [], None)
                at = above
                continue
            texts = texts_of(self._columns, column_values(found.rows, self._tree), self._where)
            self._refuse_standing_still(at, texts)
            self._refuse_disorder(self._columns[len(at) - 1], texts[len(at) - 1])
            more = found.next is not None or len(found.rows) > wanted or self._may_be_capped(len(found.rows))
            made = cut(self._columns, at, texts, wanted, more=more)
            self._refuse_straddling(texts, made.rows)
            if made.at == at and not made.complete:
                raise self._standing_still()
            if made.rows:
                return Step(at, found.rows[: made.rows], None if made.complete else made.at)
            at = made.at

    def _may_be_capped(self, rows: int) -> bool:
        """Some services have a limit of their own and do not tell that they cut at it.

        The end is believed of an answer that is shorter than one that they gave before; else it is asked for.
        """
        longest = self._reader.longest
        self._reader.longest = max(longest, rows)
        return rows >= max(longest, LEAST_CAP)

    async def to_the_end(self, page: int) -> list[Any]:
        rows: list[Any] = []
        at: Values | None = START
        allowance = self._reader.allowance()
        while at is not None:
            step = await self.step(at, page)
            allowance.take(self._reader.size)
            rows += step.rows
            at = step.at
        return rows

    def _refuse_standing_still(self, at: Values, texts: Sequence[Sequence[str]]) -> None:
        """A record at or before the position would come again and again."""
        last = at[-1]
        if last is not None and self._columns[len(at) - 1].group(texts[len(at) - 1][0]) == last:
            raise self._standing_still()

    def _refuse_disorder(self, column: OrderedBy, texts: Sequence[str]) -> None:
        """Behind the last record of an answer out of order lie some that nobody would ask for again.

        Of texts nobody knows how the server puts them in order.
        """
        if column.column.kind not in _IN_ORDER:
            return
        plain = [each.removesuffix("Z") for each in texts]  # what is printed in order is in order
        if column.column.kind is not Kind.INTEGER and all(one <= other for one, other in pairwise(plain)):
            return
        if _falls(column, texts):
            raise SourceChanged(
                f"the server gave records out of the order of {column.column.name!r}: it ignores $orderby",
                where=self._where,
                hint='Such a service cannot be read by key. Read the stream by paging = "links", without a '
                "replication_key.",
            )

    def _standing_still(self) -> SourceChanged:
        return SourceChanged(
            "the server gave a record again that lies before the place asked for",
            where=self._where,
            hint="Either it ignores $filter, or it compares time stamps more finely than it prints them: "
            'set replication_step = "1ms" or "1s".',
        )

    def _refuse_straddling(self, texts: Sequence[Sequence[str]], taken: int) -> None:
        keys = [each for each, column in zip(texts, self._columns, strict=True) if column.step is None]
        if 0 < taken < len(texts[0]) and keys and all(each[taken - 1] == each[taken] for each in keys):
            raise repeated(encode_key([each[taken] for each in keys]), self._where)


def _falls(column: OrderedBy, texts: Sequence[str]) -> bool:
    """Whether a value is followed by a lower one; not where values are none of the column's type."""
    whole = column.column.kind is Kind.INTEGER
    try:
        values: list[Any] = [int(each) if whole else moment_of(column.group(each)) for each in texts]
        return any(one > other for one, other in pairwise(values))
    except (ValueError, TypeError):
        return False


def repeated(key: str, where: str) -> SourceChanged:
    return SourceChanged(
        f"there is more than one record with the key {key!r}",
        where=where,
        hint="Add the properties that tell such records apart to the key.",
    )


def column_values(rows: list[Any], node: Node) -> Callable[[Property], Sequence[Any]]:
    """The values of one of the node's own properties, by property."""
    names = {each.name: number for number, each in enumerate(node.properties)}
    return lambda each: values_of(rows, f"p{names[each.name]}")
