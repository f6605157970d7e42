"""A few real rows of a stream, read beside its syncs: what a mapping is tried on."""

from __future__ import annotations

import difflib
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Protocol

import pyarrow as pa

from agent.errors import SourceChanged, TransientError
from agent.settings import StreamSettings
from agent.sync.cursor import Checkpoint
from agent.sync.window import WindowSettings, next_pass
from drivers.contract import Column, Mark, Page, ReadMode, ReadRequest, StreamSpec


class Probed(Protocol):
    """What looking at a source needs of a driver."""

    async def columns(self, stream: StreamSpec) -> Sequence[Column]: ...

    async def signpost(self, stream: StreamSpec) -> Mark | None: ...

    def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]: ...


async def column_names(driver: Probed, stream: StreamSettings) -> tuple[str, ...]:
    """Every column that the stream could use, one of a line set as "set.column"."""
    return tuple(column.name for column in await driver.columns(_spec(stream, None)))


def refuse_missing(needed: Iterable[str], present: Collection[str], *, where: str) -> None:
    """Raises SourceChanged for columns that a mapping names and the source has not."""
    there = with_line_sets(present)
    missing = sorted(set(needed) - there)
    if missing:
        raise SourceChanged(
            f"the source has no column {', '.join(map(repr, missing))}",
            where=where,
            hint=f"{_meant(missing, there)}`groundwire mapping show` lists the columns that it has.",
        )


def _meant(missing: Iterable[str], there: Collection[str]) -> str:
    near = [name for one in missing for name in difflib.get_close_matches(one, sorted(there), n=1)]
    return f"Did you mean {', '.join(dict.fromkeys(near))}? " if near else ""


def with_line_sets(columns: Iterable[str]) -> set[str]:
    """The columns and the line sets that they are of."""
    names = set(columns)
    return names | {name.partition(".")[0] for name in names if "." in name}


async def rows(
    driver: Probed, stream: StreamSettings, columns: Collection[str] | None, count: int, keys: Sequence[str]
) -> pa.Table:
    """The named records, or the first ones of what an initial sync would read, or of everything where that is none."""
    spec = _spec(stream, None if columns is None else tuple(sorted(columns)))
    if keys:
        return await _first_page(driver, ReadRequest(spec, ReadMode.BY_KEYS, page_rows=count, keys=keys))
    sync = stream.sync
    window = sync.initial_window if isinstance(sync.initial_window, timedelta) else None
    first = next_pass(
        Checkpoint(), await driver.signpost(spec), WindowSettings(window, timedelta(0), timedelta(0))
    )
    page = await _first_page(driver, ReadRequest(spec, first.mode, start=first.start, page_rows=count))
    if page.num_rows or first.mode is ReadMode.SCAN:
        return page
    return await _first_page(driver, ReadRequest(spec, ReadMode.SCAN, page_rows=count))


async def _first_page(driver: Probed, request: ReadRequest) -> pa.Table:
    async with aclosing(driver.read(request)) as pages:
        async for page in pages:
            return page.table
    raise TransientError("the source ended before its first page", where=request.stream.name)


def _spec(stream: StreamSettings, columns: tuple[str, ...] | None) -> StreamSpec:
    return StreamSpec(stream.name, stream.entity, stream.read, columns)
