"""Records in flight, dead letters, mapping, policy, audit log and security, worked with as an operator does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.console.conftest import Visited

pytestmark = pytest.mark.timeout(300)

ORDERS = "mapping/erp/purchase_orders"
EDIT = f"{ORDERS}/edit"


def write(page: Page, text: str) -> None:
    page.get_by_label("The mapping, as a connection file writes it").fill(text)


def written(page: Page) -> str:
    return page.get_by_label("The mapping, as a connection file writes it").input_value()


def press(page: Page, name: str | re.Pattern[str]) -> None:
    page.get_by_role("button", name=name).first.click()


@contextmanager
def relay_away(visited: Visited) -> Iterator[None]:
    visited.deployment.stop_relay()
    try:
        yield
    finally:
        visited.deployment.start_relay()
        visited.deployment.wait_until_acked()


def test_source_and_unified_stand_side_by_side_with_a_record_of_the_source(visited: Visited) -> None:
    page = visited.go(ORDERS)
    row = page.locator("tr", has=page.get_by_role("link", name="status", exact=True))

    expect(row).to_contain_text("status_code")
    expect(row).to_contain_text("codes translated")
    first = page.locator("tr", has=page.get_by_role("link", name="orderNo")).inner_text()
    page.get_by_role("link", name="Record 2").click()
    assert page.locator("tr", has=page.get_by_role("link", name="orderNo")).inner_text() != first

    key = visited.deployment.call(
        "mapping_show", {"connection": "erp", "stream": "purchase_orders", "samples": 3}
    )
    wanted = next(line for line in key["fields"] if line["field"] == "orderNo")["samples"][2]
    page.get_by_label("Record", exact=True).fill(wanted)
    press(page, "Look")
    expect(page.locator("tr", has=page.get_by_role("link", name="orderNo"))).to_contain_text(wanted)


def test_what_was_typed_comes_back_with_every_mistake_and_its_line(visited: Visited) -> None:
    where = {"connection": "erp", "stream": "purchase_orders"}
    before = visited.deployment.call("mapping_history", where)["version"]
    page = visited.go(EDIT)
    text = written(page).replace('vendorName = "vendor_name"', 'vendorNam = "vendor_name"')
    text = text.replace('quantity = "quantity"', "quantity = 7")
    write(page, text)
    page.get_by_label("Note for the history").fill("half done")
    press(page, "Save as version")

    fault = page.get_by_role("alert")
    expect(fault).to_contain_text("2 mistakes: nothing was saved")
    expect(fault).to_contain_text("Did you mean vendorName?")
    expect(fault.locator(".written").first).to_have_text('vendorNam = "vendor_name"')
    assert written(page) == text
    assert page.get_by_label("Note for the history").input_value() == "half done"
    fault.get_by_role("link").first.click()
    chosen = page.evaluate(
        "(() => { const t = document.activeElement; return t.value.slice(t.selectionStart, t.selectionEnd); })()"
    )
    assert chosen == 'vendorNam = "vendor_name"'
    assert visited.deployment.call("mapping_history", where)["version"] == before


def test_a_change_is_tried_saved_told_and_taken_back(visited: Visited) -> None:
    page = visited.go(EDIT)
    write(page, written(page).replace('notes = "notes"', 'notes = { const = "seen" }'))
    press(page, "Try it")
    expect(page.get_by_role("status").filter(has_text="nothing is saved yet")).to_contain_text("notes")
    expect(page.locator("td.will").first).to_have_text("seen")
    expect(page.get_by_text("until this stream is re-synced; tick the box")).to_be_visible()
    page.get_by_label("Note for the history").fill("as asked")
    press(page, "Save as version")

    expect(page.locator(".note")).to_contain_text("is in force: notes")
    row = page.locator("tr", has=page.get_by_role("link", name="notes", exact=True))
    expect(row).to_contain_text("Changed")
    expect(page.get_by_role("heading", name="Records at the platform have an older form")).to_be_visible()

    page.get_by_role("link", name="Versions").click()
    expect(page.locator("tbody tr").first).to_contain_text("as asked")
    expect(page.locator("tbody tr").first).to_contain_text("console")
    page.locator("tr", has_text="the connection file alone").get_by_role("button").click()
    expect(page.get_by_role("heading", level=2)).to_contain_text(
        "Put what the connection file says in force again"
    )
    press(page, "Put in force")
    expect(page.locator(".note")).to_contain_text("is in force: notes")

    line = visited.deployment.call("audit_lines", {"action": "mapping_changed"})["lines"][0]
    assert line["actor"]["origin"] == "console"
    assert line["actor"]["name"]


def test_a_text_is_not_lost_when_somebody_else_saves_first(visited: Visited) -> None:
    where = {"connection": "erp", "stream": "purchase_orders"}
    page = visited.go(EDIT)
    upper = 'terms = { from = "payment_terms", upper = true }'
    text = written(page).replace('terms = "payment_terms"', upper)
    write(page, text)
    visited.deployment.call(
        "mapping_change", {**where, "changes": [{"path": ["title"], "spec": "order_number"}]}
    )
    press(page, "Save as version")

    expect(page.get_by_role("alert")).to_contain_text("Somebody else has changed this mapping")
    assert written(page) == text
    press(page, "Hold it against version")
    expect(page.locator("#result")).to_contain_text("title")
    expect(page.locator("#result")).to_contain_text("terms")
    assert written(page) == text
    press(page, "Save as version")
    expect(page.locator(".note")).to_contain_text("is in force")
    visited.deployment.call("mapping_revert", {**where, "to": 0})


def test_more_rejects_than_now_are_saved_only_when_somebody_says_so(visited: Visited) -> None:
    page = visited.go(EDIT)
    write(page, written(page).replace('dueAt = "due_date"', 'dueAt = { from = "title", required = true }', 1))
    press(page, "Save as version")

    expect(page.get_by_role("alert")).to_contain_text("more records would be rejected than now")
    expect(page.get_by_label("Save although more records are rejected than now")).not_to_be_checked()


def test_what_waits_is_listed_with_why_and_what_is_in_it(visited: Visited) -> None:
    with relay_away(visited):
        visited.deployment.call("resync", {"streams": ["erp/vendors"]})
        page = visited.go("in-flight")
        expect(page.get_by_role("heading", name="Why they are still here")).to_be_visible()
        expect(page.locator("#waiting")).to_contain_text("What to do")
        page.get_by_role("link", name="erp/vendors").click()
        batch = page.locator("tr", has_text="Records").get_by_role("link").first
        batch.click()
        expect(page.locator("details.record[open]")).to_contain_text("name")

    visited.go("in-flight")
    expect(page.locator("#waiting")).to_contain_text("the relay has acked every record")


def test_dead_letters_are_read_again_and_dropped_by_cause_or_one_by_one(visited: Visited) -> None:
    letters = visited.deployment.call("dead_letters")["dead_letters"]
    assert letters, "the sandbox has orders that cannot be mapped"
    page = visited.go("dead-letters")
    expect(page.locator("#cause-1")).to_contain_text("What to do")
    press(page, "Read again")
    expect(page.locator(".note")).to_contain_text("asked for again")
    # Those that still cannot pass are listed anew when their run is over.
    expect(page.locator("#causes")).not_to_contain_text("asked for again")

    page.locator("#cause-1 h3").get_by_role("link").click()
    page.locator("form.listed tbody th").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="The record as it was read")).to_be_visible()
    expect(page.locator("main")).to_contain_text("due_date")

    press(page, "Drop")
    expect(page.get_by_role("heading", level=2)).to_have_text("Drop this dead letter?")
    assert len(visited.deployment.call("dead_letters")["dead_letters"]) == len(letters)
    page.get_by_label("Why, for the audit log").fill("  ")  # nothing is done without a reason
    press(page, "Drop")
    expect(page.get_by_role("alert")).to_have_text("Nothing is done without a reason.")
    page.get_by_label("Why, for the audit log").fill("a test order")
    press(page, "Drop")
    expect(page.locator(".note")).to_contain_text("1 dropped.")
    facts = visited.deployment.call("audit_lines", {"action": "local_action"})["lines"][0]["facts"]
    assert (facts["call"], facts["why"]) == ("drop", "a test order")
    assert len(visited.deployment.call("dead_letters")["dead_letters"]) == len(letters) - 1


def test_nothing_ticked_is_nothing_dropped(visited: Visited) -> None:
    (group, *_) = visited.deployment.call("dead_letter_groups")["groups"]
    page = visited.go(
        f"dead-letters?stream={group['stream']}&field={group['field']}&reason={group['reason']}"
    )
    press(page, "Drop the ticked ones")

    expect(page.get_by_role("alert")).to_contain_text("nothing is chosen")


def test_the_policy_is_told_in_words_and_explained_for_a_record(visited: Visited) -> None:
    page = visited.go("policy")
    expect(page.get_by_role("heading", name="erp", exact=True)).to_be_visible()
    expect(page.get_by_text("All fields leave").first).to_be_visible()

    key = next(visited.deployment.records("vendors"))["key"]
    page.get_by_label("Entity").select_option("vendor")
    page.get_by_label("Key of a record").fill(key)
    press(page, "Explain")
    expect(page.locator("#answer")).to_contain_text("Yes")
    expect(page.locator("tr", has=page.get_by_role("rowheader", name="name", exact=True))).to_contain_text(
        "Leaves"
    )

    page.get_by_label("Question").select_option("write")
    page.get_by_label("What would be set, as JSON").fill("{not json")
    press(page, "Explain")
    expect(page.get_by_role("alert")).to_contain_text("the record is no JSON")
    assert page.get_by_label("What would be set, as JSON").input_value() == "{not json"


def test_the_audit_log_is_searched_and_checked(visited: Visited) -> None:
    page = visited.go("audit")
    page.get_by_label("Action").fill("console_signed_in")
    press(page, "Search")
    expect(page.locator("tbody tr").first).to_contain_text("console_signed_in")
    expect(page.locator("tbody tr", has_text="agent_started")).to_have_count(0)

    press(page, "Check the whole log")
    expect(page.get_by_role("status").filter(has_text="Every line is as it was written")).to_be_visible()
    head = visited.deployment.call("audit_head")
    expect(page.locator("main")).to_contain_text(head["public_key"])


def test_the_state_of_the_protection_is_what_doctor_finds(visited: Visited) -> None:
    page = visited.go("security")
    for part in ("Certificates and the relay", "Permissions and account", "Policy", "Versions"):
        expect(page.get_by_role("heading", name=part)).to_be_visible()
    press(page, "Look again")
    expect(page.locator(".note")).to_contain_text("Looked at anew")
