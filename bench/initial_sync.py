"""The initial sync beside its peers: from the command to the relay's last ack.

    .venv/bin/python -m bench.initial_sync [--orders 200000] [--runs 3] [--columns all|mapped] [--only ours,copy]

Every round runs each contender once, in turn, on the same server. Figures are medians of the rounds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from bench.figures import Figures, machine, median, save, table
from bench.reference import documents, first_difference
from bench.watch import Watch
from bench.workload import CONNECTION, HERE, MAPPED, ROOT, Workload, rounds, selected
from tests.deployment import Deployment

PEER_PYTHON = ROOT / ".bench" / "venv" / "bin" / "python"
PEER_SECONDS = 1_800


def main() -> None:
    arguments, chosen = rounds(__doc__, CONTENDERS)
    with Workload(arguments.orders) as workload:
        results: dict[str, list[Figures]] = {name: [] for name in chosen}
        for number in range(arguments.runs):
            for name in chosen:
                figures = CONTENDERS[name](workload, arguments.columns, number == 0)
                results[name].append(figures)
                print(f"{number + 1}/{arguments.runs} {name}: {figures}", file=sys.stderr, flush=True)
    report(workload, arguments.columns, results)


def run_ours(workload: Workload, columns: str, check: bool) -> Figures:  # noqa: FBT001
    folder = Path(tempfile.mkdtemp(prefix="groundwire-bench-"))
    try:
        with Deployment(folder, environment=workload.environment) as site:
            site.connect(CONNECTION, workload.connection(columns))
            site.start_agent()
            with Watch([site.agent_pid]) as agent, Watch([site.relay_pid]) as relay:
                began, started = time.time(), time.perf_counter()
                runs = site.sync(CONNECTION)
                seconds = time.perf_counter() - started - before_first_query(site, began)
            if any(run["error"] for run in runs) or runs[0]["counts"]["enqueued"] != workload.orders:
                raise SystemExit(f"the sync failed: {runs}\n{site.log_tail()}")
            sent = bytes_sent(site.gateway)
            if check:
                judge(workload, site)
        return {
            "seconds": seconds,
            "rows_per_second": workload.rows / seconds,
            "memory_mib": agent.peak_mib,
            "memory_rss_mib": agent.peak_rss_mib,
            "relay_memory_mib": relay.peak_mib,
            "processor_seconds": agent.processor_seconds,
            "relay_processor_seconds": relay.processor_seconds,
            "wire_bytes_per_line": sent / workload.lines,
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def before_first_query(site: Deployment, began: float) -> float:
    """Seconds from the command until the driver's process was up: dlt's time leaves its own start out too."""
    for line in (site.folder / "agent.log").read_text(encoding="utf-8").splitlines():
        if '"driver_started"' in line:
            return datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp() - began
    raise SystemExit(f"the agent's log does not say when the driver started:\n{site.log_tail()}")


def judge(workload: Workload, site: Deployment) -> None:
    """The gate: every document at the relay equals the reference, in number, order of keys and every digit."""
    feed = (orjson.loads(line)["document"] for line in site.feed())
    checked = 0
    for expected in documents(workload):
        actual = next(feed, None)
        if actual is None:
            raise SystemExit(f"gate: {checked} documents at the relay, {workload.orders} expected")
        difference = first_difference(expected, actual)
        if difference:
            raise SystemExit(f"gate: {expected['key']}{difference}")
        checked += 1
    if next(feed, None) is not None:
        raise SystemExit(f"gate: more than {workload.orders} documents at the relay")
    print(
        f"gate passed: {checked} documents with {workload.lines} lines equal the reference", file=sys.stderr
    )


def bytes_sent(gateway_port: int) -> int:
    """What the agent's socket has sent, TLS and handshakes included, as the kernel counts it."""
    ss = shutil.which("ss", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if ss is None:
        raise SystemExit("ss (package iproute2) is needed to count the bytes on the wire")
    text = subprocess.run(
        [ss, "-tinHO", "dst", f"127.0.0.1:{gateway_port}"], capture_output=True, text=True, check=True
    ).stdout
    return sum(int(number) for number in re.findall(r"bytes_sent:(\d+)", text))


def run_dlt(backend: str) -> Callable[[Workload, str, bool], Figures]:
    def run(workload: Workload, columns: str, _check: bool) -> Figures:  # noqa: FBT001
        folder = tempfile.mkdtemp(prefix="groundwire-bench-dlt-")
        command = [str(PEER_PYTHON), str(HERE / "peer_dlt.py"), "--url", workload.url, "--backend", backend]
        command += ["--folder", folder, *(["--columns", json.dumps(MAPPED)] if columns == "mapped" else [])]
        try:
            with subprocess.Popen(
                command, env={**os.environ, **workload.environment}, stdout=subprocess.PIPE, text=True
            ) as process:
                with Watch([process.pid]) as watch:
                    printed, _ = process.communicate(timeout=PEER_SECONDS)
                if process.returncode != 0:
                    raise SystemExit(f"dlt with {backend} ended with {process.returncode}")
            result = json.loads(printed)
            if result["rows"] != workload.rows:
                raise SystemExit(f"dlt with {backend} loaded {result['rows']} of {workload.rows} rows")
            return {
                "seconds": result["seconds"],
                "rows_per_second": workload.rows / result["seconds"],
                "memory_mib": watch.peak_mib,
                "memory_rss_mib": watch.peak_rss_mib,
            }
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return run


def run_copy(workload: Workload, columns: str, _check: bool) -> Figures:  # noqa: FBT001
    started = time.perf_counter()
    for name in MAPPED:
        with workload.copy_out(f"select {selected(name, columns)} from {name}") as process:
            assert process.stdout is not None
            while process.stdout.read(1 << 20):
                pass
        if process.returncode != 0:
            raise SystemExit("psql's COPY failed")
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "rows_per_second": workload.rows / seconds}


CONTENDERS: dict[str, Callable[[Workload, str, bool], Figures]] = {
    "ours": run_ours,
    "dlt-pyarrow": run_dlt("pyarrow"),
    "dlt-connectorx": run_dlt("connectorx"),
    "copy": run_copy,
}


def report(workload: Workload, columns: str, results: dict[str, list[Figures]]) -> None:
    medians = {name: median(figures) for name, figures in results.items() if figures}
    ours = medians.get("ours", {}).get("rows_per_second")
    rows = []
    for name, figures in medians.items():
        share = f"{ours / figures['rows_per_second']:.2f}" if ours else ""
        memory = f"{figures['memory_mib']:.0f}" if "memory_mib" in figures else ""
        rows.append([name, f"{figures['seconds']:.2f}", f"{figures['rows_per_second']:,.0f}", share, memory])
    print(
        table(
            ["contender", "seconds", "source rows/s", "ours is times", "memory MiB (PSS, all processes)"],
            rows,
        )
    )
    if "ours" in medians:
        print(f"bytes on the wire per order line: {medians['ours']['wire_bytes_per_line']:.1f}")
    found: dict[str, Any] = {
        "machine": machine(),
        "orders": workload.orders,
        "lines": workload.lines,
        "columns": columns,
    }
    save(f"initial_sync-{columns}", {**found, "medians": medians, "runs": results})


if __name__ == "__main__":
    main()
