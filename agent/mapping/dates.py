"""Days and moments in the forms that ERP systems write, made UTC.

A value without an offset is local time of the zone that the mapping names (UTC if none). Where clocks are put back, an
hour comes twice: the first of the two is meant. Where they are put forward, an hour is missing: a time inside it means
the first moment after the gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from agent.mapping.casting import cast_rows, has_true, null_where
from agent.mapping.faults import NOT_A_DATE, NOT_A_TIME, OUT_OF_RANGE, Report
from agent.mapping.rules import EMPTY_DATES, DateForm
from agent.mapping.text import to_text, trimmed
from agent.mapping.times import DAY_MICROSECONDS, microseconds_of_day
from agent.model.check import FIRST_MICROSECOND, LAST_MICROSECOND
from agent.model.schema import TIMESTAMP

_LOCAL: Final = pa.timestamp("us")
_REST: Final = r"(?:[ T](\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?"

# Each form as (what it must look like, what it is in ISO order); "" where the text is read in another way.
_PATTERNS: Final[Mapping[str, tuple[str, str]]] = {
    "yyyymmdd": (r"^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?$", r"\1-\2-\3T\4:\5:\6"),
    "dd.mm.yyyy": (rf"^(\d{{1,2}})\.(\d{{1,2}})\.(\d{{4}}){_REST}$", r"\3-0\2-0\1T\4"),
    "dd/mm/yyyy": (rf"^(\d{{1,2}})/(\d{{1,2}})/(\d{{4}}){_REST}$", r"\3-0\2-0\1T\4"),
    "mm/dd/yyyy": (rf"^(\d{{1,2}})/(\d{{1,2}})/(\d{{4}}){_REST}$", r"\3-0\1-0\2T\4"),
}
_V2: Final = r"^/Date\((?P<ms>-?\d{1,15})(?P<offset>[+-]\d{1,4})?\)/$"
DATE_FORMS: Final = ("iso", *_PATTERNS, "odata_v2")

_NO_DATE: Final = "0000-00-00"
_NO_DATE_TEXTS: Final = r"^(0|0{8}|0{14}|0{4}-0{2}-0{2}([ T]00:00(:00(\.0+)?)?)?|0{2}[./]0{2}[./]0{4})$"
_OFFSET: Final = r"\d\d:?\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$"


@dataclass(frozen=True, slots=True)
class _Moments:
    """Local times, and for rows that say their offset the moment itself; at most one of the two is not null."""

    local: pa.Array
    instant: pa.Array


def empty_dates_of(option: Any) -> frozenset[str]:
    """The dates that mean "none"; raises ValueError."""
    if option is True:
        return EMPTY_DATES
    if option is False:
        return frozenset()
    if not isinstance(option, list) or not all(isinstance(item, str) for item in option):
        raise ValueError('empty_dates must be true, or a list of dates such as "1753-01-01"')
    for item in option:
        if item != _NO_DATE:
            try:
                date.fromisoformat(item)
            except ValueError as error:
                raise ValueError(
                    f"empty_dates holds {item!r}, which is no date such as 1753-01-01"
                ) from error
    return frozenset(option)


def to_timestamp(array: pa.Array, form: DateForm, time: pa.Array | None, report: Report) -> pa.Array:
    moments = _moments(array, form, time, report)
    return _within_range(pc.coalesce(moments.instant, _in_utc(moments.local, form.zone)), report)


def to_date(array: pa.Array, form: DateForm, report: Report) -> pa.Array:
    """The calendar day in the source's own zone."""
    moments = _moments(array, form, None, report)
    days = moments.local
    if moments.instant.null_count < len(moments.instant):
        zoned = moments.instant.cast(pa.timestamp("us", form.zone or "UTC"))
        days = pc.coalesce(days, pc.local_timestamp(zoned))
    return _day(days)


def _in_utc(local: pa.Array, zone: str) -> pa.Array:
    if not zone or zone == "UTC":
        return local.cast(TIMESTAMP)
    return pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="latest").cast(TIMESTAMP)


def _moments(array: pa.Array, form: DateForm, time: pa.Array | None, report: Report) -> _Moments:
    moments = _read(array, form, report)
    local = _within_range(moments.local, report)
    instant = _within_range(moments.instant, report)
    known = form.empty - {_NO_DATE}
    if known:
        empty = pa.array([date.fromisoformat(day) for day in sorted(known)], pa.date32())
        local = null_where(local, pc.is_in(_day(local), empty))
        instant = null_where(instant, pc.is_in(_day(instant), empty))
    if time is not None:
        local = _with_time(local, time, report)
    return _Moments(local, instant)


def _read(array: pa.Array, form: DateForm, report: Report) -> _Moments:
    kind, nothing = array.type, pa.nulls(len(array), TIMESTAMP)
    if pa.types.is_date(kind):
        local, bad = cast_rows(array.cast(pa.date32()), _LOCAL)
        if bad is not None:
            report(bad, OUT_OF_RANGE, _RANGE_MESSAGE)
        return _Moments(local, nothing)
    if pa.types.is_timestamp(kind):
        cut = _in_microseconds(array, report)
        return _Moments(cut, nothing) if kind.tz is None else _Moments(pa.nulls(len(array), _LOCAL), cut)
    if pa.types.is_boolean(kind) or pa.types.is_floating(kind) or pa.types.is_nested(kind):
        report(array.is_valid(), NOT_A_DATE, f"a {kind} is no date")
        return _Moments(pa.nulls(len(array), _LOCAL), nothing)
    return _read_text(to_text(array, report), form, report)


