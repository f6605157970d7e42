"""Runs the targets under the coverage-guided fuzzer: `make fuzz SECONDS=60 [TARGET=frames]`. See docs/fuzzing.md."""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.registry import NAMES, Target, target

BUILD = Path(__file__).resolve().parents[2] / "build" / "fuzz"
MEMORY_MIB = 1_024  # of the fuzzer's process with everything that it imports
INPUT_SECONDS = 120  # for one input, the start of what it is fed to included; a slower one is a failure
LONGEST = 4_096
MOST_KEPT_BYTES = 2_048
MOST_KEPT = 40
_RUN = re.compile(r"stat::number_of_executed_units: (\d+)")
_COVERED = re.compile(r"cov: (\d+) ft: (\d+)")


@dataclass(frozen=True)
class Ran:
    name: str
    inputs: int
    covered: int
    failures: tuple[Path, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", choices=NAMES, help="only this one")
    parser.add_argument(
        "--keep", action="store_true", help="put the smallest inputs that reach most into the kept ones"
    )
    parser.add_argument(
        "--repeat", type=Path, metavar="FILE", help="feed one input to --target, and let it raise"
    )
    chosen = parser.parse_args(arguments)
    if chosen.repeat:
        return repeat(parser, chosen.repeat, chosen.target or chosen.repeat.parent.name)
    found = [run(target(name), chosen.seconds) for name in ([chosen.target] if chosen.target else NAMES)]
    print(f"{'target':<16}{'inputs':>12}{'branches':>10}  failures")
    for each in found:
        print(f"{each.name:<16}{each.inputs:>12,}{each.covered:>10,}  {len(each.failures)}")
    print(f"{'together':<16}{sum(each.inputs for each in found):>12,}")
    for each in found:
        for failure in each.failures:
            print(f"repeat with: python -m tests.fuzz --target {each.name} --repeat {failure}")
        if chosen.keep:
            keep(target(each.name))
    return 1 if any(each.failures for each in found) else 0


def repeat(parser: argparse.ArgumentParser, file: Path, name: str) -> int:
    """Feed one input; what it raises is the answer."""
    if name not in NAMES:
        parser.error(f"--repeat needs --target: {file} lies in no target's folder ({', '.join(NAMES)})")
    try:
        data = file.read_bytes()
    except OSError as error:
        parser.error(f"--repeat {file}: {error.strerror}")
    target(name).feed(data)
    print("nothing happened that must not")
    return 0


def run(chosen: Target, seconds: int) -> Ran:
    """What is found new stays in build/fuzz, so that the next run goes on from there."""
    grown, failed = BUILD / "corpus" / chosen.name, BUILD / "failures" / chosen.name
    grown.mkdir(parents=True, exist_ok=True)
    failed.mkdir(parents=True, exist_ok=True)
    for data in chosen.beginnings():
        (grown / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    limits = [f"-max_total_time={seconds}", f"-timeout={INPUT_SECONDS}", f"-rss_limit_mb={MEMORY_MIB}"]
    options = [*limits, f"-max_len={LONGEST}", f"-artifact_prefix={failed}/", "-print_final_stats=1"]
    said = _fuzzer(chosen, grown, *options)
    (BUILD / f"{chosen.name}.log").write_text(said)
    inputs, covered = _RUN.findall(said), _COVERED.findall(said)
    if not inputs:
        print(said[-2_000:], file=sys.stderr)
    failures = tuple(sorted(failed.iterdir()))
    return Ran(chosen.name, int(inputs[-1]) if inputs else 0, int(covered[-1][0]) if covered else 0, failures)


def keep(chosen: Target) -> None:
    """Of what reaches something new the smallest, beside the failures of earlier times, which always stay."""
    smallest = BUILD / "smallest" / chosen.name
    smallest.mkdir(parents=True, exist_ok=True)
    for path in smallest.iterdir():
        path.unlink()
    _fuzzer(chosen, smallest, str(BUILD / "corpus" / chosen.name), "-merge=1")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for path in chosen.kept():
        if not path.name.startswith("crash-"):
            path.unlink()
    known = set(chosen.beginnings())
    small = sorted((path.read_bytes() for path in smallest.iterdir()), key=lambda data: (len(data), data))
    fitting = [data for data in small if data not in known and len(data) <= MOST_KEPT_BYTES]
    step = max(1, len(fitting) // MOST_KEPT)
    for data in fitting[::step][:MOST_KEPT]:
        (chosen.folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def _fuzzer(chosen: Target, *arguments: str | Path) -> str:
    command = [sys.executable, "-m", "tests.fuzz.engine", chosen.name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout[-200_000:] + done.stderr[-200_000:]


if __name__ == "__main__":
    sys.exit(main())
