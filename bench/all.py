"""Every measurement of docs/benchmarks.md, one after the other: `make bench`.

    .venv/bin/python -m bench.all [--orders 200000] [--runs 3]

Makes .bench/venv for the peers where it is missing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from bench.initial_sync import PEER_PYTHON
from bench.workload import FULL_ORDERS, HERE, ROOT


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=FULL_ORDERS)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    prepare_peers()
    size = ["--orders", str(arguments.orders)]
    for columns in ("all", "mapped"):
        run("bench.initial_sync", *size, "--runs", str(arguments.runs), "--columns", columns)
    run("bench.incremental", *size)
    run("bench.idle")


def prepare_peers() -> None:
    """In an environment of their own, so that what they need never mixes with what we need."""
    stamp = PEER_PYTHON.parent.parent / "requirements.txt"
    wanted = (HERE / "requirements.txt").read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("Preparing .bench/venv with the peers ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(PEER_PYTHON.parent.parent)], check=True)
    install = [str(PEER_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", str(HERE / "requirements.txt")], check=True)
    stamp.write_text(wanted)


def run(module: str, *arguments: str) -> None:
    print(f"\n## {module} {' '.join(arguments)}\n", flush=True)
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
