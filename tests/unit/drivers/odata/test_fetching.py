"""Answers that the server cuts: all of it is fetched, and none of it without end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from drivers.contract import SourceChanged
from drivers.http.messages import Answer
from drivers.odata.edm import Kind, Property
from drivers.odata.fetching import SetReader
from drivers.odata.ordering import START, OrderedBy
from drivers.odata.shape import Node
from drivers.odata.walking import Walk

NUMBER = Property("Number", "Edm.Int32", Kind.INTEGER)
COLUMNS = (OrderedBy(NUMBER, 4),)
PADDING = "x" * 1_000


class Scripted:
    """A service of which each answer is made from the number of requests before it."""

    max_body_bytes = 20_000

    def __init__(self, respond: Callable[[int], dict[str, Any]]) -> None:
        self._respond = respond
        self.asked = 0

    def address(self, path: str, _: Any) -> str:
        return path

    def within(self, path: str) -> str:
        return path

    def followed(self, link: str, **_: Any) -> str:
        return link

    async def get(self, url: str, **_: Any) -> Answer:
        self.asked += 1
        return Answer(200, {}, json.dumps(self._respond(self.asked)).encode(), url)


def reader(service: Scripted, node: Node) -> SetReader:
    return SetReader(service, "Orders", node, 4, url_chars=6_000, where="here")  # type: ignore[arg-type]


async def test_links_without_end_inside_a_record_are_left() -> None:
    def respond(number: int) -> dict[str, Any]:
        if number == 1:
            return {"value": [{"Number": 1, "lines": [], "lines@odata.nextLink": "L1"}]}
        return {"value": [{"Number": number, "Text": PADDING}], "@odata.nextLink": f"L{number}"}

    service = Scripted(respond)
    node = Node((NUMBER,), lists={"lines": Node((NUMBER,), navigation=True)})

    with pytest.raises(SourceChanged, match="too long together"):
        await reader(service, node).ordered(COLUMNS, START, [], 10)
    assert service.asked < 100


async def test_links_without_end_behind_a_look_up_are_left() -> None:
    service = Scripted(lambda number: {"value": [{"Text": PADDING}], "@odata.nextLink": f"L{number}"})

    with pytest.raises(SourceChanged, match="too long together"):
        await reader(service, Node((NUMBER,))).matching([], ["Number"], 10)
    assert service.asked < 100


async def test_a_look_up_whose_links_go_in_circles_is_left() -> None:
    service = Scripted(lambda _: {"value": [], "@odata.nextLink": "again"})

    with pytest.raises(SourceChanged, match="in circles"):
        await reader(service, Node((NUMBER,))).matching([], ["Number"], 10)
    assert service.asked == 2


async def test_lines_without_end_are_left() -> None:
    def respond(number: int) -> dict[str, Any]:
        return {"value": [{"Number": 10 * number + each, "Text": PADDING} for each in range(3)]}

    service = Scripted(respond)
    walk = Walk(reader(service, Node((NUMBER,))), COLUMNS, [], Node((NUMBER,)), "here")

    with pytest.raises(SourceChanged, match="too long together"):
        await walk.to_the_end(2)
    assert service.asked < 100
