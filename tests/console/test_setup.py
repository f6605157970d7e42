"""Set-up in a real Chromium: a machine from nothing to records at its relay, and a connection more where an agent runs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from agent.identity import IdentityStore
from agent.settings import load
from tests.console.conftest import PATIENCE_MS, Visited
from tests.console.test_everywhere import NARROW, WIDE, found_by_axe, headings_out_of_order
from tests.deployment import GROUNDWIRE, ROOT, Deployment

pytestmark = [pytest.mark.timeout(300)]

ERP = """
create table vendors (vendor_id int primary key, name varchar(40) not null, changed_at timestamp);
insert into vendors values (1, 'Blum', '2026-01-01 10:00:00'), (2, 'Ostwald', '2026-01-01 10:00:00');
"""


@contextmanager
def setting_up(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`groundwire setup --web`, and the link that it printed."""
    with subprocess.Popen(
        [*GROUNDWIRE, "setup", "--web", "--json", "--config", str(folder), *words],
        env={**{n: v for n, v in os.environ.items() if "proxy" not in n.lower()}, "PYTHONPATH": str(ROOT)},
        cwd=folder.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            while not (line := process.stderr.readline().strip()).startswith("http://"):
                assert process.poll() is None, line
            yield process, line
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


RELOADS = 5  # of a page, while it is judged


@contextmanager
def signed_in(browser: Browser, link: str, **options: Any) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(viewport=WIDE, **options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(link)
    if not options.get("java_script_enabled", True):
        page.get_by_role("button", name="Open the console").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    try:
        yield page
    finally:
        context.close()


def fill(page: Page, label: str, answer: str) -> None:
    page.get_by_label(label, exact=True).fill(answer)
    page.get_by_role("button", name="Go on").click()


def choose(page: Page, question: str, choice: str) -> None:
    page.get_by_role("group", name=question).get_by_label(choice).check()
    page.get_by_role("button", name="Go on").click()


def code_of(relay: Deployment) -> str:
    return str(json.loads(relay._groundwire("relay", "code", "create", str(relay.relay), "--json"))["code"])


def judge(page: Page) -> list[str]:
    """What is wrong with the page as it stands, for whoever cannot see well or has a narrow screen."""
    for _ in range(RELOADS):
        try:
            return judged(page)
        except Error:  # it was loaded anew meanwhile, as a page does that something has happened to
            page.wait_for_load_state()
    return judged(page)


def judged(page: Page) -> list[str]:
    faults = [*found_by_axe(page), *headings_out_of_order(page)]
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    width = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    return faults + ([f"{width} wide: {page.inner_text('main')[:80]}"] if width > NARROW["width"] else [])


def test_a_machine_goes_from_nothing_to_a_connection_at_a_page(
    browser: Browser, deployment: Deployment, tmp_path: Path, shots: Path
) -> None:
    folder, faults = tmp_path / "fresh", []
    with setting_up(folder) as (process, link), signed_in(browser, link) as page:
        faults += judge(page)
        page.get_by_role("button", name="Begin").click()
        fill(page, "Address of the relay", "ws://127.0.0.1")
        expect(page.get_by_role("alert")).to_contain_text("not encrypted")
        expect(page.get_by_label("Address of the relay", exact=True)).to_have_value("ws://127.0.0.1")
        faults += judge(page)
        fill(page, "Address of the relay", f"127.0.0.1:{deployment.gateway}")
        expect(page.get_by_text("do not know who issued")).to_be_visible()
        faults += judge(page)
        choose(page, "What would you like to do?", "name the authority")
        fill(page, "File of the authority behind the relay's certificate", f"{deployment.relay}/ca.pem")
        expect(page.get_by_text("websocket: open")).to_be_visible()
        fill(page, "What shall the relay call this agent?", "plant-9")
        expect(page.get_by_text("Wrote agent.toml.")).to_be_visible()
        fill(page, "Enrolment code", "ABCDE-FGHJK")
        expect(page.get_by_text("not an enrolment code")).to_be_visible()
        fill(page, "Enrolment code", code_of(deployment))
        expect(page.get_by_text("the relay knows this agent as plant-9")).to_be_visible()
        page.get_by_role("button", name="Yes").click()
        faults += judge(page)
        choose(page, "What is to be read?", "sandbox")
        fill(page, "A name for this connection", "demo")
        streams = page.get_by_role("group", name="Which streams?")
        for box in streams.get_by_role("checkbox").all()[2:]:
            box.uncheck()
        faults += judge(page)
        page.get_by_role("button", name="Go on").click()
        choose(page, "What of them may leave this network?", "everything in these streams")
        expect(page.get_by_role("table").first).to_contain_text("4500178")
        assert (
            len(page.get_by_role("table").first.get_by_role("row").all()) == 11
        )  # ten records and their heads
        faults += judge(page)
        choose(page, "Does this look right?", "write it down like this")
        expect(page.get_by_text("Wrote connections/demo.toml.")).to_be_visible()
        page.get_by_role("button", name="No", exact=True).click()
        expect(page.get_by_text(f"groundwire run --config {folder}")).to_be_visible()
        faults += judge(page)
        page.get_by_role("button", name="Finish").click()
        out, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    document = json.loads(out)
    assert document["files"] == ["agent.toml", "policy.toml", "connections/demo.toml"]
    assert document["connections"][0]["streams"] == list(load(folder).connections["demo"].streams)
    assert IdentityStore(load(folder).state_dir).load().relay_url == document["relay_url"]
    assert not (folder / ".setup-answers.toml").exists()
    assert faults == []


def test_a_running_agent_gets_a_connection_in_its_console_and_reads_it(visited: Visited) -> None:
    page, running = visited.go("add-connection"), visited.deployment
    rules = (running.config / "policy.toml").read_text()
    page.get_by_role("button", name="Begin").click()
    choose(page, "What is to be read?", "sandbox")
    fill(page, "A name for this connection", "erp")  # which is there already
    expect(page.get_by_text("There is a connection erp already")).to_be_visible()
    faults = judge(page)
    page.get_by_role("button", name="No", exact=True).click()
    fill(page, "A name for this connection", "demo")
    expect(page.get_by_role("group", name="Which streams?")).to_be_visible()
    page.reload()
    expect(page.get_by_role("group", name="Which streams?")).to_be_visible()
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_label("A name for this connection", exact=True)).to_have_value("demo")

    other = visited.context.new_page()  # another window shows the same, and follows
    other.goto(f"{visited.root}/add-connection")
    expect(other.get_by_label("A name for this connection", exact=True)).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(other.get_by_role("group", name="Which streams?")).to_be_visible()
    other.close()

    page.get_by_role("button", name="Go on").click()
    choose(page, "What of them may leave this network?", "everything")
    faults += judge(page)
    choose(page, "Does this look right?", "write it down")
    expect(page.get_by_text("policy.toml is there already. Change it like this?")).to_be_visible()
    expect(page.get_by_role("region", name="policy.toml, changed")).to_contain_text("+[connections.demo")
    faults += judge(page)
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("Wrote connections/demo.toml.")).to_be_visible()
    page.get_by_role("link", name="Look at demo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("demo")

    assert faults == []
    assert (running.config / "policy.toml").read_text().startswith(rules.rstrip())
    assert "demo" in [one["name"] for one in running.call("status")["connections"]]
    running.sync("demo")
    audit = "".join(file.read_text() for file in (running.state / "audit").glob("*.jsonl"))
    written = re.findall(
        r'"origin":"console","name":"[^"]+"\},"facts":\{"call":"setup","file":"([^"]+)"', audit
    )
    assert written == ["policy.toml", "connections/demo.toml"]


def test_set_up_works_without_scripts_and_leaving_it_writes_nothing(
    browser: Browser, deployment: Deployment, tmp_path: Path
) -> None:
    folder = tmp_path / "fresh"
    with setting_up(folder) as (process, link), signed_in(browser, link, java_script_enabled=False) as page:
        page.get_by_role("button", name="Begin").click()
        fill(page, "Address of the relay", f"127.0.0.1:{deployment.gateway}")
        # The page asks for itself again while the way is tested.
        expect(page.get_by_text("do not know who issued")).to_be_visible()
        page.get_by_role("button", name="Leave").click()
        expect(page.get_by_text("set-up was left by")).to_be_visible()
        page.get_by_role("button", name="Finish").click()
        process.communicate(timeout=60)

    assert process.returncode == 4
    assert [one.name for one in folder.iterdir()] == [".setup-answers.toml"]
