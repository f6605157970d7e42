"""A time of day in a column of its own, as microseconds since midnight."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from agent.mapping.casting import cast_rows, has_true, null_where
from agent.mapping.text import trimmed

DAY_MICROSECONDS: Final = 86_400_000_000
_SECOND: Final = 1_000_000
_END_OF_DAY: Final = r"^24:?00(:?00)?$"  # SAP's way to say midnight at the end of the day
_DURATION: Final = (
    r"^PT(?:(?P<h>\d{1,2})H)?(?:(?P<m>\d{1,2})M)?(?:(?P<s>\d{1,2})(?:\.\d+)?S)?$"  # Edm.Time of OData V2
)


def microseconds_of_day(time: pa.Array) -> tuple[pa.Array, pa.BooleanArray | None]:
    """Null where there is none; the mask says which rows hold something that is no time of day."""
    kind = time.type
    if pa.types.is_time(kind):
        return _of_time(time), None
    if pa.types.is_timestamp(kind):
        # Some systems keep a time as a moment of an arbitrary day.
        numbers = pc.floor_temporal(time, unit="microsecond").cast(pa.timestamp("us", kind.tz), safe=False)
        return _of_moment(numbers.view(pa.int64())), None
    if pa.types.is_integer(kind) or pa.types.is_string(kind):
        return _of_text(_six_digits(time))
    return pa.nulls(len(time), pa.int64()), time.is_valid()


def _of_time(time: pa.Array) -> pa.Array:
    if time.type.unit == "ns":
        return pc.divide(time.view(pa.int64()), 1000)
    return time.cast(pa.time64("us")).view(pa.int64())


def _of_moment(numbers: pa.Array) -> pa.Array:
    remainder = pc.subtract(numbers, pc.multiply(pc.divide(numbers, DAY_MICROSECONDS), DAY_MICROSECONDS))
    return pc.if_else(pc.less(remainder, 0), pc.add(remainder, DAY_MICROSECONDS), remainder)


def _six_digits(time: pa.Array) -> pa.Array:
    text = time if pa.types.is_string(time.type) else time.cast(pa.string())
    text = trimmed(text)
    # 73000 as a number is 07:30:00.
    return pc.if_else(pc.ascii_is_decimal(text), pc.utf8_lpad(text, 6, "0"), text)


def _of_text(text: pa.Array) -> tuple[pa.Array, pa.BooleanArray | None]:
    at_end = pc.match_substring_regex(text, _END_OF_DAY)
    as_duration = pc.match_substring_regex(text, _DURATION)
    clock_text = null_where(text, pc.or_(at_end, as_duration))
    clock_text = pc.replace_substring_regex(clock_text, r"^(\d\d)(\d\d)(\d\d)$", r"\1:\2:\3")
    clock_text = pc.replace_substring_regex(clock_text, r"^(\d):", r"0\1:")
    clock_text = pc.replace_substring_regex(clock_text, r"(\.\d{6})\d+$", r"\1")
    # Arrow reads no times, but moments: that of the first day is its own number of microseconds.
    moment, bad = cast_rows(pc.binary_join_element_wise("1970-01-01T", clock_text, ""), pa.timestamp("us"))
    numbers = pc.if_else(at_end, DAY_MICROSECONDS, moment.view(pa.int64()))
    if has_true(as_duration):
        numbers = pc.if_else(as_duration, _of_duration(text), numbers)
        beyond = pc.fill_null(pc.greater(numbers, DAY_MICROSECONDS), False)  # noqa: FBT003 - the fill value
        bad = beyond if bad is None else pc.or_(bad, beyond)
    return numbers, bad


def _of_duration(text: pa.Array) -> pa.Array:
    parts = pc.extract_regex(text, _DURATION)
    total = pa.array([0] * len(text), pa.int64())
    for name, seconds in (("h", 3600), ("m", 60), ("s", 1)):
        digits = pc.struct_field(parts, name)
        number = pc.if_else(pc.ascii_is_decimal(digits), digits, "0").cast(pa.int64())
        total = pc.add(total, pc.multiply(pc.fill_null(number, 0), seconds * _SECOND))
    return total