def _in_microseconds(array: pa.Array, report: Report) -> pa.Array:
    target = _LOCAL if array.type.tz is None else TIMESTAMP
    if array.type.unit == "ns":
        return pc.floor_temporal(array, unit="microsecond").cast(target, safe=False)
    moments, bad = cast_rows(array, target)
    if bad is not None:
        report(bad, OUT_OF_RANGE, _RANGE_MESSAGE)
    return moments


def _read_text(text: pa.Array, form: DateForm, report: Report) -> _Moments:
    text = trimmed(text)
    if _NO_DATE in form.empty:
        text = null_where(text, pc.match_substring_regex(text, _NO_DATE_TEXTS))
    if form.form == "odata_v2":
        return _read_v2(text, report)
    if form.form == "iso":
        return _read_iso(text, report)
    pattern, iso = _PATTERNS[form.form]
    fits = pc.match_substring_regex(text, pattern)
    if not pc.all(fits, min_count=0).as_py():
        report(pc.invert(fits), NOT_A_DATE, f"the text is no date of the form {form.form}")
        text = null_where(text, pc.invert(fits))
    ordered = pc.replace_substring_regex(text, pattern, iso)
    # Made from "5.1.2026 7:30": "2026-01-05T7:30". One-digit parts got a 0 in front, two-digit parts one too many.
    ordered = pc.replace_substring_regex(ordered, r"-0(\d\d)", r"-\1")
    ordered = pc.replace_substring_regex(ordered, r"T(\d):", r"T0\1:")
    ordered = pc.replace_substring_regex(ordered, r"T:*$", "")
    return _read_iso(ordered, report)


def _read_iso(text: pa.Array, report: Report) -> _Moments:
    nothing = pa.nulls(len(text), TIMESTAMP)
    try:
        return _Moments(text.cast(_LOCAL), nothing)
    except pa.ArrowInvalid:
        pass  # some row has an offset, a finer fraction, or is no date
    text = pc.replace_substring_regex(text, r"(\.\d{6})\d+", r"\1")
    with_offset = pc.match_substring_regex(text, _OFFSET)
    local, bad = cast_rows(null_where(text, with_offset), _LOCAL)
    instant, bad_instant = cast_rows(null_where(text, pc.invert(with_offset)), TIMESTAMP)
    for mask in (bad, bad_instant):
        if mask is not None:
            report(mask, NOT_A_DATE, "the text is no date, or not of the form the mapping names")
    return _Moments(local, instant)


def _read_v2(text: pa.Array, report: Report) -> _Moments:
    """OData V2's /Date(milliseconds)/ is local time; with an offset behind it, a moment in UTC."""
    parts = pc.extract_regex(text, _V2)
    bad = pc.and_(text.is_valid(), parts.is_null())
    if has_true(bad):
        report(bad, NOT_A_DATE, "the text is no date of the form /Date(...)/")
    milliseconds = null_where(pc.struct_field(parts, "ms"), parts.is_null())
    moments = pc.multiply(milliseconds.cast(pa.int64()), 1000)
    has_offset = pc.fill_null(pc.not_equal(pc.struct_field(parts, "offset"), ""), False)  # noqa: FBT003 - the fill value
    local = null_where(moments, has_offset).cast(_LOCAL)
    return _Moments(local, null_where(moments, pc.invert(has_offset)).cast(TIMESTAMP))


def _with_time(local: pa.Array, time: pa.Array, report: Report) -> pa.Array:
    clock, bad = microseconds_of_day(time)
    if bad is not None:
        report(pc.and_(bad, local.is_valid()), NOT_A_TIME, "the time column holds no time of day")
    day = _day(local).cast(_LOCAL).view(pa.int64())
    return pc.add(day, pc.fill_null(clock, 0)).cast(_LOCAL)


def _day(local: pa.Array) -> pa.Array:
    """Floored, also before 1970, where integer division alone would round towards 1970."""
    numbers = local.view(pa.int64())
    remainder = pc.subtract(numbers, pc.multiply(pc.divide(numbers, DAY_MICROSECONDS), DAY_MICROSECONDS))
    days = pc.subtract(pc.divide(numbers, DAY_MICROSECONDS), pc.less(remainder, 0).cast(pa.int64()))
    return days.cast(pa.int32()).view(pa.date32())


_RANGE_MESSAGE: Final = "the moment is outside the years 1 to 9999"


def _within_range(moments: pa.Array, report: Report) -> pa.Array:
    numbers = moments.view(pa.int64())
    bounds = pc.min_max(numbers)
    lowest, highest = bounds["min"].as_py(), bounds["max"].as_py()
    if lowest is None or (lowest >= FIRST_MICROSECOND and highest <= LAST_MICROSECOND):
        return moments
    bad = pc.or_(pc.less(numbers, FIRST_MICROSECOND), pc.greater(numbers, LAST_MICROSECOND))
    report(bad, OUT_OF_RANGE, _RANGE_MESSAGE)
    return null_where(moments, bad)
