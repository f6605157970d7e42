"""Pure: what a read will ask of Finance & Operations."""

from __future__ import annotations

from drivers.contract import ReadMode, ReadPlan, ReadRequest
from drivers.dmf.options import ConnectionOptions
from drivers.dmf.shape import StreamShape

_CALLS_OF_AN_EXPORT = 3  # begin it, ask for its package's address, fetch that


def plan(shape: StreamShape, options: ConnectionOptions, request: ReadRequest) -> ReadPlan:
    exports = len(shape.companies)
    notes = [
        "Finance & Operations does not say beforehand how many records an export has.",
        f"Every record is exported, by the data project {shape.project!r}"
        + ("." if shape.shared else f", for each of {exports} legal entities after the other."),
        "An export is whole: a bound on the rows of a call does not hold for it.",
        f"Its state is asked for about every {options.poll_seconds:g} seconds until it has ended.",
    ]
    if request.mode is ReadMode.BY_KEYS:
        notes.append("Single records are looked up in an export of all of them.")
    return ReadPlan(
        objects=tuple(f"{shape.project}/{each.entity}" for each in shape.entities),
        rows_per_call=options.max_rows,
        calls=exports * _CALLS_OF_AN_EXPORT,
        notes=tuple(notes),
    )
