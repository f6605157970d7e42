"""The frame of every page in a real browser: signing in and out, colours, the keyboard, live updates."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.console.conftest import PATIENCE_MS, Visited, link_to


def test_a_link_opens_the_console_once(visited: Visited, browser: Browser) -> None:
    link = link_to(visited.deployment)
    first, second = browser.new_context(), browser.new_context()
    try:
        page = first.new_page()
        page.goto(link)
        page.wait_for_selector("main h1:has-text('Overview')", timeout=PATIENCE_MS)
        other = second.new_page()
        answer = other.goto(link)

        assert answer is not None
        assert answer.status == 410
        expect(other.locator("main")).to_contain_text("no longer good")
    finally:
        first.close()
        second.close()


def test_it_works_without_scripts(visited: Visited, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(link_to(visited.deployment))
        page.get_by_role("button", name="Open the console").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Overview")

        page.get_by_label("Colours").select_option("dark")
        page.get_by_role("button", name="Set").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")

        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("main")).to_contain_text("signed out")
        page.go_back()
        page.reload()
        expect(page.locator("main")).to_contain_text("groundwire console")
    finally:
        context.close()


def test_the_first_tab_leads_past_the_navigation(visited: Visited) -> None:
    page = visited.go()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_until_somebody_chooses(visited: Visited, scheme: str) -> None:
    page = visited.page
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # one of its two words
    visited.go()
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == {"light": "rgb(245, 246, 245)", "dark": "rgb(17, 22, 21)"}[scheme]

    page.get_by_label("Colours").select_option("light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert page.evaluate(paper) == "rgb(245, 246, 245)"
    page.get_by_label("Colours").select_option("auto")
    expect(page.locator("html")).to_have_attribute("data-theme", "auto")
    page.emulate_media(color_scheme="light")
