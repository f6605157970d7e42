"""An agent with nothing to do: processor time and memory; and how long a start takes until the source is asked.

.venv/bin/python -m bench.idle [--seconds 60] [--runs 5]
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import machine, median, save, table
from bench.watch import Watch
from bench.workload import CONNECTION, DATABASE, Workload
from tests.deployment import Deployment

ORDERS = 1_000
SETTLE_SECONDS = 5.0  # what starting leaves behind is not idling
FIRST_QUERY_SECONDS = 30.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to watch the idle agent")
    parser.add_argument("--runs", type=int, default=5, help="starts")
    arguments = parser.parse_args()
    with Workload(ORDERS) as workload, tempfile.TemporaryDirectory(prefix="groundwire-bench-") as folder:
        document = workload.connection("all")
        document["sync"] = {"every": "1h", "initial_window": "everything"}
        log_statements(workload)
        with Deployment(Path(folder), environment=workload.environment) as site:
            starts = []
            for number in range(arguments.runs):
                site.stop_agent()
                # A connection that nobody has seen yet is due at once.
                site.disconnect()
                site.connect(f"{CONNECTION}{number}", document)
                starts.append({"first_query_seconds": start_to_first_query(workload, site)})
            site.wait_until_acked()
            time.sleep(SETTLE_SECONDS)
            with Watch([site.agent_pid]) as watch:
                time.sleep(arguments.seconds)
    share = watch.processor_seconds / arguments.seconds * 100
    medians = median(starts)
    print(f"starts: {starts}", file=sys.stderr)
    rows = [
        ["processor, % of one core", f"{share:.2f}"],
        ["memory, MiB (PSS, all processes)", f"{watch.peak_mib:.0f}"],
        ["start to first query, seconds", f"{medians['first_query_seconds']:.2f}"],
    ]
    print(table(["idle agent", "measured"], rows))
    found = {"machine": machine(), "seconds": arguments.seconds, "processor_percent": share}
    save("idle", {**found, "memory_mib": watch.peak_mib, "medians": medians, "runs": starts})


def log_statements(workload: Workload) -> None:
    """The server itself says when it was first asked; nothing in the agent is trusted with that."""
    for setting, value in (("log_statement", "all"), ("log_line_prefix", "%n %d "), ("log_duration", "off")):
        workload.psql(f"alter system set {setting} = '{value}';")
    workload.psql("select pg_reload_conf();")


def start_to_first_query(workload: Workload, site: Deployment) -> float:
    log = workload.server.folder / "server.log"
    known = log.stat().st_size
    started = time.time_ns() / 1e9  # the same clock that the server stamps its log with
    site.start_agent()
    deadline = time.monotonic() + FIRST_QUERY_SECONDS
    query = re.compile(rf"^(\d+\.\d+) {DATABASE} .*purchase_header", re.MULTILINE)
    while time.monotonic() < deadline:
        found = query.search(log.read_bytes()[known:].decode(errors="replace"))
        if found:
            return float(found[1]) - started
        time.sleep(0.05)
    raise SystemExit(f"the source was not asked within {FIRST_QUERY_SECONDS} s\n{site.log_tail()}")


if __name__ == "__main__":
    main()
