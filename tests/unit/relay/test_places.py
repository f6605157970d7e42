from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.eras import BEFORE_THE_FIRST, Standing
from relay.places import WHOLE_BATCH, Kept, behind, close_place, open_place
from relay.seals import Seals, new_key
from relay.store.base import Place

SEALS = Seals(new_key())
PLACES = st.builds(Place, st.integers(0, 2**63 - 1), st.integers(-1, WHOLE_BATCH))


@given(place=PLACES, era=st.binary(min_size=8, max_size=8))
def test_a_cursor_comes_back_as_the_place_it_was_given_for(place: Place, era: bytes) -> None:
    cursor = close_place(SEALS, Kept(era, place), "acme", "feed")

    assert open_place(SEALS, cursor, "acme", "feed") == Kept(era, place)
    assert len(cursor) == 48


@pytest.mark.parametrize(
    "about",
    [("globex", "feed"), ("acme", "list"), ("acme",), ("acme", "feed", ""), ("feed", "acme"), ("acmefeed",)],
)
def test_a_cursor_is_good_for_its_tenant_and_its_purpose_alone(about: tuple[str, ...]) -> None:
    cursor = close_place(SEALS, Kept(b"12345678", Place(7, 2)), "acme", "feed")

    assert open_place(SEALS, cursor, *about) is None


@given(text=st.text(max_size=300))
def test_a_text_that_was_not_given_out_is_no_cursor(text: str) -> None:
    assert open_place(SEALS, text, "acme", "feed") is None


@given(position=st.integers(1, 2**40), more=st.integers(1, 2**20))
def test_a_cursor_tells_nothing_about_the_number_of_batches(position: int, more: int) -> None:
    """Neither its length nor its beginning grows with the position, which counts the batches of all tenants."""
    one = close_place(SEALS, Kept(b"12345678", behind(position)), "acme", "feed")
    other = close_place(SEALS, Kept(b"12345678", behind(position + more)), "acme", "feed")

    assert len(one) == len(other)
    assert one[:8] != other[:8]


def test_another_relay_does_not_take_the_cursor() -> None:
    cursor = close_place(SEALS, Kept(b"12345678", Place(7, 2)), "acme", "feed")

    assert open_place(Seals(new_key()), cursor, "acme", "feed") is None


@pytest.mark.parametrize(
    ("standing", "position", "good"),
    [
        (Standing(b"now", 10, known=True), 10, True),
        (Standing(b"now", 10, known=True), 11, False),
        (Standing(b"now", 10, known=False), 5, False),
        (Standing(b"now", 10, known=True, next_began_after=7), 7, True),
        (Standing(b"now", 10, known=True, next_began_after=7), 8, False),
        (Standing(BEFORE_THE_FIRST, 0, known=True), 0, True),
    ],
)
def test_a_place_holds_as_far_as_the_store_had_come(standing: Standing, position: int, *, good: bool) -> None:
    assert standing.bears_out(position) is good
