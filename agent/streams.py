"""A connection's streams made ready: their settings with the mapping compiled and the policy's rule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog

from agent.errors import ConfigurationError, GroundwireError
from agent.mapping.compile import compile_mapping
from agent.mapping.form import form_of
from agent.policies.in_force import Leaves
from agent.policy.leave import LeaveFilter
from agent.settings import ConnectionSettings, StreamSettings
from agent.sync.page import StreamFacts
from agent.sync.quiet import OnlyWithin, Rest
from agent.sync.reconcile import DeletionSettings
from agent.sync.reconciliation import ReconcileSettings
from agent.sync.runner import Stream
from agent.sync.window import WindowSettings
from drivers.contract import ReadRequest, StreamSpec

log = structlog.get_logger(__name__)


class NoSource:
    """Stands where a driver could not be made; its supervisor has no stream that could ask it."""

    async def signpost(self, stream: StreamSpec) -> None:
        raise ConfigurationError("the connection has no driver", where=stream.name)

    async def columns(self, stream: StreamSpec) -> Any:
        raise ConfigurationError("the connection has no driver", where=stream.name)

    def read(self, request: ReadRequest) -> Any:
        raise ConfigurationError("the connection has no driver", where=request.stream.name)


def streams_of(
    settings: ConnectionSettings, leaving: Leaves
) -> tuple[dict[str, Stream], dict[str, GroundwireError]]:
    """The streams that can run as they are configured, and what is wrong with the others."""
    streams: dict[str, Stream] = {}
    faults: dict[str, GroundwireError] = {}
    for name, stream in settings.streams.items():
        try:
            leave = leaving(settings.name, stream.entity, send_raw=stream.sync.send_raw)
            streams[name] = build_stream(settings, stream, leave)
        except GroundwireError as error:
            log.warning(
                "stream_misconfigured", stream=f"{settings.name}/{name}", code=error.code, error=str(error)
            )
            faults[name] = error
    return streams, faults


def build_stream(settings: ConnectionSettings, stream: StreamSettings, leave: LeaveFilter) -> Stream:
    """A stream's settings with its mapping compiled; `leave` is what of its records may leave. Raises ConfigurationError naming the field that is wrong."""
    sync = stream.sync
    mapping = compile_mapping(stream.map, entity=stream.entity, where=f"{settings.name}/{stream.name}")
    # The whole source record is read only where it is to travel.
    columns = None if sync.send_raw else tuple(sorted(mapping.source_columns))
    return Stream(
        facts=StreamFacts(
            settings.name,
            settings.system or settings.driver,
            stream.name,
            stream.entity,
            send_raw=sync.send_raw,
        ),
        spec=StreamSpec(stream.name, stream.entity, stream.read, columns, stream.write),
        mapping=mapping,
        window=WindowSettings(
            initial_window=sync.initial_window if isinstance(sync.initial_window, timedelta) else None,
            overlap=sync.overlap,
            lag=sync.lag,
        ),
        deletions=DeletionSettings(
            sync.deletions == "compare_keys", sync.deletions_every, sync.max_delete_share
        ),
        page_rows=sync.page_rows,
        leave=leave,
        rest=Rest(sync.time_zone, sync.quiet_hours),
        reconcile=ReconcileSettings(sync.reconcile_every, OnlyWithin(sync.time_zone, sync.reconcile_hours)),
        form=form_of(mapping, leave.fingerprint),
    )
