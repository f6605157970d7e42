"""The pages that an operator runs connections with, in a real browser over a real agent."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.console.conftest import PATIENCE_MS, Visited


def test_the_overview_tells_of_the_relay_the_backlog_and_each_connection(visited: Visited) -> None:
    page = visited.go()

    figures = page.locator("#figures")
    for name in ("Relay", "Connected", "Waiting for the relay", "Outbox", "Last acked"):
        expect(figures).to_contain_text(name)
    row = page.locator("#connections tr", has=page.get_by_role("link", name="erp", exact=True))
    expect(row).to_contain_text("Idle")
    expect(page.locator("#verdict")).to_contain_text("records cannot pass")
    page.locator("#verdict").get_by_role("link", name="Look into it").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dead letters")


def test_a_pause_holds_until_it_is_resumed_and_is_audited_as_of_the_console(visited: Visited) -> None:
    before = len(origins_of_pauses(visited))
    page = visited.go("connections/erp")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".note")).to_contain_text("erp is paused")
    assert visited.deployment.call("status")["connections"][0]["paused"] is True

    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".note")).to_contain_text("erp runs again")
    assert visited.deployment.call("status")["connections"][0]["paused"] is False
    assert origins_of_pauses(visited)[before:] == ["console", "console"]


def origins_of_pauses(visited: Visited) -> list[str]:
    """Who asked for each pause and resume that the audit log holds, oldest first."""
    files = sorted((visited.deployment.state / "audit").glob("*.jsonl"))
    audit = "".join(file.read_text() for file in files)
    return re.findall(r'"origin":"(\w+)","name":"[^"]+"\},"facts":\{"call":"(?:pause|resume)"', audit)


def test_a_sync_that_somebody_asks_for_runs(visited: Visited) -> None:
    page = visited.go("connections/erp")
    row = page.locator("#streams tr", has_text="vendors")
    row.get_by_role("button", name="Sync", exact=True).click()

    expect(page.locator(".note")).to_contain_text("Sync of erp/vendors")
    expect(page.locator("#runs")).to_contain_text("asked for here", timeout=PATIENCE_MS)


def test_a_full_re_sync_is_asked_again_before_it_is_done(visited: Visited) -> None:
    page = visited.go("connections/erp")
    row = page.locator("#streams tr", has_text="assets")
    row.get_by_role("button", name="Re-sync").click()
    expect(page.get_by_role("heading", level=2)).to_contain_text("Read erp/assets again from the beginning?")
    page.get_by_role("link", name="No, go back").click()
    expect(page.locator("#runs")).not_to_contain_text("full re-sync")

    page.locator("#streams tr", has_text="assets").get_by_role("button", name="Re-sync").click()
    page.get_by_role("button", name="Read everything again").click()
    expect(page.locator(".note")).to_contain_text("Full re-sync of erp/assets")
    expect(page.locator("#runs")).to_contain_text("full re-sync", timeout=PATIENCE_MS)


def test_a_page_that_is_open_shows_what_changes_meanwhile(visited: Visited) -> None:
    page = visited.go()
    expect(page.locator("#live-state")).to_have_text("Live")
    visited.deployment.call("pause", {"connection": "erp"})
    try:
        expect(page.locator("#connections")).to_contain_text("Paused", timeout=PATIENCE_MS)
    finally:
        visited.deployment.call("resume", {"connection": "erp"})
    expect(page.locator("#connections")).to_contain_text("Idle", timeout=PATIENCE_MS)


def test_runs_are_found_by_connection_and_outcome(visited: Visited) -> None:
    page = visited.go("runs")
    page.get_by_label("Connection").select_option("erp")
    page.get_by_label("Outcome").select_option("failed")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#runs")).to_contain_text("No run is kept that fits")

    page.get_by_label("Outcome").select_option("succeeded")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#runs")).to_contain_text("erp/purchase_orders")


def test_the_log_is_searched_and_made_to_tell_more(visited: Visited) -> None:
    page = visited.go("logs")
    page.get_by_label("Words").fill("relay_connected")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#lines tbody tr").first).to_contain_text("relay connected")
    expect(page.locator("#lines")).not_to_contain_text("run finished")

    page.get_by_label("Write from").select_option("debug")
    page.get_by_role("button", name="Change for an hour").click()
    expect(page.locator(".note")).to_contain_text("debug")
    page.get_by_label("Write from").select_option("default")
    page.get_by_role("button", name="Change for an hour").click()
    expect(page.locator("main")).to_contain_text("As agent.toml says")


def test_a_wrong_file_is_named_with_its_line_and_what_to_do(visited: Visited) -> None:
    file = visited.deployment.config / "connections" / "new.toml"
    file.write_text('system = "sandbox"\nnonsense = true\n')
    try:
        page = visited.go("settings")
        page.get_by_role("button", name="Read the files again").click()
        expect(page.locator("main")).to_contain_text("connections/new.toml:2")
        expect(page.locator("main")).to_contain_text("new is not in force")
    finally:
        file.unlink()
        visited.deployment.call("reload")


def test_settings_say_where_each_value_comes_from(visited: Visited) -> None:
    page = visited.go("settings")
    row = page.locator("tr", has=page.get_by_role("rowheader", name="state_dir", exact=True))

    expect(row).to_contain_text("agent.toml:")
    expect(page.locator("tr", has=page.get_by_role("rowheader", name="high_water"))).to_contain_text(
        "default"
    )


def test_a_connection_that_is_not_there_is_said_with_what_to_do(visited: Visited) -> None:
    answer = visited.page.goto(f"{visited.root}/connections/nothing")

    assert answer is not None
    assert answer.status == 404
    expect(visited.page.get_by_role("alert")).to_contain_text("no connection named 'nothing'")
