from __future__ import annotations

import json

import orjson
from hypothesis import given
from hypothesis import strategies as st

from relay.plain import plain, plain_object

ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


@given(value=st.dictionaries(st.text(max_size=4), ANY, max_size=4))
def test_whatever_an_agent_sends_every_reader_can_read(value: dict[str, object]) -> None:
    made = plain_object(value)

    json.dumps(made, allow_nan=False)
    orjson.dumps(made)


def test_ordinary_json_stays_as_it_is() -> None:
    value = {"a": [1, -2, 0.5, "x", None, True, {"b": []}], "c": 2**63 - 1}

    assert plain(value) == value


def test_a_number_of_thousands_of_digits_is_none_and_no_error() -> None:
    """Python writes no number of more than 4,300 digits, and says so by an error."""
    assert plain(2**1_024 - 1) == str(2**1_024 - 1)
    assert plain({"n": [10**5_000, -(10**5_000), 2**1_024]}) == {"n": [None, None, None]}
