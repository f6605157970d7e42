"""From the start of the bundle's `groundwire run` until its tunnel stands; its files are not in memory before.

.venv/bin/python -m bench.cold_start [--bundle build/bundle-portable/groundwire] [--runs 5]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import machine, median, save, table
from bench.workload import ROOT
from tests.deployment import Deployment

BUNDLES = [ROOT / "build" / name / "groundwire" for name in ("bundle-portable", "bundle")]


class FromBundle(Deployment):
    """The agent is the bundle's, with nothing of this Python's around it; the relay is the checkout's."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        super().__init__(folder)
        self._bundle = bundle

    def _spawn(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        if kind != "agent":
            return super()._spawn(kind, *arguments)
        with (self.folder / f"{kind}.log").open("ab") as log:
            command = [str(self._bundle / "groundwire"), *arguments]
            return subprocess.Popen(command, env={"PATH": "/usr/bin:/bin"}, cwd="/", stdout=log, stderr=log)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    there = next((one for one in BUNDLES if one.exists()), BUNDLES[-1])
    parser.add_argument("--bundle", type=Path, default=there, help="its folder")
    parser.add_argument("--runs", type=int, default=5, help="starts of each kind")
    arguments = parser.parse_args()
    bundle = arguments.bundle.resolve()
    found = {"machine": machine(), "bundle": bundle.name}
    with (
        tempfile.TemporaryDirectory(prefix="groundwire-bench-") as folder,
        FromBundle(bundle, Path(folder)) as site,
    ):
        cold = [{"seconds": start(site, bundle, forget=True)} for _ in range(arguments.runs)]
        warm = [{"seconds": start(site, bundle, forget=False)} for _ in range(arguments.runs)]
    print(f"cold: {cold}\nwarm: {warm}\nload: {os.getloadavg()}", file=sys.stderr)
    rows = [
        ["its files not in memory", f"{median(cold)['seconds']:.2f}"],
        ["started just before", f"{median(warm)['seconds']:.2f}"],
    ]
    print(table(["start of the bundle until its tunnel stands", "seconds"], rows))
    save("cold_start", {**found, "cold": cold, "warm": warm, "load_after": os.getloadavg()})


def start(site: FromBundle, bundle: Path, *, forget: bool) -> float:
    site.stop_agent()
    if forget:
        out_of_memory(bundle)
    begun = time.monotonic()
    site.start_agent()
    return time.monotonic() - begun


def out_of_memory(folder: Path) -> None:
    """Let the kernel forget what it keeps of these files: no process may have them open, and no other file is touched."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            opened = os.open(path, os.O_RDONLY)
            try:
                os.fsync(opened)
                os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(opened)


if __name__ == "__main__":
    main()
