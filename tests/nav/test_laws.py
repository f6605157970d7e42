"""Reading a page while others write to it, whatever they do and however the server cuts: a law, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import ReadMode, ReadRequest, StreamSpec
from drivers.http.client import HttpClient
from drivers.http.options import HttpOptions
from drivers.soap.channel import Channel
from drivers.soap.pages.days import DayForms
from drivers.soap.pages.options import parse_connection, parse_stream
from drivers.soap.pages.reading import PageReader
from drivers.soap.pages.service import PageService, model_of
from drivers.soap.pages.shape import shape_of
from drivers.soap.store import WsdlStore
from drivers.soap.wsdl import read_definitions
from tests.nav.company import COMPANY, VENDORS, rows, vendor
from tests.nav.server import INSTANCE, NavServer, Page
from tests.nav.wsdls import page_wsdl

URL = f"http://nav.example{INSTANCE}"
WSDL = page_wsdl(VENDORS).encode()
DEFINITIONS = read_definitions({URL: WSDL}, URL, where="test")
STREAM = StreamSpec("v", "vendor", {"page": "Vendors"})
OPTIONS = parse_connection({"services": "nav-pages", "url": URL, "company": COMPANY})
SHAPE = shape_of("v", parse_stream("v", STREAM.options), model_of(DEFINITIONS, "Vendors", where="test"))

NUMBERS = st.integers(0, 40)
ACTIONS = st.tuples(st.sampled_from(["delete", "delete_last", "touch_last", "insert"]), NUMBERS)


def key(number: int) -> tuple[str]:
    return (f"V{number:03d}",)


@settings(max_examples=120, deadline=None)
@given(
    there=st.sets(NUMBERS, max_size=25),
    meanwhile=st.lists(st.lists(ACTIONS, max_size=3), max_size=12),
    page_rows=st.integers(1, 7),
    most=st.integers(1, 7),
    bookmarks_live=st.booleans(),
    restarts=st.booleans(),
)
def test_what_stays_is_read_once_and_in_order_whatever_others_do(
    there: set[int],
    meanwhile: list[list[tuple[str, int]]],
    page_rows: int,
    most: int,
    bookmarks_live: bool,
    restarts: bool,
) -> None:
    server = NavServer()
    server.most_rows, server.bookmarks_live = most, bookmarks_live
    held = rows(*(vendor(number, No=key(number)[0]) for number in sorted(there)))
    page = server.add(Page("Vendors", WSDL, ("No",), held))

    found, deleted = asyncio.run(_read(server, page, meanwhile, page_rows, restarts=restarts))

    assert found == sorted(set(found))
    assert {key(number)[0] for number in there} - deleted <= set(found)


async def _read(
    server: NavServer,
    page: Page,
    meanwhile: Sequence[list[tuple[str, int]]],
    page_rows: int,
    *,
    restarts: bool,
) -> tuple[list[str], set[str]]:
    def answer(request: httpx.Request) -> httpx.Response:
        response = server.signed_in(request.method, request.url.raw_path.decode(), request.content)
        return httpx.Response(response.status, stream=httpx.ByteStream(response.body))

    client = HttpClient(HttpOptions(url=URL), {}, transport=httpx.MockTransport(answer))
    service = PageService(Channel(client), WsdlStore(client, URL, None), OPTIONS)
    found: list[str] = []
    deleted: set[str] = set()
    after: str | None = None
    reader = _reader(service, page_rows, after)
    position, steps = reader.start(), iter(meanwhile)
    while True:
        fetched = await reader.fetch(position)
        made = reader.finish(fetched)
        found += made.table["__key"].to_pylist()
        if made.complete:
            await client.aclose()
            return found, deleted
        position, after = fetched.position, made.cursor
        for action, number in next(steps, []):
            deleted |= _do(page, action, number, found[-1])
        if restarts:  # the agent stopped here, and went on from the cursor that was durable
            reader = _reader(service, page_rows, after)
            position = reader.start()


def _reader(service: PageService, page_rows: int, after: str | None) -> PageReader:
    request = ReadRequest(STREAM, ReadMode.SCAN, page_rows=page_rows, after=after)
    return PageReader(service, DayForms(service), SHAPE, request)


def _do(page: Page, action: str, number: int, last: str) -> set[str]:
    wanted = (last,) if action.endswith("_last") else key(number)
    if action == "insert":
        page.rows.setdefault(wanted, vendor(number, No=wanted[0]))
    elif wanted in page.rows and action == "touch_last":
        page.rows[wanted]["_v"] += 1
    elif wanted in page.rows:
        del page.rows[wanted]
        return {wanted[0]}
    return set()
