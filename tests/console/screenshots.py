"""Makes the pictures of docs/images/ from a sandbox: `make screenshots`.

A relay, an agent and a sandbox ERP on this machine; nothing of it leaves, and everything shown is made up.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright

from agent.control import ControlClient
from tests.deployment import Deployment

IMAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "images"
WIDE: Final = {"width": 1180, "height": 760}
NARROW: Final = {"width": 360, "height": 720}
EDITED: Final = ('notes = "notes"', 'notes = { from = "notes", upper = true }')

# Address and file; in this order, for what one does shows on the next.
PICTURES: Final = (
    ("", "console-overview"),
    ("connections/erp", "console-connection"),
    ("mapping/erp/purchase_orders", "console-mapping"),
    ("dead-letters", "console-dead-letters"),
    ("policy", "console-policy"),
    ("audit", "console-audit"),
    ("security", "console-security"),
)
POLICY: Final = """commands = ["diagnostics", "cancel"]

[connections.erp]
commands = ["sync", "resync", "read_record", "create", "update"]
quiet_hours = ["22:00-05:00"]
time_zone = "Europe/Berlin"

[connections.erp.leave.purchase_order]
fields = "all"
except = ["notes"]

[connections.erp.leave.vendor]
fields = ["name", "code"]

[connections.erp.leave.inventory_item]
fields = "all"

[connections.erp.leave.work_order]
fields = "all"

[connections.erp.leave.asset]
fields = "all"

[connections.erp.write.purchase_order]
operations = ["create", "update"]
fields = ["title", "notes", "lineItems"]
max_amount = { EUR = "10000.00" }
per_hour = 20
"""


class Beside(Deployment):
    """Its calls run in a thread of their own: Playwright's loop has this one."""

    def call(self, name: str, args: Mapping[str, Any] | None = None) -> Any:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(
                lambda: asyncio.run(ControlClient(self.state).ask(name, dict(args or {})))
            ).result()


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="groundwire-") as folder, Beside(Path(folder)) as running:
        running.connect("erp", {"system": "sandbox"})
        (running.config / "policy.toml").write_text(POLICY)
        running.start_agent()
        running.sync("erp")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox"] if os.geteuid() == 0 else [],
            )
            page = browser.new_context(viewport=WIDE, color_scheme="light").new_page()  # type: ignore[arg-type]
            page.goto(running.call("console_link")["url"])
            page.wait_for_selector("main h1:has-text('Overview')")
            root = page.url.rstrip("/")
            for address, name in PICTURES:
                page.goto(f"{root}/{address}")
                take(page, name)
            edit(page, root)
            set_up(page, root)
            page.emulate_media(color_scheme="dark")
            page.goto(f"{root}/mapping/erp/vendors")
            take(page, "console-dark")
            page.emulate_media(color_scheme="light")
            page.set_viewport_size(NARROW)  # type: ignore[arg-type]
            page.goto(f"{root}/connections/erp")
            take(page, "console-narrow")
            browser.close()


def edit(page: Page, root: str) -> None:
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    page.goto(f"{root}/mapping/erp/purchase_orders/edit")
    text = page.locator("#text")
    text.fill(text.input_value().replace(*EDITED))
    page.get_by_role("button", name="Try it").click()
    page.wait_for_selector("#result")
    page.evaluate("scrollTo(0, 0)")
    take(page, "console-mapping-edit")


def set_up(page: Page, root: str) -> None:
    """Up to the records of a further connection; it is left there."""
    page.goto(f"{root}/add-connection")
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("Sandbox").first.check()
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("A name for this connection").fill("demo")
    page.get_by_role("button", name="Go on").click()
    streams = page.get_by_role("group", name="Which streams?")
    streams.wait_for()
    for box in streams.get_by_role("checkbox").all()[1:]:
        box.uncheck()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("group", name="What of them may leave this network?").wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("group", name="Does this look right?").wait_for()
    take(page, "setup-records")
    page.get_by_role("button", name="Leave").click()


def take(page: Page, name: str) -> None:
    page.wait_for_load_state("load")
    page.screenshot(path=IMAGES / f"{name}.png")
    size = (IMAGES / f"{name}.png").stat().st_size
    print(f"docs/images/{name}.png  {size // 1024} KiB")


if __name__ == "__main__":
    main()
