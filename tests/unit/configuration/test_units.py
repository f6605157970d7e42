from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.configuration.units import parse_duration, parse_size, render_duration, render_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("15m", 900),
        ("90d", 7_776_000),
        ("1h30m", 5_400),
        ("1.5h", 5_400),
        ("250ms", 0.25),
        ("2w", 1_209_600),
    ],
)
def test_durations_are_read_with_their_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "wrong", ["", "15", "15 minutes", "-5m", "m", "1h-30m", 15, 1.5, None, True, "9" * 100, "99999w"]
)
def test_a_duration_without_a_known_unit_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(wrong)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36_000)))
def test_a_rendered_duration_reads_back_as_itself(value: timedelta) -> None:
    value = timedelta(milliseconds=value // timedelta(milliseconds=1))

    assert parse_duration(render_duration(value)) == value


@pytest.mark.parametrize(
    ("text", "size"),
    [("64MiB", 67_108_864), ("1GB", 10**9), ("1.5 KiB", 1_536), ("0B", 0), ("512kB", 512_000), (4096, 4096)],
)
def test_sizes_are_read_with_their_units(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("wrong", ["", "64", "64 M", "64mib", "-1B", True, None, 1.5, "9999999TiB"])
def test_a_size_without_a_known_unit_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(wrong)


@given(st.integers(min_value=0, max_value=2**50))
def test_a_rendered_size_reads_back_as_itself(value: int) -> None:
    assert parse_size(render_size(value)) == value
