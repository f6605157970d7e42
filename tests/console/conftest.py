"""A real Chromium and a real agent with a relay, for tests of the console's pages. One of each for a file.

Sync tests only: Playwright's loop runs in the thread of the tests, beside which none of pytest-asyncio's can.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.canaries import betrayed
from tests.conftest import PACKAGES_STATE
from tests.deployment import GROUNDWIRE, Deployment

PATIENCE_MS = 60_000  # for whatever a page waits for; a machine may be slow

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        installed = PACKAGES_STATE.exists() and PACKAGES_STATE.read_text().strip() == "installed"
        if os.environ.get("CI") == "true" and installed:
            pytest.fail(
                "there is no chromium, though .ci/debian-packages.sh says that everything is installed"
            )
        pytest.skip("there is no chromium; run .ci/debian-packages.sh")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=[*sandbox, "--disable-gpu"])
        yield launched
        launched.close()


class BesidePlaywright(Deployment):
    """Its calls run in a thread of their own: Playwright's loop has this one."""

    def call(self, name: str, args: Mapping[str, Any] | None = None) -> Any:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(super().call, name, args).result()


@dataclass
class Visited:
    """The console of a deployment in a browser. `page` is signed in; `faults` is what its browser complained of."""

    deployment: Deployment
    context: BrowserContext
    page: Page
    root: str
    faults: list[str] = field(default_factory=list)

    def go(self, path: str = "") -> Page:
        answer = self.page.goto(f"{self.root}/{path}")
        assert answer is not None
        assert answer.status < 400, f"{path}: {answer.status}"
        return self.page

    def fetch(self, path: str, **options: Any) -> Any:
        """A request with the session's cookie, but not from a page."""
        return self.context.request.get(f"{self.root}/{path}", **options)


def link_to(deployment: Deployment) -> str:
    """As an operator gets it."""
    asked = subprocess.run(
        [*GROUNDWIRE, "--config", str(deployment.config), "console", "--print"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return asked.stdout.strip()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A relay and an agent with a sandbox ERP named `erp`, everything of which has been sent once."""
    with BesidePlaywright(tmp_path_factory.mktemp("console")) as running:
        running.connect("erp", {"system": "sandbox"})
        running.start_agent()
        running.sync("erp")
        yield running


@pytest.fixture(scope="module")
def visited(browser: Browser, deployment: Deployment) -> Iterator[Visited]:
    """Signed in, at the overview. No page of the whole file may show a secret or break its own security policy."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None
    )
    page.on("response", lambda answer: _look_into(answer, faults))
    page.goto(link_to(deployment))
    page.wait_for_selector("main h1:has-text('Overview')")
    yield Visited(deployment, context, page, page.url.split("?")[0].rstrip("/"), faults)
    context.close()
    assert faults == []


def _look_into(answer: Any, faults: list[str]) -> None:
    if "/live" in answer.url or answer.status in {301, 302, 303}:
        return
    try:
        body = answer.body()
    except Exception:  # the page has gone on before its body was read
        return
    if betrayed(body):
        faults.append(f"a secret in {answer.url}")


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Where a test may leave pictures: GROUNDWIRE_SHOTS, else where pytest forgets them."""
    named = os.environ.get("GROUNDWIRE_SHOTS")
    return Path(named) if named else tmp_path
