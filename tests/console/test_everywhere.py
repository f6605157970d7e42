"""Every page of the console, for whoever cannot see well, use no mouse, or has a narrow screen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from agent.console.pages import PAGES
from tests.console.conftest import Visited

NARROW = {"width": 360, "height": 740}
WIDE = {"width": 1280, "height": 900}
MAX_STOPS = (
    40  # of a walk with the Tab key: what is the same on every page, and the beginning of its own part
)


@pytest.fixture(scope="module")
def addresses(visited: Visited) -> Iterator[list[str]]:
    """Each page with something on it: records wait, for the relay is away."""
    running = visited.deployment
    running.stop_relay()
    running.call("resync", {"streams": ["erp/purchase_orders"]})
    batches = running.call("in_flight")["batches"]
    letters = running.call("dead_letters")["dead_letters"]
    seq = next(one["seq"] for one in batches if one["kind"] == "records")
    named = {
        "connection": "erp",
        "stream": "purchase_orders",
        "seq": seq,
        "id": letters[0]["id"],
    }
    cause = f"stream={letters[0]['stream']}&field={letters[0]['field']}&reason={letters[0]['reason']}"
    yield [*(page.path.format_map(named) for page in PAGES), f"dead-letters?{cause}"]
    running.start_relay()


def found_by_axe(page: Page, *rules: str) -> list[str]:
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{page.url}: {one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def headings_out_of_order(page: Page) -> list[str]:
    levels = page.eval_on_selector_all(
        "h1,h2,h3,h4,h5,h6", "all => all.filter(h => h.checkVisibility()).map(h => Number(h.tagName[1]))"
    )
    one_first = levels.count(1) == 1 and levels[0] == 1
    faults = [] if one_first else [f"{page.url}: {levels}"]
    return faults + [
        f"{page.url}: h{above} then h{below}" for above, below in pairwise(levels) if below > above + 1
    ]


def test_no_page_breaks_a_rule_of_axe_and_headings_are_in_order(
    visited: Visited, addresses: list[str]
) -> None:
    broken: list[str] = []
    for address in addresses:
        page = visited.go(address)
        broken += [*found_by_axe(page), *headings_out_of_order(page)]

    assert broken == []


def test_the_dark_colours_have_contrast_too(visited: Visited, addresses: list[str]) -> None:
    visited.page.emulate_media(color_scheme="dark")
    broken: list[str] = []
    for address in addresses:
        broken += found_by_axe(visited.go(address), "color-contrast")
    visited.page.emulate_media(color_scheme="light")

    assert broken == []


def test_a_page_that_asks_and_one_that_answers_break_none_either(
    visited: Visited, addresses: list[str]
) -> None:
    page = visited.go(addresses[-1])
    page.get_by_role("button", name="Drop", exact=True).first.click()
    broken = found_by_axe(page)
    page = visited.go("mapping/erp/purchase_orders/edit")
    text = page.get_by_label("The mapping, as a connection file writes it")
    text.fill(text.input_value().replace('notes = "notes"', 'nots = "notes"'))
    page.get_by_role("button", name="Try it").click()
    broken += found_by_axe(page)
    text.fill(text.input_value().replace('nots = "notes"', 'notes = { const = "n" }'))
    page.get_by_role("button", name="Try it").click()
    broken += found_by_axe(page)

    assert broken == []


def test_no_page_is_wider_than_a_narrow_screen(visited: Visited, addresses: list[str]) -> None:
    visited.page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    wide = {}
    for address in addresses:
        page = visited.go(address)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > NARROW["width"]:
            wide[address] = width
    visited.page.set_viewport_size(WIDE)  # type: ignore[arg-type]

    assert wide == {}


def test_the_keyboard_alone_reaches_everything_and_shows_where_it_is(
    visited: Visited, addresses: list[str]
) -> None:
    unseen = []
    for address in addresses:
        page = visited.go(address)
        if address:  # the first page is walked from its top, where each page is the same
            page.locator("main").focus()
        places: list[str] = []
        for _ in range(MAX_STOPS if address else 3 * MAX_STOPS):
            page.keyboard.press("Tab")
            place = page.evaluate(
                """() => {
                    const e = document.activeElement;
                    if (!e || e === document.body) return null;
                    const s = getComputedStyle(e);
                    const box = e.getBoundingClientRect();
                    const seen = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 && box.width > 0;
                    return [seen, e.outerHTML.slice(0, 120)];
                }"""
            )
            if place is None or place[1] in places[:1]:
                break
            places.append(place[1])
            if not place[0]:
                unseen.append(f"{address}: {place[1]}")
        assert places, address

    assert unseen == []
