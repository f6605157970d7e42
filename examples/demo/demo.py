"""`make demo`: a relay, an agent and a sandbox ERP on this machine, through the public command line and API only.

Everything it makes lies in .demo/ and is made anew each time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".demo"
GROUNDWIRE = Path(sys.executable).with_name("groundwire")
START_SECONDS = 60.0
ROUND_SECONDS = 120.0
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.5
CHANGES_SECONDS = 5.0
ENTITIES = {
    "purchase_order": "purchase-orders",
    "work_order": "work-orders",
    "inventory_item": "inventory-items",
    "vendor": "vendors",
    "asset": "assets",
}
AGENT_FILE = """\
[agent]
name = "demo-agent"
state_dir = "{state}"

[relay]
ca_file = "{ca}"
"""
POLICY_FILE = """\
#:schema ../../../config/schemas/policy.schema.json
# What may leave this machine, be written and be done: without this file, nothing.
commands = ["cancel", "diagnostics"]

[connections.sandbox]
commands = [
    "sync", "resync", "pause", "resume", "test", "discover", "read_record", "create", "update", "delete", "set_status",
    "read_mapping", "preview_mapping", "requeue",
]

[connections.sandbox.leave]
purchase_order = { fields = "all" }
work_order = { fields = "all" }
inventory_item = { fields = "all" }
vendor = { fields = "all", hash = ["taxNumber"], mask = ["phone"] }
asset = { fields = "all" }

[connections.sandbox.write.purchase_order]
operations = ["create", "update", "set_status"]
fields = "all"
max_amount = { EUR = "100000.00" }
per_hour = 100
statuses = ["pending_approval", "approved", "cancelled"]
"""

CONNECTION_FILE = """\
#:schema ../../../config/schemas/connection.schema.json
# The whole connection: the system brings driver, streams and mapping.
system = "sandbox"

[options]
size = 400
changes_per_minute = 300

[sync]
every = "10s"
initial_window = "everything"
"""

console = Console()


class Demo:
    def __init__(self) -> None:
        self._processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.api = httpx.Client(timeout=10)

    def prepare(self) -> None:
        """Make the folders, start the relay, enrol the agent and start it."""
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        relay, agent = FOLDER / "relay", FOLDER / "agent"
        gateway_port, api_port = free_port(8443), free_port(8080)
        made = json.loads(
            groundwire(
                "relay",
                "init",
                str(relay),
                "--gateway-port",
                str(gateway_port),
                "--api-port",
                str(api_port),
                "--json",
            )
        )
        token = FOLDER / "token"
        token.write_text(made["token"] + "\n", encoding="utf-8")
        token.chmod(0o600)
        self.api.base_url = httpx.URL(f"http://127.0.0.1:{api_port}/api/v1")
        self.api.headers["Authorization"] = f"Bearer {made['token']}"
        self.start("relay", "relay", "run", str(relay))
        self.wait_for("the relay", lambda: self.api.get("/agents").is_success)

        (agent / "connections").mkdir(parents=True)
        (agent / "agent.toml").write_text(
            AGENT_FILE.format(state=agent / "state", ca=made["ca"]), encoding="utf-8"
        )
        (agent / "connections" / "sandbox.toml").write_text(CONNECTION_FILE, encoding="utf-8")
        policy = agent / "policy.toml"
        policy.write_text(POLICY_FILE, encoding="utf-8")
        policy.chmod(0o600)
        code = self.api.post("/enrolment-codes", json={}).raise_for_status().json()["code"]
        groundwire("enroll", f"wss://127.0.0.1:{gateway_port}", code, "--config", str(agent))
        self.start("agent", "run", "--config", str(agent))
        console.print(f"[bold]Relay[/] wss://127.0.0.1:{gateway_port}   [bold]API[/] {self.api.base_url}")

    def start(self, name: str, *words: str) -> None:
        with (FOLDER / f"{name}.log").open("wb") as log:
            # Sessions of their own: Ctrl-C reaches this program, which then stops them in order.
            process = subprocess.Popen(
                [str(GROUNDWIRE), *words], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._processes.append((name, process))

    def wait_for(self, what: str, ready: Callable[[], Any], seconds: float = START_SECONDS) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check_alive()
            try:
                if ready():
                    return
            except httpx.TransportError:
                pass
            time.sleep(LOOK_SECONDS)
        sys.exit(f"{what} did not come up within {seconds:.0f} s; see {FOLDER}/*.log")

    def check_alive(self) -> None:
        for name, process in self._processes:
            if process.poll() is not None:
                sys.exit(f"the {name} ended with exit code {process.returncode}; see {FOLDER / name}.log")

    def runs(self) -> list[dict[str, Any]]:
        return self.api.get("/sync-runs", params={"limit": 200}).raise_for_status().json()["items"]

    def initial_done(self) -> bool:
        done = {
            run["stream"] for run in self.runs() if run["mode"] == "initial" and run["status"] == "succeeded"
        }
        return len(done) == len(ENTITIES)

    def stop(self) -> bool:
        """Stop the agent, then the relay; say whether both ended cleanly."""
        clean = True
        for name, process in reversed(self._processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code:
                console.print(f"[red]The {name} ended with exit code {code}; see {FOLDER / name}.log[/]")
                clean = False
        return clean


def picture(demo: Demo) -> Table:
    """Every stream, from what the relay knows."""
    table = Table(
        title="What the relay knows", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )  # fits 80 columns
    for heading in ("stream", "mode", "status", "read", "sent", "same", "gone", "dead letters"):
        text = heading in ("stream", "mode", "status")
        table.add_column(heading, justify="left" if text else "right", no_wrap=text)
    newest: dict[str, dict[str, Any]] = {}
    for run in demo.runs():
        newest.setdefault(run["stream"], run)
    for stream, run in sorted(newest.items()):
        counts = run["counts"]
        table.add_row(
            stream.partition("/")[2],
            run["mode"],
            run["status"],
            *(str(counts[name]) for name in ("read", "mapped", "unchanged", "tombstones", "deadLetters")),
        )
    return table


def summary(demo: Demo) -> Table:
    table = Table(
        title="Initial sync and one incremental", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for heading in ("entity", "initial", "incremental", "gone", "dead letters", "at the relay"):
        table.add_column(heading, justify="left" if heading == "entity" else "right")
    by_entity: dict[str, dict[str, Counter[str]]] = {}
    for run in demo.runs():
        if run["status"] == "succeeded":
            counts = by_entity.setdefault(run["entity"], {}).setdefault(run["mode"], Counter())
            counts.update(run["counts"])
    letters = [item["entity"] for item in demo.api.get("/dead-letters").raise_for_status().json()["items"]]
    for entity, path in ENTITIES.items():
        first, later = by_entity[entity]["initial"], by_entity[entity]["incremental"]
        table.add_row(
            entity,
            str(first["mapped"]),
            str(later["mapped"]),
            str(later["tombstones"]),
            str(letters.count(entity)),
            str(count_records(demo, path)),
        )
    return table


def count_records(demo: Demo, path: str) -> int:
    found, cursor = 0, None
    while True:
        query = {"limit": 500, **({"cursor": cursor} if cursor else {})}
        page = demo.api.get(f"/{path}", params=query).raise_for_status().json()
        found += len(page["items"])
        cursor = page["nextCursor"]
        if not page["hasMore"]:
            return found


def groundwire(*words: str) -> str:
    done = subprocess.run([str(GROUNDWIRE), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"groundwire {words[0]} failed:\n{done.stderr or done.stdout}")
    return done.stdout


def free_port(wanted: int) -> int:
    """The wanted port if it is free, else any."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As servers do: connections of an earlier run that still linger do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("the system has no free port")


