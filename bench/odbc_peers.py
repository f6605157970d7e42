"""ODBC reads beside the libraries they are made with: rows mapped and durable in the outbox, against rows in memory.

    .venv/bin/python -m bench.odbc_peers [--orders 200000] [--runs 3] [--columns all|mapped] [--only ours,pyodbc]

Ours is the agent without a relay: from the start of the driver's process until the run has ended, when every record
is read, nested, mapped, hashed and durable in the outbox. The peers read both tables and keep nothing. Every round
runs each contender once, in turn, on the same server. Figures are medians of the rounds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figures import Figures, machine, median, save, table
from bench.initial_sync import before_first_query
from bench.watch import Watch
from bench.workload import CONNECTION, DATABASE, MAPPED, ROOT, Workload, rounds, selected
from tests.deployment import Deployment

PEER_SECONDS = 1_800


def main() -> None:
    arguments, chosen = rounds(__doc__, CONTENDERS)
    results: dict[str, list[Figures]] = {name: [] for name in chosen}
    with Workload(arguments.orders) as workload:
        for number in range(arguments.runs):
            for name in chosen:
                with Watch([workload.server.pid]) as server:
                    figures = CONTENDERS[name](workload, arguments.columns)
                figures["server_processor_seconds"] = server.processor_seconds
                figures["rows_per_second"] = workload.rows / figures["seconds"]
                results[name].append(figures)
                print(f"{number + 1}/{arguments.runs} {name}: {figures}", file=sys.stderr, flush=True)
    report(workload, arguments.columns, results)


def run_ours(workload: Workload, columns: str) -> Figures:
    folder = Path(tempfile.mkdtemp(prefix="groundwire-bench-"))
    try:
        with Deployment(folder, environment=workload.environment) as site:
            site.connect(CONNECTION, workload.connection(columns))
            site.start_agent()
            site.stop_relay()
            with Watch([site.agent_pid]) as agent:
                began, started = time.time(), time.perf_counter()
                runs = site.call("sync", {"streams": [CONNECTION]})["runs"]
                seconds = time.perf_counter() - started - before_first_query(site, began)
            if any(run["error"] for run in runs) or runs[0]["counts"]["enqueued"] != workload.orders:
                raise SystemExit(f"the sync failed: {runs}\n{site.log_tail()}")
        return {
            "seconds": seconds,
            "processor_seconds": agent.processor_seconds,
            "memory_mib": agent.peak_mib,
            "memory_early_mib": agent.peak_mib_between(0.25, 0.5),
            "memory_late_mib": agent.peak_mib_between(0.75, 1.0),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_peer(how: str) -> Callable[[Workload, str], Figures]:
    def run(workload: Workload, columns: str) -> Figures:
        queries = [f"select {selected(name, columns)} from {name}" for name in MAPPED]
        command = [sys.executable, "-m", "bench.peer_odbc", how, *queries]
        connection = workload.server.odbc_connection_string(DATABASE)
        with subprocess.Popen(
            command,
            env={**os.environ, "ODBC_CONNECTION": connection},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            with Watch([process.pid]) as watch:
                printed, _ = process.communicate(timeout=PEER_SECONDS)
            if process.returncode != 0:
                raise SystemExit(f"{how} ended with {process.returncode}")
        result = json.loads(printed)
        if result["rows"] != workload.rows:
            raise SystemExit(f"{how} read {result['rows']} of {workload.rows} rows")
        return {
            "seconds": result["seconds"],
            "processor_seconds": result["processor_seconds"],
            "memory_mib": watch.peak_mib,
        }

    return run


CONTENDERS: dict[str, Callable[[Workload, str], Figures]] = {
    "ours": run_ours,
    "pyodbc": run_peer("pyodbc"),
    "arrow-odbc": run_peer("arrow-odbc"),
}


def report(workload: Workload, columns: str, results: dict[str, list[Figures]]) -> None:
    medians = {name: median(figures) for name, figures in results.items() if figures}
    ours = medians.get("ours")
    rows = []
    for name, figures in medians.items():
        share = f"{figures['seconds'] / ours['seconds']:.2f}" if ours else ""
        used = figures["processor_seconds"] + figures["server_processor_seconds"]
        rows.append(
            [
                name,
                f"{figures['seconds']:.2f}",
                f"{figures['rows_per_second']:,.0f}",
                share,
                f"{figures['processor_seconds'] / workload.rows * 1e6:.1f}",
                f"{used / workload.rows * 1e6:.1f}",
                f"{figures['memory_mib']:.0f}",
            ]
        )
    head = [
        "contender",
        "seconds",
        "rows/s",
        "ours is times",
        "us of processor time a row",
        "with the server's",
    ]
    print(table([*head, "memory MiB"], rows))
    if ours:
        early, late = ours["memory_early_mib"], ours["memory_late_mib"]
        print(f"ours in memory: {early:.0f} MiB in the second quarter of the run, {late:.0f} in the last")
    found: dict[str, Any] = {"machine": machine(), "orders": workload.orders, "columns": columns}
    save(f"odbc_peers-{columns}", {**found, "medians": medians, "runs": results})


if __name__ == "__main__":
    main()
