"""Pure: reading a set in order, page by page, with nothing but comparisons that every server knows.

A set is ordered by its columns c1 ... cn, which are unique together. A position says how far a read has come, as the
values of the first m of them: everything at and before (v1 ... vm) is done. The next request is a plain conjunction,

    c1 eq v1 and ... and c(m-1) eq v(m-1) and cm gt vm      ordered by cm ... cn

never an `or` over different columns, which many servers refuse. So that one request is usually enough, a page ends
where a value of cm ends; only a group that is larger than a page is walked by its next column (the last value of the
position is then None: inside the group, nothing read yet), and behind its end the walk goes up again.

A group is what the server takes for one value. Where it may ignore case or the like, a page never ends between two
values that differ in nothing else: `cm gt 'a'` would pass over the rest of a group that holds 'A', too.

A server may print a value less finely than it keeps and compares it. Such a column is compared by ranges: all values
within one step of what is printed are one group.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from drivers.contract import BadConfiguration, Mark, MarkKind, ReadMode, SourceChanged
from drivers.odata.columns import key_texts
from drivers.odata.edm import Kind, Property
from drivers.odata.literals import INT64_MAX, INT64_MIN, NoLiteral, iso, literal, moment_of

CURSOR_VERSION: Final = 1
STEPS: Final[Mapping[str, timedelta | None]] = {
    "exact": None,
    "1ms": timedelta(milliseconds=1),
    "1s": timedelta(seconds=1),
    "1d": timedelta(days=1),
}
Values = tuple[str | None, ...]
START: Final[Values] = (None,)


@dataclass(frozen=True, slots=True)
class OrderedBy:
    column: Property
    version: int
    step: timedelta | None = None

    def equal(self, text: str) -> str:
        if self.step is None:
            return f"{self.column.name} eq {self._literal(text)}"
        return f"{self.column.name} ge {self._literal(text)} and {self.below(text)}"

    def above(self, text: str) -> str:
        if self.step is None:
            return f"{self.column.name} gt {self._literal(text)}"
        return f"{self.column.name} ge {self._literal(self._next(text))}"

    def from_(self, text: str) -> str:
        return f"{self.column.name} ge {self._literal(text)}"

    def up_to(self, text: str) -> str:
        if self.step is None:
            return f"{self.column.name} le {self._literal(text)}"
        return self.below(text)

    def below(self, text: str) -> str:
        return f"{self.column.name} lt {self._literal(self._next(text))}"

    def group(self, text: str) -> str:
        """The value that stands for all that cannot be told apart from it."""
        if self.step is None:
            return text
        moment = moment_of(text)
        passed = moment.replace(tzinfo=None) - _BEGINNING
        return _like(moment - passed % self.step, text)

    def alike(self, text: str) -> str:
        """The same for all values that a server may take for one: where it ignores case, accents, width or blanks."""
        if self.column.kind is not Kind.TEXT:
            return self.group(text)
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        return "".join(each for each in plain if not unicodedata.combining(each)).rstrip()

    def _next(self, text: str) -> str:
        assert self.step is not None  # noqa: S101 - asked only of columns with a step
        try:
            return _like(moment_of(self.group(text)) + self.step, text)
        except OverflowError:
            return text

    def _literal(self, text: str) -> str:
        return literal(self.column.kind, text, self.version, type_=self.column.type)


_BEGINNING: Final = datetime(1, 1, 1)  # noqa: DTZ001 - of every clock
_DAY_CHARS: Final = 10  # of an ISO date


def _like(moment: datetime, text: str) -> str:
    """Printed as the text is: in UTC, as a day alone, or in the server's own clock."""
    if moment.tzinfo is not None:
        return iso(moment.astimezone(UTC)) + "Z"
    whole_day = len(text) == _DAY_CHARS and moment.time() == time()
    return moment.date().isoformat() if whole_day else iso(moment)


def all_conditions(columns: Sequence[OrderedBy], at: Values) -> list[str]:
    *prefix, last = at
    found = [each.equal(str(value)) for each, value in zip(columns, prefix, strict=False)]
    if last is not None:
        found.append(columns[len(prefix)].above(last))
    return found


def order(columns: Sequence[OrderedBy], at: Values) -> str:
    return ",".join(each.column.name for each in columns[len(at) - 1 :])


@dataclass(frozen=True, slots=True)
class Cut:
    """What of an answer makes a page, and where the read stands behind it."""

    rows: int
    at: Values
    complete: bool


def cut(
    columns: Sequence[OrderedBy], at: Values, answer: Sequence[Sequence[str]], wanted: int, *, more: bool
) -> Cut:
    """`answer`: the values of all columns per column; `more`: the server says, or a row too many shows, that it goes on."""
    depth = len(at) - 1
    count = len(answer[0])
    if not more:
        return Cut(count, at[:-1] or START, complete=depth == 0)
    mine = answer[depth]
    prefix = at[:-1]
    if depth == len(columns) - 1:
        taken = min(count, wanted)
        return Cut(taken, (*prefix, columns[depth].group(mine[taken - 1])), complete=False)
    going_on = columns[depth].alike(mine[-1])
    taken = count
    while taken and columns[depth].alike(mine[taken - 1]) == going_on:
        taken -= 1
    if not taken:
        # The first: a server that tells such values apart has the others behind it.
        return Cut(0, (*prefix, columns[depth].group(mine[0]), None), complete=False)
    # A row too many was asked for, and it belongs to the group that goes on: so never more than wanted is taken.
    return Cut(taken, (*prefix, columns[depth].group(mine[taken - 1])), complete=False)


