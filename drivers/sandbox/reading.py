"""Which records a read yields, page by page, in bounded memory whatever the table's size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from drivers.contract import KEY_COLUMN, Mark, MarkKind, Page, ReadMode, ReadRequest, SourceChanged
from drivers.sandbox.chance import Ids
from drivers.sandbox.tables import SampleTable, State

BLOCK: Final = 16_384  # records looked at in one go; a few hundred bytes of working memory for each
CURSOR_VERSION: Final = 1
MICROSECONDS: Final = 1_000_000
_BEGINNING: Final = -(2**62)
_END: Final = 2**62


@dataclass(frozen=True, slots=True)
class Position:
    """The last record of a page: its number, and in CHANGES mode its moment; in BY_KEYS mode how many keys were done."""

    number: int
    changed: int = 0


def mark_of(seconds: int) -> Mark:
    return Mark(MarkKind.TIMESTAMP, datetime.fromtimestamp(seconds, UTC).isoformat())


def pages(table: SampleTable, request: ReadRequest, now: int, *, where: str) -> Iterator[Page]:
    """The world stands still at `now` for the length of the read."""
    after = None if request.after is None else _decode(request.after, request.mode, where)
    earliest, latest = _moment(request.start, _BEGINNING, where), _moment(request.end, _END, where)
    if request.mode is ReadMode.BY_KEYS:
        yield from _pages_by_keys(table, request, now, after)
        return
    found = _found(table, request, now, earliest, latest, after)
    for numbers, last in _portions(found, request.page_rows):
        yield _page(table, numbers, now, request.mode, complete=last)


def count(table: SampleTable, request: ReadRequest, now: int, *, where: str) -> int:
    """How many records the whole read would yield, whatever cursor it goes on from."""
    if request.mode is ReadMode.BY_KEYS:
        return len(dict.fromkeys(request.keys))
    earliest, latest = _moment(request.start, _BEGINNING, where), _moment(request.end, _END, where)
    return sum(len(numbers) for numbers in _found(table, request, now, earliest, latest, None))


def _found(
    table: SampleTable, request: ReadRequest, now: int, earliest: int, latest: int, after: Position | None
) -> Iterator[Ids]:
    if request.mode is ReadMode.CHANGES:
        return iter([_changed(table, now, earliest, latest, after)])
    return _in_key_order(table, now, earliest if request.mode is ReadMode.WINDOW else _BEGINNING, after)


def _in_key_order(table: SampleTable, now: int, earliest: int, after: Position | None) -> Iterator[Ids]:
    first, last = table.span(now)
    if after is not None:
        first = max(first, after.number + 1)
    for numbers, state in _blocks(table, first, last, now):
        yield numbers[state.alive & (state.changed * MICROSECONDS >= earliest)]


def _changed(table: SampleTable, now: int, earliest: int, latest: int, after: Position | None) -> Ids:
    """In order of (moment, number): one number and one moment of each changed record are held for sorting."""
    found_numbers: list[Ids] = []
    found_moments: list[Ids] = []
    first, last = table.span(now)
    for numbers, state in _blocks(table, first, last, now):
        moments = state.changed * MICROSECONDS
        wanted = state.alive & (moments >= earliest) & (moments <= latest)
        if after is not None:
            later = (state.changed == after.changed) & (numbers > after.number)
            wanted &= (state.changed > after.changed) | later
        found_numbers.append(numbers[wanted])
        found_moments.append(state.changed[wanted])
    all_numbers = np.concatenate([np.zeros(0, dtype=np.int64), *found_numbers])
    all_moments = np.concatenate([np.zeros(0, dtype=np.int64), *found_moments])
    return all_numbers[np.lexsort((all_numbers, all_moments))]


def _blocks(table: SampleTable, first: int, last: int, now: int) -> Iterator[tuple[Ids, State]]:
    for begin in range(first, last + 1, BLOCK):
        numbers = np.arange(begin, min(begin + BLOCK, last + 1), dtype=np.int64)
        yield numbers, table.state(numbers, now)


def _portions(found: Iterator[Ids], size: int) -> Iterator[tuple[Ids, bool]]:
    """Cut what was found into pages; the last one is known as the last one, and is there even when it is empty."""
    held = np.zeros(0, dtype=np.int64)
    for numbers in found:
        held = np.concatenate((held, numbers))
        while len(held) > size:
            yield held[:size], False
            held = held[size:]
    yield held, True


def _pages_by_keys(
    table: SampleTable, request: ReadRequest, now: int, after: Position | None
) -> Iterator[Page]:
    keys = list(dict.fromkeys(request.keys))
    done = 0 if after is None else after.number
    while True:
        portion = keys[done : done + request.page_rows]
        done += len(portion)
        numbers = [number for number in map(table.number_of, portion) if number is not None]
        existing = table.existing(np.array(numbers, dtype=np.int64), now)
        complete = done >= len(keys)
        cursor = _encode(request.mode, Position(done))
        yield Page(_keyed(table, existing, now), cursor, complete)
        if complete:
            return


def _page(table: SampleTable, numbers: Ids, now: int, mode: ReadMode, *, complete: bool) -> Page:
    if len(numbers) == 0:
        return Page(_content(table, numbers, now, mode), None, complete)
    last = numbers[-1:]
    moment = int(table.state(last, now).changed[0]) if mode is ReadMode.CHANGES else 0
    return Page(_content(table, numbers, now, mode), _encode(mode, Position(int(last[0]), moment)), complete)


def _content(table: SampleTable, numbers: Ids, now: int, mode: ReadMode) -> pa.Table:
    if mode is ReadMode.KEYS:
        return pa.table({KEY_COLUMN: table.keys(numbers)})
    return _keyed(table, numbers, now)


def _keyed(table: SampleTable, numbers: Ids, now: int) -> pa.Table:
    return table.build(numbers, now).add_column(0, KEY_COLUMN, table.keys(numbers))


def _encode(mode: ReadMode, position: Position) -> str:
    content = {"v": CURSOR_VERSION, "mode": mode.value, "number": position.number}
    if mode is ReadMode.CHANGES:
        content["changed"] = position.changed
    return json.dumps(content, separators=(",", ":"))


def _decode(text: str, mode: ReadMode, where: str) -> Position:
    try:
        content = json.loads(text)
        if content["v"] == CURSOR_VERSION and content["mode"] == mode.value:
            changed = content["changed"] if mode is ReadMode.CHANGES else 0
            return Position(_whole(content["number"]), _whole(changed))
    except (ValueError, KeyError, TypeError):
        pass
    raise SourceChanged(
        "the stored position was not made by this version of the sandbox, or for another kind of read",
        where=where,
        hint="Run a full re-sync of this stream.",
    )


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not _BEGINNING <= value <= _END:
        raise TypeError
    return value


def _moment(mark: Mark | None, fallback: int, where: str) -> int:
    """In microseconds. A mark without an offset is in UTC, which is the sandbox's local time."""
    if mark is None:
        return fallback
    try:
        if mark.kind is not MarkKind.TIMESTAMP:
            raise ValueError  # noqa: TRY301 - one message for everything that does not fit
        moment = datetime.fromisoformat(mark.value)
    except ValueError:
        raise SourceChanged(
            f"the mark {mark.kind.value}:{mark.value!r} is not a moment, which is what orders the sandbox's changes",
            where=where,
            hint="Run a full re-sync of this stream.",
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * MICROSECONDS + since.microseconds
