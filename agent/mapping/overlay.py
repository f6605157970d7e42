"""Changes of a mapping made at run time, laid over the `map` table of the connection file. Pure.

An overlay holds what differs from the file, by place in the table: a value, or that the place is hidden. Of two places
that it holds, neither lies inside the other. Everything it does not hold stays the file's, also what is edited there
later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any, Final

Path = tuple[str, ...]


class Hidden(Enum):
    """In place of a value: the file's own is left out."""

    HIDDEN = "hidden"


class Absent(Enum):
    """In place of a value: the table has none there."""

    ABSENT = "absent"


HIDDEN: Final = Hidden.HIDDEN
ABSENT: Final = Absent.ABSENT


class Action(StrEnum):
    SET = "set"
    REMOVE = "remove"  # not mapped any more, whatever the file says
    RESET = "reset"  # as the file says


@dataclass(frozen=True, slots=True)
class Change:
    path: Path
    action: Action = Action.SET
    spec: Any = None  # of SET


@dataclass(frozen=True, slots=True)
class Overlay:
    entries: Mapping[Path, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __bool__(self) -> bool:
        return bool(self.entries)


def apply(base: Mapping[str, Any], overlay: Overlay) -> dict[str, Any]:
    """The table in force; nothing of `base` is altered."""
    table = dict(base)
    for path, value in overlay.entries.items():
        table = _with(table, path, value)
    return table


def changed(base: Mapping[str, Any], overlay: Overlay, changes: Iterable[Change]) -> Overlay:
    """The overlay after these changes, one after the other. A place that then says what the file says is let go."""
    entries = dict(overlay.entries)
    for change in changes:
        place = _covering(entries, change.path)
        if place is not None and len(place) < len(change.path):
            _change_inside(base, entries, place, change)
        else:
            place = change.path
            for inside in [path for path in entries if path[: len(place)] == place]:
                del entries[inside]
            if change.action is not Action.RESET:
                entries[place] = HIDDEN if change.action is Action.REMOVE else change.spec
        if place in entries and _says(base, place, entries[place]):
            del entries[place]
    return Overlay(MappingProxyType(dict(sorted(entries.items()))))


def differing(base: Mapping[str, Any], overlay: Overlay) -> Overlay:
    """Without what the file says by now."""
    return Overlay(
        MappingProxyType(
            {path: value for path, value in overlay.entries.items() if not _says(base, path, value)}
        )
    )


def changes_between(before: Overlay, after: Overlay) -> tuple[Change, ...]:
    """What makes `after` of `before`."""
    reset = [Change(path, Action.RESET) for path in before.entries if path not in after.entries]
    given = [
        _as_change(path, value)
        for path, value in after.entries.items()
        if path not in before.entries or not same(before.entries[path], value)
    ]
    return (*reset, *given)


def value_at(table: Any, path: Path) -> Any:
    """What stands at a place; ABSENT where nothing does."""
    for name in path:
        if not isinstance(table, Mapping) or name not in table:
            return ABSENT
        table = table[name]
    return table


def held_by(overlay: Overlay, path: Path) -> Path | None:
    """The place of the overlay that decides about `path`: itself, or one that it lies in."""
    return _covering(overlay.entries, path)


def same(one: Any, other: Any) -> bool:
    """Whether two values say the same; to Python, true is also 1."""
    return canonical(one) == canonical(other)


def to_plain(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """JSON-ready, as commands and files write changes."""
    return [
        {"path": list(change.path)}
        | ({"spec": change.spec} if change.action is Action.SET else {change.action.value: True})
        for change in changes
    ]


def overlay_to_plain(overlay: Overlay) -> list[dict[str, Any]]:
    return to_plain(_as_change(path, value) for path, value in overlay.entries.items())


def from_plain(plain: Iterable[Mapping[str, Any]]) -> tuple[Change, ...]:
    """What `to_plain` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    return tuple(
        Change(tuple(map(str, one["path"])), Action.SET, one["spec"])
        if "spec" in one
        else Change(tuple(map(str, one["path"])), Action(next(word for word in one if word != "path")))
        for one in plain
    )


def overlay_of(changes: Sequence[Change]) -> Overlay:
    """The overlay that `overlay_to_plain` wrote."""
    entries = {change.path: HIDDEN if change.action is Action.REMOVE else change.spec for change in changes}
    return Overlay(MappingProxyType(entries))


def _as_change(path: Path, value: Any) -> Change:
    return Change(path, Action.REMOVE) if value is HIDDEN else Change(path, Action.SET, value)


def _covering(entries: Iterable[Path], path: Path) -> Path | None:
    return next((place for place in entries if path[: len(place)] == place), None)


def _change_inside(base: Mapping[str, Any], entries: dict[Path, Any], place: Path, change: Change) -> None:
    """Change a part of what the overlay holds as a whole."""
    whole = entries[place] if isinstance(entries[place], Mapping) else {}
    value = HIDDEN if change.action is Action.REMOVE else change.spec
    if change.action is Action.RESET:
        there = value_at(base, change.path)
        value = HIDDEN if there is ABSENT else there
    if value is HIDDEN and not whole:
        return
    entries[place] = _with(whole, change.path[len(place) :], value)


def _with(table: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    name, inside = path[0], path[1:]
    made = dict(table)
    below = made.get(name)
    if not inside:
        made.pop(name, None)
        if value is not HIDDEN:
            made[name] = value
    elif value is not HIDDEN:
        made[name] = _with(below if isinstance(below, Mapping) else {}, inside, value)
    elif isinstance(below, Mapping):
        made[name] = _with(below, inside, value)
        if below and not made[name]:  # a table of fields without a field says nothing
            del made[name]
    return made


def _says(base: Mapping[str, Any], path: Path, value: Any) -> bool:
    there = value_at(base, path)
    if value is HIDDEN or there is ABSENT:
        return value is HIDDEN and there is ABSENT
    return same(there, value)


def canonical(value: Any) -> str:
    """Equal for values that say the same."""
    return json.dumps(value, sort_keys=True, default=str)
