"""Makes what is shipped, into build/: `python packaging/build.py bundle`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import bundle

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("bundle",))
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "bundle", help="folder of the bundle")
    chosen = parser.parse_args()
    made = bundle.build(ROOT, chosen.into)
    print(f"{made}: {bundle.size_of(made) / 1e6:.0f} MB")  # noqa: T201 - the command's answer


if __name__ == "__main__":
    sys.exit(main())
