"""One order in a thousand changes: from the tick to the relay's last ack, with an indexed change column.

.venv/bin/python -m bench.incremental [--orders 200000] [--runs 5]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import Figures, machine, median, save, table
from bench.workload import CONNECTION, FULL_ORDERS, Workload
from tests.deployment import Deployment

CHANGED_SHARE = 1_000  # one in so many


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=FULL_ORDERS)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with (
        Workload(arguments.orders) as workload,
        tempfile.TemporaryDirectory(prefix="groundwire-bench-") as folder,
        Deployment(Path(folder), environment=workload.environment) as site,
    ):
        site.connect(CONNECTION, workload.connection("all"))
        site.start_agent()
        site.sync(CONNECTION)
        runs = [measure(workload, site, number) for number in range(arguments.runs)]
    for number, figures in enumerate(runs):
        print(f"{number + 1}/{len(runs)} {figures}", file=sys.stderr)
    medians = median(runs)
    rows = [["nothing", f"{medians['quiet_seconds']:.3f}"], ["0.1 %", f"{medians['seconds']:.3f}"]]
    print(table(["changed", "seconds from tick to last ack"], rows))
    found = {"machine": machine(), "orders": workload.orders, "lines": workload.lines}
    save("incremental", {**found, "medians": medians, "runs": runs})


def measure(workload: Workload, site: Deployment, number: int) -> Figures:
    quiet = seconds_of_a_sync(site, 0)
    changed = workload.orders // CHANGED_SHARE
    workload.psql(
        f"""
        update purchase_line set quantity_received = {number + 1}.25
          where line_no_ = 10000 and right(document_no_, 3) = '{number:03d}';
        update purchase_header set modified_at = now() at time zone 'utc' where right(no_, 3) = '{number:03d}';
        """
    )
    return {"quiet_seconds": quiet, "seconds": seconds_of_a_sync(site, changed)}


def seconds_of_a_sync(site: Deployment, changed: int) -> float:
    started = time.perf_counter()
    runs = site.sync(CONNECTION)
    seconds = time.perf_counter() - started
    if runs[0]["error"] or runs[0]["counts"]["enqueued"] != changed:
        raise SystemExit(f"gate: {changed} changed orders expected, found {runs[0]}")
    return seconds


if __name__ == "__main__":
    main()
