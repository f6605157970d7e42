"""What each stream reads of its source, by the names of columns: what a mapping uses, and what came and went."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.bundle.masking import name_or_nothing
from agent.clock import Clock
from agent.errors import GroundwireError
from agent.mapping.compile import compile_mapping
from agent.mappings.columns import ColumnWatch, Known
from agent.mappings.service import amend
from agent.mappings.versions import VersionStore
from agent.settings import ConnectionSettings, Settings, StreamSettings


def sources_told(settings: Settings, clock: Clock) -> dict[str, Any]:
    columns = ColumnWatch(settings.state_dir, clock)
    return {
        name: {"driver": one.driver, "system": one.system, "streams": _streams(settings, one, columns)}
        for name, one in settings.connections.items()
    }


def _streams(settings: Settings, connection: ConnectionSettings, columns: ColumnWatch) -> dict[str, Any]:
    try:
        connection = amend(VersionStore(settings.state_dir), connection)
    except GroundwireError as error:
        return {"missing": error.code}
    return {
        name: {"entity": stream.entity, **_used(stream), **_seen(columns.known(connection.name, name))}
        for name, stream in connection.streams.items()
    }


def _used(stream: StreamSettings) -> dict[str, Any]:
    try:
        compiled = compile_mapping(stream.map, entity=stream.entity, where=stream.where)
    except GroundwireError as error:
        return {"missing": error.code}
    return {"used": _names(compiled.source_columns)}


def _seen(known: Known | None) -> dict[str, Any]:
    """Of the source, as of the last daily look."""
    if known is None:
        return {}
    return {"seen": _names(known.columns), "new": _names(known.new), "gone": _names(known.gone)}


def _names(columns: Iterable[str]) -> list[str]:
    return sorted(map(name_or_nothing, columns))
