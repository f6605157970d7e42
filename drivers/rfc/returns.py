"""Pure: what a BAPI says of itself in RETURN, a structure or a table of messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drivers.digits import natural
from drivers.rfc.caller import Reply, text

_FAILED: Final = frozenset({"E", "A", "X"})
_NOTHING: Final = frozenset({"", "000"})


@dataclass(frozen=True, slots=True)
class Said:
    type: str  # S, I, W, E, A, X
    area: str
    number: str
    text: str
    parameter: str = ""
    row: int = 0
    field: str = ""

    @property
    def failed(self) -> bool:
        return self.type in _FAILED

    @property
    def code(self) -> str:
        return f"{self.area}/{self.number}" if self.area else ""


def messages(reply: Reply, name: str = "RETURN") -> list[Said]:
    """In SAP's order; an empty structure says nothing."""
    found = reply.get(name)
    if isinstance(found, Mapping):
        found = [found]
    if not isinstance(found, Sequence) or isinstance(found, str):
        return []
    return [said for said in map(_said, found) if said.type or said.text]


def failure_in(reply: Reply, name: str = "RETURN") -> Said | None:
    return next((said for said in messages(reply, name) if said.failed), None)


def _said(row: Mapping[str, Any]) -> Said:
    # BAPIRETURN, the older form, has the class and number in one field.
    code = text(row, "CODE")
    number = text(row, "NUMBER")
    place = text(row, "ROW")
    return Said(
        type=text(row, "TYPE"),
        area=text(row, "ID") or code[:2].strip(),
        number=number if number not in _NOTHING else code[2:],
        text=" ".join(text(row, "MESSAGE").split()),
        parameter=text(row, "PARAMETER"),
        row=natural(place) or 0,
        field=text(row, "FIELD"),
    )
