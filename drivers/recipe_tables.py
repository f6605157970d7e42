"""Pure: what the write recipes of all drivers say in the same words. Each mistake is raised with its place."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from drivers.contract import BadConfiguration, OperationKind

_SHOWN: Final = 20  # names in a hint


def refuse_unknown(name: str, known: Iterable[str], sentence: str, where: str) -> None:
    names = sorted(known)
    if name not in names:
        raise BadConfiguration(f"{sentence} {name!r}", where=where, hint=nearest(name, names))


def nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(names[:_SHOWN]) or 'none'}."


def updatable_in(
    given: tuple[str, ...] | Mapping[str, tuple[str, ...]],
    kind: OperationKind,
    fields: tuple[str, ...],
    where: str,
) -> Mapping[str, tuple[str, ...]]:
    """The statuses in which each field may be changed; `where`: the place of the operation."""
    place = f"{where}.updatable_in"
    if given and kind not in {OperationKind.UPDATE, OperationKind.SET_STATUS}:
        raise BadConfiguration(f"updatable_in means nothing for {kind.value}", where=place)
    if not isinstance(given, Mapping):
        return dict.fromkeys(fields, given) if given else {}
    known = {*fields, *(name.partition(".")[0] for name in fields)}
    for name in given:
        refuse_unknown(name, known, "no step uses the field", place)
    return given


def statuses_of(
    given: tuple[str, ...] | Mapping[str, Any], kind: OperationKind, where: str
) -> Mapping[str, Any]:
    """The source's own codes by the unified statuses that can be set."""
    if bool(given) != (kind is OperationKind.SET_STATUS):
        raise BadConfiguration(
            "set_status names the statuses that can be set, and no other operation does",
            where=f"{where}.statuses",
            hint='Write statuses = { approved = "2" }: the unified status and the source\'s own code.',
        )
    return given if isinstance(given, Mapping) else {name: name for name in given}
