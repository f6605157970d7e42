"""What time it is at the SAP system: its own word, never this machine's."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from drivers.contract import SourceChanged
from drivers.local_time import settled
from drivers.rfc.caller import CallFailed, Session, structure, text
from drivers.rfc.conversions import NotConvertible, integer
from drivers.rfc.errors import translate

_TOLD: Final = re.compile(r"Date:\s*(\d{8})\s+Time:\s*(\d{6})")
_WHERE: Final = "options"


def local_time(session: Session) -> datetime:
    """In the system's own time zone, without naming it. Raises DriverError."""
    try:
        reply = session.call("STFC_CONNECTION", REQUTEXT="")
    except CallFailed as error:
        raise translate(error, where=_WHERE) from error
    found = _TOLD.search(text(reply, "RESPTEXT"))
    if found is None:
        raise SourceChanged(
            "the system does not tell its time: the answer of STFC_CONNECTION has no date",
            where=_WHERE,
            hint="Ask the SAP team why STFC_CONNECTION answers in another form here.",
        )
    return datetime.strptime("".join(found.groups()), "%Y%m%d%H%M%S")  # noqa: DTZ007 - its zone is not told


def settled_time(session: Session, time_zone: str) -> datetime:
    """As `local_time`; in the hour that comes twice its beginning, for what changes in its second pass looks older."""
    local = local_time(session)
    return settled(local, ZoneInfo(time_zone)) if time_zone else local


def utc_time(session: Session, time_zone: str) -> datetime:
    """Where an hour comes twice, the earlier of the two: what is read up to then is surely over."""
    local = local_time(session)
    if time_zone:
        return local.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
    try:
        reply = session.call("RFC_SYSTEM_INFO")
    except CallFailed as error:
        raise translate(error, where=_WHERE) from error
    told = structure(reply, "RFCSI_EXPORT")
    try:
        offset = integer(text(told, "RFCTZONE").strip() or "unknown")  # ABAP writes a minus behind
    except NotConvertible:
        raise SourceChanged(
            "the system does not tell its time zone",
            where="options.time_zone",
            hint='Set it: time_zone = "Europe/Berlin".',
        ) from None
    summer = timedelta(hours=1) if text(told, "RFCDAYST") else timedelta(0)
    return (local - timedelta(seconds=offset) - summer).replace(tzinfo=UTC)
