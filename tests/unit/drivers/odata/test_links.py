"""A set read by the server's links: what is taken, what is walked again, and what has no end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from drivers.contract import SourceChanged
from drivers.odata.answers import Records
from drivers.odata.edm import Kind, Property
from drivers.odata.fetching import MAX_LINKS
from drivers.odata.links import ANSWERS, LinkedPage, LinkedPages, Place
from drivers.odata.shape import Node

NUMBER = Property("Number", "Edm.Int32", Kind.INTEGER)
Answer = Callable[
    [int], tuple[Sequence[int], bool]
]  # number of an answer -> numbers of its records, whether it goes on


class Scripted:
    """A set of which every answer is made from its number in the walk; a link is the number of the next."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked = 0

    async def linked(self, _: Sequence[str], link: str, rows: int) -> Records:
        self.asked += 1
        number = int(link or 0)
        numbers, more = self._answer(number)
        return Records([SimpleNamespace(p0=each) for each in numbers], str(number + 1) if more else None)


def pages_of(walked: Scripted, keys: Scripted) -> LinkedPages:
    async def named(asked: list[list[str]]) -> list[Any]:
        return [SimpleNamespace(p0=int(key)) for (key,) in asked]

    reader: Any = walked
    key_reader: Any = keys
    return LinkedPages(
        reader, key_reader, (NUMBER,), Node((NUMBER,)), (), named, keys_wanted=5_000, where="streams.s.read"
    )


async def read(pages: LinkedPages, wanted: int, place: Place | None = None) -> list[LinkedPage]:
    found = [await pages.page(place, wanted)]
    while not found[-1].complete:
        found.append(await pages.page(found[-1].place, wanted))
    return found


def one_by_one(count: int) -> Answer:
    return lambda number: ([number], number < count - 1)


async def test_a_long_walk_over_the_keys_tells_that_it_goes_on() -> None:
    keys = Scripted(one_by_one(3 * ANSWERS))
    found = await read(pages_of(Scripted(lambda _: (range(3 * ANSWERS), False)), keys), 1_000)

    assert [len(page.rows) for page in found] == [300, 0, 0, 0]
    assert [page.complete for page in found] == [False, False, False, True]
    assert keys.asked == 3 * ANSWERS


async def test_what_a_page_without_records_stood_at_is_no_place_behind_something() -> None:
    """Answers without records, then a stop: whoever goes on walks everything again, keys too."""
    late = Scripted(lambda number: ([1, 2] if number > ANSWERS else [], number <= ANSWERS))
    first = await pages_of(late, late).page(None, 10)
    assert (first.rows, first.complete) == ([], False)

    keys = Scripted(lambda _: ([1, 2, 3], False))
    found = await read(pages_of(Scripted(lambda _: ([1, 2], False)), keys), 10, first.place)

    assert [row.p0 for page in found for row in page.rows] == [1, 2, 3]


async def test_a_key_that_comes_twice_in_one_answer_is_named_and_no_record_is_dropped() -> None:
    twice = Scripted(lambda _: ([1, 2, 1], False))

    with pytest.raises(SourceChanged, match="more than one record with the key '1'") as caught:
        await read(pages_of(twice, twice), 10)
    assert caught.value.where == "streams.s.read.key"


@pytest.mark.parametrize("behind", [False, True], ids=["pages", "keys"])
async def test_links_that_bring_nothing_new_are_not_followed_for_ever(*, behind: bool) -> None:
    endless = Scripted(lambda _: ([1], True))
    short = Scripted(lambda _: ([1], False))

    with pytest.raises(SourceChanged, match="in circles"):
        await read(pages_of(short, endless) if behind else pages_of(endless, short), 10)
    assert endless.asked <= MAX_LINKS + 2


async def test_a_link_that_no_position_can_hold_is_refused() -> None:
    class Long(Scripted):
        async def linked(self, conditions: Sequence[str], link: str, rows: int) -> Records:
            found = await super().linked(conditions, "", rows)
            return Records(found.rows, "x" * 10_000)

    long = Long(one_by_one(2))
    with pytest.raises(SourceChanged, match="a link of 10000 characters"):
        await read(pages_of(long, long), 10)
