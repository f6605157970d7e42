"""What is under way, as a small file of the state folder. It names no path: root acts on what it says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import orjson

from agent.errors import StorageDamaged
from agent.upgrade.newer import refuse_newer
from agent.vault.files import read_private, replace_private

PLAN_FILE: Final = "upgrade.json"
FORMAT: Final = 1


class Phase(StrEnum):
    PREPARED = "prepared"  # the old program and the state are kept aside
    GOING_BACK = "going_back"  # begun; whatever cuts it, it is gone on with
    CONFIRMED = "confirmed"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class Plan:
    before: str  # the version that is gone back to
    prepared_at: str
    phase: Phase = Phase.PREPARED
    reason: str = ""  # why it was confirmed or rolled back
    restored: tuple[
        str, ...
    ] = ()  # kinds of files that were put back, because the old version could not read them


def read_plan(state_dir: Path) -> Plan | None:
    """None: no upgrade was ever prepared here. Raises StorageDamaged or VersionMismatch."""
    path = state_dir / PLAN_FILE
    raw = read_private(path)
    if raw is None:
        return None
    try:
        document = orjson.loads(raw)
        refuse_newer(document["format"], FORMAT, path)
        return Plan(
            before=str(document["before"]),
            prepared_at=str(document["prepared_at"]),
            phase=Phase(document["phase"]),
            reason=str(document["reason"]),
            restored=tuple(map(str, document["restored"])),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StorageDamaged(
            "what was noted of the upgrade cannot be read",
            where=str(path),
            hint="Remove the file; the agent does not need it.",
        ) from error


def write_plan(state_dir: Path, plan: Plan) -> None:
    replace_private(state_dir / PLAN_FILE, orjson.dumps({"format": FORMAT, **asdict(plan)}))