def show_addresses(demo: Demo) -> None:
    url = demo.api.base_url
    console.print("\n[bold]To look at[/] (in another terminal):", soft_wrap=True)
    console.print(
        f'  curl -H "Authorization: Bearer $(cat {FOLDER}/token)" "{url}purchase-orders?limit=2"',
        soft_wrap=True,
    )
    console.print(f"  {url}openapi.json   the API's description", soft_wrap=True)
    console.print(f"  {GROUNDWIRE} status --config {FOLDER}/agent", soft_wrap=True)
    console.print(f"  tail -f {FOLDER}/agent.log {FOLDER}/relay.log", soft_wrap=True)
    console.print("Ctrl-C ends it.\n", soft_wrap=True)


def once(demo: Demo) -> None:
    """The initial sync and one incremental one."""
    with Live(get_renderable=lambda: picture(demo), console=console, refresh_per_second=2):
        demo.wait_for("the initial sync", demo.initial_done, ROUND_SECONDS)
    console.print(
        "\nInitial sync done. The sandbox goes on working for a few seconds, then what has changed travels ..."
    )
    time.sleep(CHANGES_SECONDS)
    groundwire("sync", "--config", str(FOLDER / "agent"))
    demo.wait_for(
        "the incremental sync",
        lambda: (
            {
                run["entity"]
                for run in demo.runs()
                if run["mode"] == "incremental" and run["status"] == "succeeded"
            }
            == set(ENTITIES)
        ),
        ROUND_SECONDS,
    )
    console.print(summary(demo))


def watch(demo: Demo) -> None:
    show_addresses(demo)
    with Live(get_renderable=lambda: picture(demo), console=console, refresh_per_second=1):
        while True:
            demo.check_alive()
            time.sleep(LOOK_SECONDS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="one round, a summary, and out")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    os.chdir(ROOT)
    demo = Demo()
    try:
        demo.prepare()
        (once if arguments.once else watch)(demo)
    except KeyboardInterrupt:
        console.print("\nStopping ...")
    finally:
        clean = demo.stop()
        demo.api.close()
    console.print("Agent and relay ended cleanly." if clean else "See the logs in .demo/.")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
