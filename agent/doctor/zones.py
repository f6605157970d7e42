"""Time zones: that the names of the configuration are known here, and what this host's own says of them."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib import metadata
from typing import Any, Final

from agent.doctor.check import Check, Known, Told
from agent.doctor.installation import Installation
from agent.findings import Level
from agent.settings import ConnectionSettings

_HOURS: Final = ("quiet_hours", "reconcile_hours")

KNOWN: Final = (
    Known(
        "zones.unknown",
        Level.PROBLEM,
        "A time zone that the configuration names is not known on this host",
        "Correct its name (such as Europe/Berlin), or install the time zones: `apt-get install tzdata`, or `pip install tzdata`.",
    ),
    Known(
        "zones.missing",
        Level.PROBLEM,
        "This host has no time zones at all, neither its own nor those of the package tzdata",
        "Install them: `apt-get install tzdata`, or `pip install tzdata`.",
    ),
    Known(
        "zones.unset",
        Level.NOTICE,
        "A connection has hours or a cron schedule and no time zone, so they are read as UTC, and this host's clock is another",
        'Write time_zone = "Europe/Berlin" (or the like) beside them if local time is meant.',
    ),
)


async def check_zones(installation: Installation, told: Told) -> None:
    try:
        zoneinfo.ZoneInfo("Europe/Berlin")
    except zoneinfo.ZoneInfoNotFoundError:
        told.found("missing", "this host", "no time zone is known here")
        return
    local = installation.clock.utcnow().astimezone()
    count = 0
    for connection in installation.connections:
        for where, name in _named(connection.options, "options"):
            count += 1
            if not _is_known(name):
                told.found("unknown", f"{connection.where}: {where}", f"there is no time zone {name!r} here")
        _judge_hours(connection, local, told)
    told.fine("this host", f"{count} time zones are named in options", _evidence(local))


def _named(table: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if key == "time_zone" and isinstance(value, str) and value:
            yield f"{where}.{key}", value
        elif isinstance(value, Mapping):
            yield from _named(value, f"{where}.{key}")


def _is_known(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _judge_hours(connection: ConnectionSettings, local: datetime, told: Told) -> None:
    """Hours without a zone are UTC: right where that is meant, and a surprise where local time was."""
    sync = connection.sync
    given = [name for name in (*_HOURS, "cron") if getattr(sync, name)]
    if given and "time_zone" not in sync.model_fields_set and local.utcoffset():
        names = ", ".join(given)
        told.found(
            "unset",
            connection.where,
            f"{names} of {connection.name} are read as UTC",
            evidence=_evidence(local),
        )


def _evidence(local: datetime) -> str:
    try:
        version = metadata.version("tzdata")
    except metadata.PackageNotFoundError:
        version = "not installed"
    return f"this host's clock is {local.tzname()} ({local:%z}); package tzdata {version}"


CHECK: Final = Check("zones", "time zones of host and connections", check_zones, KNOWN)
