"""Pure: a record as a document: values as AX takes them, exactly or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from drivers.contract import OperationKind
from drivers.recipes.outcomes import Refusal, missing
from drivers.recipes.scope import ABSENT, Misfit, Scope, runs_of
from drivers.recipes.values import (
    Unfit,
    check_single,
    decimal_text,
    in_utc,
    moment_of,
    truth_of,
    whole_number,
)
from drivers.soap.documents.recipes import Assignment, Part, Recipe, Writes
from drivers.soap.documents.shape import EMPTY_DAY, EMPTY_MOMENT, HASH, RECORD_ID, RECORD_VERSION
from drivers.soap.envelope import DERIVED
from drivers.soap.model import Kind
from drivers.soap.xml import XSI, unwritable

Composing = Scope[Writes, Recipe]
_CLASS: Final = {"@class": "entity"}
_ACTION: Final = "@action"
_CREATES: Final = ()  # a line that is not there yet, in an update
# A real of AX is numeric(32,16) in the database, and X++ keeps 16 significant digits of it ("Reals", AX 2012).
_DIGITS: Final = 32
_PLACES: Final = 16
_SIGNIFICANT: Final = 16
# Of X++; what lies outside is an empty date to it, as its first day is.
_FIRST_DAY: Final = date(1900, 1, 2)
_LAST_DAY: Final = date(2154, 12, 31)
_INT64: Final = 2**63
# AX knows no null: a field is emptied by its type's own empty value.
_EMPTY: Final[Mapping[Kind, str]] = {
    Kind.TEXT: "",
    Kind.DECIMAL: "0",
    Kind.FLOAT: "0",
    Kind.INTEGER: "0",
    Kind.DATE: EMPTY_DAY,
    Kind.TIMESTAMP: f"{EMPTY_MOMENT}Z",
    Kind.TIME: "00:00:00",
}


def created(scope: Composing) -> dict[str, Any]:
    """The header entity of a new document. Raises Misfit."""
    header, *lines = scope.recipe.steps
    entity = _CLASS | _values(header.values, scope)
    for part in lines:
        made = [
            _new(part) | _values(part.values, each) | _inside(part, each) for each in runs_of(part, scope)
        ]
        if made:
            entity[part.path[-1].name] = made
    return entity


def changed(scope: Composing, record: Any) -> dict[str, Any]:
    """The header entity of a partial update of the record that was read. Raises Misfit and Refusal."""
    header, *lines = scope.recipe.steps
    entity = _CLASS | {_ACTION: "update"} | _marks(record) | _values(header.values, scope)
    for part in lines:
        held = [each for each in record if each.tag == part.path[-1].tag]
        made = [_line(part, each, held) for each in runs_of(part, scope) if _says_something(part, each)]
        if made:
            entity[part.path[-1].name] = made
    return entity


def _new(part: Part) -> dict[str, Any]:
    return _CLASS | ({DERIVED: part.derived} if part.derived else {})


def _says_something(part: Part, scope: Composing) -> bool:
    """An update that names none of its fields leaves the only one alone."""
    return not part.one or bool(_values(part.values, scope) or _inside(part, scope))


def _line(part: Part, scope: Composing, held: Sequence[Any]) -> dict[str, Any]:
    values = _values(part.values, scope)
    new = _new(part) | {_ACTION: "create"} | values | _inside(part, scope, _CREATES)
    if not part.match and not part.one:
        return new
    wanted = {each.member.tag: (each.type.kind, _value(each, scope)) for each in part.match}
    found = [line for line in held if all(_same(line.findtext(tag), *each) for tag, each in wanted.items())]
    if len(found) > 1:
        raise Misfit(scope.place(part.for_each or ""), "ambiguous", "fits several lines of the document")
    if found:
        action = {_ACTION: "delete" if part.delete else "update"} | _kind_of(found[0])
        return _CLASS | action | _marks(found[0]) | values | _inside(part, scope, found[0])
    if not part.create_missing and not part.one:
        raise Refusal(missing(part, scope))
    named = {each.member.name: _value(each, scope) for each in part.match}
    return named | new


def _inside(part: Part, scope: Composing, line: Any = None) -> dict[str, Any]:
    """The entities inside a line; `line`: as it was read, where it is to be changed."""
    made: dict[str, Any] = {}
    for below in part.below:
        values = _values(below.values, scope)
        if not values:
            continue
        held = [] if line is None else [each for each in line if each.tag == below.member.tag]
        if held:
            values = {_ACTION: "update"} | _marks(held[0]) | values
        elif line is not None:
            values = {_ACTION: "create"} | values
        made[below.member.name] = [_CLASS | values]
    return made


def _kind_of(line: Any) -> dict[str, str]:
    """The derived type that it was read as."""
    kind = (line.get(f"{{{XSI}}}type") or "").rpartition(":")[2]
    return {DERIVED: kind} if kind else {}


def _marks(record: Any) -> dict[str, str]:
    """What AIF compares with the database before it changes anything."""
    found = {}
    for child in record:
        name = child.tag.rpartition("}")[2]
        if name in {HASH, RECORD_ID, RECORD_VERSION} and child.text:
            found[name] = child.text
    return found


def _same(held: str | None, kind: Kind | None, wanted: Any) -> bool:
    if held is None or wanted is None:
        return False
    if kind in {Kind.DECIMAL, Kind.FLOAT, Kind.INTEGER}:
        try:
            return Decimal(held) == Decimal(str(wanted))
        except InvalidOperation:
            return False
    return held.casefold() == str(wanted).casefold()


def _values(assignments: Sequence[Assignment], scope: Composing) -> dict[str, Any]:
    found = {}
    for each in assignments:
        value = _value(each, scope)
        if value is not None:
            found[each.member.name] = value
    return found


def _value(assignment: Assignment, scope: Composing) -> str | None:
    """The value's text; None for a field that is not in the record."""
    name = assignment.name
    value = scope.value(name) if name else assignment.constant
    if value is ABSENT:
        return None
    kind = assignment.type.kind or Kind.TEXT
    try:
        return text_of(value, assignment, kind, scope.writes.zone, creates=_creates(scope))
    except Unfit as unfit:
        raise Misfit(scope.place(name) if name else "", unfit.code, unfit.message) from None


