"""Makes what is shipped, into build/: `python packaging/build.py bundle`, and of the bundle `deb` and `rpm`, or `msi` of one for Windows."""

from __future__ import annotations

import argparse
from pathlib import Path

import bundle
import linux_package
import windows_package
from provenance import commit_of, is_of, note
from version import version_of

ROOT = Path(__file__).resolve().parents[1]
RECIPES = {"agent": "linux", "relay": "relay"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("bundle", "msi", *linux_package.FORMATS))
    parser.add_argument(
        "--bundle", type=Path, default=ROOT / "build" / "bundle" / bundle.NAME, help="its folder"
    )
    parser.add_argument("--glibc", help="the oldest C library that the bundle is to start with, such as 2.31")
    parser.add_argument("--packages", type=Path, default=ROOT / "build" / "packages", help="where they go")
    parser.add_argument("--recipe", choices=RECIPES, default="agent", help="what the package is to be")
    parser.add_argument("--package-version", help="another version than the program's")
    chosen = parser.parse_args()
    if chosen.what == "bundle":
        commit = commit_of(ROOT)
        made = bundle.build(ROOT, chosen.bundle.parent)
        note(made, commit if commit == commit_of(ROOT) else "")
        if chosen.glibc:
            bundle.refuse_newer(made, tuple(map(int, chosen.glibc.split("."))))
        size = bundle.size_of(made)
    elif chosen.what == "msi":
        made = windows_package.build(
            chosen.bundle, chosen.packages, version=chosen.package_version or version_of(ROOT)
        )
        # The bundle comes from another machine, and what is said of it beside it.
        note(made, commit_of(ROOT) if is_of(chosen.bundle, commit_of(ROOT)) else "")
        size = made.stat().st_size
    else:
        made = linux_package.build(
            ROOT / "packaging" / RECIPES[chosen.recipe],
            chosen.bundle,
            chosen.packages,
            chosen.what,
            version=chosen.package_version or version_of(ROOT),
            epoch=int(bundle.EPOCH),
        )
        size = made.stat().st_size
    print(f"{made}: {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
