"""Columns that appear in a source, or go: noticed once a day, offered to be mapped, and never in the way of a run."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import orjson
import structlog

from agent.clock import Clock
from agent.errors import GroundwireError, VersionMismatch
from agent.sync.runner import Stream
from agent.upgrade.newer import refuse_newer
from agent.vault.files import read_private, replace_private
from drivers.contract import Column, StreamSpec

log = structlog.get_logger(__name__)

FOLDER: Final = "columns"
FORMAT: Final = 1
SECONDS_BETWEEN: Final = 86_400.0
MAX_LOGGED: Final = 50  # names in one line of the log


class Asked(Protocol):
    async def columns(self, stream: StreamSpec) -> Sequence[Column]: ...


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one stream's columns."""

    reading: str  # of the query they are of
    columns: tuple[str, ...]  # that nobody has to be told of any more
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def accepted(self) -> Known:
        """Somebody has seen what is new and what is gone."""
        there = [name for name in self.columns if name not in self.gone]
        return Known(self.reading, (*there, *self.new))


@dataclass(frozen=True, slots=True)
class News:
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def notice(known: Known | None, reading: str, present: Sequence[str], used: Collection[str]) -> Known:
    """Compare what a stream has now with what was known of it. Pure.

    The first look, and the first one after the query was changed, knows everything it sees. A used column that is
    gone is no news: the stream stops with an error of its own.
    """
    if known is None or known.reading != reading:
        return Known(reading, tuple(present))
    return replace(
        known,
        new=tuple(name for name in present if name not in known.columns),
        gone=tuple(name for name in known.columns if name not in present and name not in used),
    )


@dataclass(slots=True)
class ColumnWatch:
    """Looks at most once a day at each stream, and once after a start."""

    state_dir: Path
    clock: Clock
    _asked: dict[str, float] = field(default_factory=dict)
    _known: dict[str, dict[str, Known]] = field(default_factory=dict)
    # Files of a newer version, left as they are.
    _left: dict[str, VersionMismatch] = field(default_factory=dict)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)  # looks are kept in other threads

    def news(self, connection: str, stream: str, used: Collection[str] = ()) -> News:
        """What there is to be offered; a new column that is used by now is not."""
        known = self._of(connection).get(stream)
        if known is None:
            return News()
        return News(tuple(name for name in known.new if name not in used), known.gone)

    def known(self, connection: str, stream: str) -> Known | None:
        return self._of(connection).get(stream)

    async def look(self, stream: Stream, source: Asked) -> None:
        """Ask the source, if it is time. Whatever goes wrong, the run that asks goes on."""
        last = self._asked.get(stream.address)
        if last is not None and self.clock.monotonic() - last < SECONDS_BETWEEN:
            return
        self._asked[stream.address] = self.clock.monotonic()
        try:
            present = [column.name for column in await source.columns(replace(stream.spec, columns=None))]
            await asyncio.to_thread(self._take, stream, present)
        except GroundwireError as error:
            log.info("columns_not_looked_at", stream=stream.address, code=error.code, error=str(error))
        except Exception:  # the run must go on
            log.exception("columns_not_looked_at", stream=stream.address)

    def accept(self, connection: str, stream: str) -> News:
        """Know what is new and what is gone from now on; return it. Raises where that cannot be kept."""
        with self._one_at_a_time:
            known = self._of(connection)
            before = known.get(stream)
            if before is None:
                return News()
            self._keep(connection, {**known, stream: before.accepted()})
        return News(before.new, before.gone)

    def _take(self, stream: Stream, present: Sequence[str]) -> None:
        connection, name = stream.facts.connection, stream.facts.stream
        with self._one_at_a_time:
            known = self._of(connection)
            before = known.get(name)
            after = notice(before, stream.reading, present, stream.mapping.source_columns)
            if after == before:
                return
            self._keep(connection, {**known, name: after})
        told = before or after
        appeared = [column for column in after.new if column not in told.new]
        vanished = [column for column in after.gone if column not in told.gone]
        if appeared:
            log.info("columns_appeared", stream=stream.address, columns=appeared[:MAX_LOGGED])
        if vanished:
            log.info("columns_vanished", stream=stream.address, columns=vanished[:MAX_LOGGED])

    def _of(self, connection: str) -> dict[str, Known]:
        if connection not in self._known:
            self._known[connection] = self._load(connection)
        return self._known[connection]

    def _load(self, connection: str) -> dict[str, Known]:
        path = self._path(connection)
        try:
            raw = read_private(path)
            return {} if raw is None else _read(raw, path)
        except VersionMismatch as error:
            self._left[connection] = error
            log.warning("known_columns_unreadable", where=str(path), error=str(error))
        except GroundwireError as error:
            log.warning("known_columns_unreadable", where=str(path), error=str(error))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # What it held is only what is not news: the next look begins anew.
            log.warning("known_columns_unreadable", where=str(path), error="the file is damaged")
        return {}

    def _keep(self, connection: str, known: dict[str, Known]) -> None:
        if connection in self._left:
            raise self._left[connection]
        streams = {name: asdict(one) for name, one in known.items()}
        replace_private(self._path(connection), orjson.dumps({"format": FORMAT, "streams": streams}))
        self._known[connection] = known

    def _path(self, connection: str) -> Path:
        return self.state_dir / FOLDER / f"{connection}.json"


def _read(raw: bytes, path: Path) -> dict[str, Known]:
    body = json.loads(raw)
    refuse_newer(body["format"], FORMAT, path)
    if body["format"] != FORMAT:
        raise ValueError(body["format"])
    return {str(name): Known(**_texts(one)) for name, one in body["streams"].items()}


def _texts(one: Mapping[str, Any]) -> dict[str, Any]:
    lists = {name: tuple(map(str, one[name])) for name in ("columns", "new", "gone")}
    return {"reading": str(one["reading"]), **lists}