def _creates(scope: Composing) -> bool:
    return scope.recipe.kind is OperationKind.CREATE


def text_of(
    value: Any, assignment: Assignment, kind: Kind, zone: tzinfo, *, creates: bool = False
) -> str | None:
    """Raises Unfit for what AX would cut, round or refuse."""
    if value is None:
        return None if creates else _emptied(assignment, kind)
    check_single(value)
    if assignment.type.values:
        return _enumerated(value, assignment.type.values)
    text = _WRITERS.get(kind, _text)(value, zone)
    longest = assignment.type.max_length
    # AX counts in UTF-16, where a character beyond the first 65536 is two.
    if longest is not None and len(text.encode("utf-16-le")) > 2 * longest:
        raise Unfit("too_long", f"has more than {longest} characters")
    return text


def _emptied(assignment: Assignment, kind: Kind) -> str:
    if assignment.type.values or kind not in _EMPTY:
        raise Unfit("not_emptied", "cannot be empty in AX")
    return _EMPTY[kind]


def _enumerated(value: Any, values: tuple[str, ...]) -> str:
    text = {True: "Yes", False: "No"}.get(value, "") if isinstance(value, bool) else str(value)
    known = {each.casefold(): each for each in values}
    if text.casefold() not in known:
        raise Unfit("not_known", f"is none of {', '.join(values[:20])}")
    return known[text.casefold()]


def _text(value: Any, _zone: tzinfo) -> str:
    text = "true" if value is True else "false" if value is False else str(value)
    character = unwritable(text)
    if character is not None:
        raise Unfit("not_a_text", f"holds the character {character!r}, which XML cannot hold")
    return text


def _decimal(value: Any, _zone: tzinfo) -> str:
    text = decimal_text(value, _DIGITS, _PLACES)
    if len(text.replace(".", "").strip("-0")) > _SIGNIFICANT:
        raise Unfit("not_exact", f"has more than the {_SIGNIFICANT} digits that AX keeps")
    return text


def _integer(value: Any, _zone: tzinfo) -> str:
    return str(whole_number(value, -_INT64, _INT64 - 1, "64 bits hold"))


def _date(value: Any, zone: tzinfo) -> str:
    return _day(moment_of(value, zone)).isoformat()


def _day(moment: datetime) -> date:
    if not _FIRST_DAY <= moment.date() <= _LAST_DAY:
        raise Unfit("not_exact", f"is no day between {_FIRST_DAY} and {_LAST_DAY}, which AX keeps")
    return moment.date()


def _moment(value: Any, zone: tzinfo) -> str:
    moment: datetime = in_utc(moment_of(value, zone))
    if moment.microsecond:
        raise Unfit("not_exact", "is finer than the second that AX keeps")
    _day(moment.astimezone(UTC))
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(value: Any, zone: tzinfo) -> str:
    moment = moment_of(value, zone)
    if moment.microsecond:
        raise Unfit("not_exact", "is finer than the second that AX keeps")
    return moment.strftime("%H:%M:%S")


def _truth(value: Any, _zone: tzinfo) -> str:
    return "true" if truth_of(value) else "false"


_WRITERS: Final = {
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: _decimal,
    Kind.INTEGER: _integer,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _moment,
    Kind.TIME: _time,
    Kind.BOOLEAN: _truth,
}
