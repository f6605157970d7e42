"""Lists that go round the framework are those that it would have answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from relay.api.lean import plain_query
from tests.unit.relay.api.serving import Served, filled, served

# The same number for the framework, and not plain to the short way.
PLAIN, ROUNDABOUT = "limit=2", "limit=02"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        await filled(running)
        yield running


def shown(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    left = {name: text for name, text in answer.headers.items() if not name.startswith("ratelimit")}
    return answer.status_code, answer.content, left


@pytest.mark.parametrize(
    "query",
    [
        "",
        "&key=1",
        "&key=a%2Fb+c",
        "&code=PO-1&status=approved&vendorKey=V1&connection=nav",
        "&connection=none",
        "&deleted=include",
        "&deleted=only",
        "&include=raw",
        "&include=",
        "&fields=key,deleted,notes",
        "&fields=nothing",
        "&updated_after=2026-01-05T11:59:59Z",
        "&updated_after=2026-01-05T12:00:00%2B00:00",
        "&updated_after=",
        "&updated_after=2026-13-45T11:59:59Z",
        "&updated_after=yesterday",
        "&cursor=",
        "&cursor=strange",
        "&cursor=" + "x" * 300,
        "&deleted=perhaps",
        "&deleted=",
        "&include=all",
        "&status=" + "s" * 65,
        "&nothing=1",
        "&key=1&key=2",
    ],
)
async def test_both_ways_answer_alike(api: Served, query: str) -> None:
    short = await api.acme.get(f"/purchase-orders?{PLAIN}{query}")
    long = await api.acme.get(f"/purchase-orders?{ROUNDABOUT}{query}")

    assert shown(short) == shown(long)


@pytest.mark.parametrize("limit", ["0", "501", "-1", "1.5", "many", ""])
async def test_a_limit_out_of_bounds_is_refused(api: Served, limit: str) -> None:
    answer = await api.acme.get("/purchase-orders", params={"limit": limit})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == "query.limit"


async def test_a_page_is_followed_by_its_cursor_and_an_unchanged_one_is_not_sent_again(api: Served) -> None:
    first = await api.acme.get("/purchase-orders?limit=1")
    next_one = await api.acme.get(
        "/purchase-orders", params={"limit": "1", "cursor": first.json()["nextCursor"]}
    )
    again = await api.acme.get("/purchase-orders?limit=1", headers={"If-None-Match": first.headers["etag"]})

    assert [one.json()["items"][0]["key"] for one in (first, next_one)] == ["1", "a/b c"]
    assert (again.status_code, again.content) == (304, b"")


async def test_nobody_is_let_in_by_the_short_way(api: Served) -> None:
    for headers in ({}, {"Authorization": "Bearer gwt_no"}, {"Authorization": "Basic eDp5"}):
        answer = await api.anybody.get("/api/v1/purchase-orders", headers=headers)
        assert answer.status_code == 401
    made = await api.acme.post("/tokens", json={"name": "narrow", "scopes": ["enrol"]})
    narrow = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await api.anybody.get("/api/v1/purchase-orders", headers=narrow)).status_code == 403


async def test_the_short_way_is_taken_for_what_is_plainly_right_alone() -> None:
    right = [
        [],
        [("limit", "100")],
        [("key", ""), ("deleted", "only")],
        [("fields", "key")],
        [("include", "raw")],
    ]
    wrong = [
        [("limit", "02")],
        [("limit", "501")],
        [("x", "")],
        [("key", "a"), ("key", "b")],
        [("deleted", "")],
    ]

    assert all([await plain_query(one) is not None for one in right])
    assert [await plain_query(one) for one in wrong] == [None] * len(wrong)