def up(at: Values) -> Values | None:
    """Behind the end of a group; None: that was the end of the set."""
    return at[:-1] or None


def texts_of(
    columns: Sequence[OrderedBy], values: Callable[[Property], Sequence[Any]], where: str
) -> list[list[str]]:
    """The ordering values of an answer, by column. Raises SourceChanged where one is null."""
    found = []
    for each in columns:
        texts = key_texts(each.column, values(each.column))
        if None in texts:
            raise SourceChanged(
                f"a record has no value in {each.column.name!r}, by which it is read",
                where=where,
                hint="Choose key properties that are never null, or leave such records out by `filter`.",
            )
        found.append([str(text) for text in texts])
    return found


# --- cursors


@dataclass(frozen=True, slots=True)
class Position:
    mode: ReadMode
    at: Values = START
    taken: int = 0  # BY_KEYS: how many keys were looked up
    link: str | None = None  # of a stream that is read by the server's links, with the last record's key
    last: str = ""
    begun: int = 0


def encode_cursor(position: Position) -> str:
    content: dict[str, Any] = {"v": CURSOR_VERSION, "mode": position.mode.value, "at": position.at}
    if position.mode is ReadMode.BY_KEYS:
        content = {"v": CURSOR_VERSION, "mode": position.mode.value, "taken": position.taken}
    elif position.link is not None:
        content = {
            "v": CURSOR_VERSION,
            "mode": position.mode.value,
            "link": position.link,
            "last": position.last,
            "begun": position.begun,
        }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def decode_cursor(text: str, *, mode: ReadMode, width: int, where: str, linked: bool = False) -> Position:
    """Read a cursor back; one of another version, mode, key width or way of paging is refused, never guessed at."""
    unusable = SourceChanged(
        "the stored position does not fit this stream any more",
        where=where,
        hint="The stream's key or replication key was changed: run a full re-sync of this stream.",
    )
    try:
        content = json.loads(text)
        if content["v"] != CURSOR_VERSION or content["mode"] != mode.value:
            raise unusable
        if mode is ReadMode.BY_KEYS:
            return Position(mode, taken=int(content["taken"]))
        if linked:
            begun = int(content.get("begun", 0))
            return Position(mode, link=str(content["link"]), last=str(content["last"]), begun=begun)
        values = content["at"]
    except (ValueError, KeyError, TypeError):
        raise unusable from None
    if not isinstance(values, list) or not 1 <= len(values) <= width:
        raise unusable
    if not all(isinstance(each, str) for each in values[:-1]) or not isinstance(values[-1], str | None):
        raise unusable
    return Position(mode, tuple(values))


# --- marks


def mark_text(mark: Mark, ordered: OrderedBy, *, expected: MarkKind, where: str) -> str:
    """The mark as the text of a value of the replication key."""
    try:
        if mark.kind is not expected:
            raise ValueError  # noqa: TRY301 - one message for everything that does not fit
        if mark.kind is MarkKind.INTEGER:
            return str(min(max(int(mark.value), INT64_MIN), INT64_MAX))
        return _moment_text(mark, ordered.column)
    except (ValueError, NoLiteral):
        raise SourceChanged(
            f"the mark {mark.kind.value}:{mark.value!r} does not fit the replication key {ordered.column.name!r}",
            where=where,
            hint="The replication key was changed: run a full re-sync of this stream.",
        ) from None


def _moment_text(mark: Mark, column: Property) -> str:
    moment = datetime.fromisoformat(mark.value)
    if column.kind is Kind.DATE or (mark.kind is MarkKind.DATE and column.kind is Kind.TIMESTAMP):
        return moment.date().isoformat()
    if column.kind is Kind.TIMESTAMP_TZ:
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return iso(aware.astimezone(UTC)) + "Z"
    if moment.tzinfo is not None:
        raise ValueError("a local time stamp has no offset")
    return iso(moment)


def step_of(
    column: Property, configured: str | None, mark_kind: MarkKind | None, version: int, *, where: str
) -> timedelta | None:
    """How finely the server prints the column, where that is less finely than it may compare it."""
    stamps = column.kind in {Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}
    if configured is None:
        if not stamps:
            return None
        if mark_kind is MarkKind.DATE and not column.date_only:
            return STEPS["1d"]
        return STEPS["1ms"] if version == 2 else None  # noqa: PLR2004 - V2's JSON ends at milliseconds
    if column.kind is Kind.DATE and configured == "1d":
        return None  # a day is compared as it is printed
    if not stamps and configured != "exact":
        raise BadConfiguration(
            f"{column.name!r} of type {column.type} has no steps of time",
            where=f"{where}.replication_step",
            hint="Leave it out.",
        )
    return STEPS[configured]
