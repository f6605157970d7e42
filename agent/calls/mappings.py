"""What the command line asks of mappings: answered by the running agent, or by a command while none runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Protocol

import orjson

from agent.audit.trail import Actor
from agent.calls.arguments import number, texts
from agent.control import Handler, Progress, error_document
from agent.errors import ConfigurationError, GroundwireError
from agent.mapping.describe import FieldLine, describe, sample_of
from agent.mapping.paths import read_changes
from agent.mapping.raw import raw_json
from agent.mappings.columns import News
from agent.mappings.preview import Comparison
from agent.mappings.service import PREVIEW_ROWS, Changed, Mappings
from agent.model.render import to_documents

MAX_SAMPLES: Final = 20

Remap = Callable[[str, str], bool]


class ColumnNews(Protocol):
    """What is new in the sources."""

    def column_news(self, connection: str, stream: str) -> News: ...

    def accept_columns(self, connection: str, stream: str) -> News: ...


class MappingCalls:
    def __init__(
        self, mappings: Mappings, news: ColumnNews, needs_remap: Remap, actor: Callable[[], Actor]
    ) -> None:
        self._mappings = mappings
        self._news = news
        self._needs_remap = needs_remap
        self._actor = actor

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "mappings": self._all,
            "mapping_show": self._show,
            "mapping_preview": self._preview,
            "mapping_change": self._change,
            "mapping_revert": self._revert,
            "mapping_history": self._history,
            "mapping_adopt": self._adopt,
            "mapping_accept_columns": self._accept_columns,
        }

    async def _all(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """Every stream with the version in force, and what somebody should look at. Asks no source."""
        return {
            "mappings": [
                await self._line_of(connection, stream) for connection, stream in self._mappings.every()
            ]
        }

    async def _line_of(self, connection: str, stream: str) -> dict[str, Any]:
        try:
            # In a thread: hundreds of them take most of a second, in which the tunnel and the runs go on.
            reading = await asyncio.to_thread(self._mappings.read, connection, stream)
            news = self._news.column_news(connection, stream)
        except GroundwireError as error:
            return {"connection": connection, "stream": stream, "error": error_document(error)}
        newest = reading.history.versions[-1] if reading.history.versions else None
        return {
            "connection": connection,
            "stream": stream,
            "entity": reading.stream.entity,
            "version": reading.history.number,
            "changed": newest.to_document() if newest is not None else None,
            "error": error_document(reading.error) if reading.error is not None else None,
            "edited": len(reading.edited),
            "new_columns": len(news.new),
            "remap": "offered" if self._needs_remap(connection, stream) else None,
        }

    async def _show(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """`samples`: how many records to show with it, read from the source now; `keys`: which, instead of the first."""
        connection, stream = _address(args)
        reading = self._mappings.read(connection, stream)
        wanted = min(number(args, "samples", 0), MAX_SAMPLES)
        ask = bool(args.get("columns", True)) or wanted > 0
        columns = await self._mappings.columns(connection, stream) if ask else ()
        view = describe(
            reading.stream.entity,
            reading.table,
            reading.overlay,
            reading.mapping,
            columns,
            base=reading.stream.map,
        )
        news = self._news.column_news(connection, stream)
        keys = texts(args, "keys")
        samples = await self._samples(connection, stream, wanted, keys) if wanted else _Samples((), ())
        return {
            "connection": connection,
            "stream": stream,
            "entity": reading.stream.entity,
            "version": reading.history.number,
            "error": error_document(reading.error) if reading.error is not None else None,
            "table": reading.table,
            "fields": [
                {
                    **_line(line),
                    "samples": samples.of_field(line),
                    "sources": samples.of_columns(line.columns),
                }
                for line in view.lines
            ],
            "unused": [
                {"column": column, "sources": samples.of_columns((column,)), "new": column in news.new}
                for column in view.unused
            ],
            "edited": list(reading.edited),
            "new_columns": list(news.new),
            "gone_columns": list(news.gone),
            "remap": "offered" if self._needs_remap(connection, stream) else None,
        }

    async def _samples(self, connection: str, stream: str, count: int, keys: Sequence[str]) -> _Samples:
        comparison, page = await self._mappings.sample(connection, stream, count, keys)
        sources = [orjson.loads(raw) for raw in raw_json(page)][:count]
        if comparison is None:
            return _Samples((), sources)
        records = comparison.after.records
        made = to_documents(records, range(min(records.num_rows, count)), entity=comparison.entity)
        return _Samples(made, sources)

    async def _preview(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        connection, stream = _address(args)
        reading = self._mappings.read(connection, stream)
        changes = read_changes(args["changes"], reading.stream.entity) if args.get("changes") else ()
        comparison = await self._mappings.preview(
            connection,
            stream,
            changes,
            count=number(args, "rows", PREVIEW_ROWS),
            keys=texts(args, "keys"),
        )
        return {"version": reading.history.number, **comparison_document(comparison)}

    async def _change(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        connection, stream = _address(args)
        reading = self._mappings.read(connection, stream)
        based_on = args.get("based_on")
        changed = await self._mappings.change(
            connection,
            stream,
            read_changes(args.get("changes"), reading.stream.entity),
            self._actor(),
            based_on=based_on if type(based_on) is int else None,
            note=str(args.get("note") or ""),
            accept_rejects=bool(args.get("accept_rejects")),
        )
        return self._done(connection, stream, changed)

    async def _revert(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        connection, stream = _address(args)
        changed = await self._mappings.revert(
            connection,
            stream,
            number(args, "to", None),
            self._actor(),
            note=str(args.get("note") or ""),
            accept_rejects=bool(args.get("accept_rejects")),
        )
        return self._done(connection, stream, changed)

    async def _history(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        connection, stream = _address(args)
        history = self._mappings.read(connection, stream).history
        return {
            "version": history.number,
            "versions": [one.to_document() for one in reversed(history.versions)],
        }

    async def _adopt(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        connection, stream = _address(args)
        changed = await self._mappings.adopt(connection, stream, self._actor())
        left = self._mappings.read(connection, stream).overlay
        return {"version": changed.version, "adopted": list(changed.paths), "left": len(left.entries)}

    async def _accept_columns(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        connection, stream = _address(args)
        self._mappings.read(connection, stream)
        news = self._news.accept_columns(connection, stream)
        return {"new_columns": list(news.new), "gone_columns": list(news.gone)}

    def _done(self, connection: str, stream: str, changed: Changed) -> dict[str, Any]:
        comparison = comparison_document(changed.comparison) if changed.comparison is not None else None
        return {
            "version": changed.version,
            "changed": list(changed.paths),
            "remap": "offered" if changed.paths and self._needs_remap(connection, stream) else None,
            "preview": comparison,
        }


class _Samples:
    """A few records as they were made, and the source rows that they were made of."""

    def __init__(self, made: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]]) -> None:
        self._made = made
        self._sources = sources

    def of_field(self, line: FieldLine) -> list[Any]:
        return [sample_of(document, line.field) for document in self._made]

    def of_columns(self, columns: Sequence[str]) -> list[list[Any]]:
        return [[_source_value(row, column) for column in columns] for row in self._sources]


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """With the rows whole: for whoever sits at this host."""
    return {
        "tried": comparison.tried,
        "before": comparison.before.to_document() if comparison.before is not None else None,
        "after": comparison.after.to_document(),
        "rows": [
            {
                "key": row.key,
                "rejected_before": row.rejected_before,
                "rejected_after": row.rejected_after,
                "differences": [asdict(one) for one in row.differences],
                "more": row.more,
            }
            for row in comparison.rows()
        ],
        "rejected": [{"key": key, "field": field} for key, field in comparison.after.rejected.items()],
    }


def _line(line: FieldLine) -> dict[str, Any]:
    return {
        **asdict(line),
        "path": list(line.path),
        "origin": line.origin.value,
        "columns": list(line.columns),
    }


def _source_value(row: Mapping[str, Any], column: str) -> Any:
    """Of a column of a line set, the first line's."""
    if column in row:
        return row[column]
    lines, _, name = column.partition(".")
    there = row.get(lines)
    return there[0].get(name) if isinstance(there, list) and there else None


def _address(args: dict[str, Any]) -> tuple[str, str]:
    connection, stream = args.get("connection"), args.get("stream")
    if not isinstance(connection, str) or not isinstance(stream, str):
        raise ConfigurationError("connection and stream are texts")
    return connection, stream
