"""Everything that belongs to a release, into build/release/VERSION/: docs/release.md says what and how.

`--trial` takes the bundle and packages that build/ holds already, and a tree as it is; its notes say so.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import bundle
import linux_package
import offline_archive
from build import RECIPES
from signing import Keys
from version import Refused, notes_of, version_of

ROOT: Final = Path(__file__).resolve().parents[1]
EPOCH: Final = int(bundle.EPOCH)


@dataclass
class Release:
    version: str
    folder: Path
    keys: Keys
    trial: bool
    left_out: list[str] = field(default_factory=list)

    def make(self, root: Path, notes: str) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        packages = self._packages(root)
        self._take(root, "msi", "the MSI is made by `make windows`, which was not run for this version here")
        components = self._take(
            root, "cdx.json", "the list of components is made with the bundle, and was not made here"
        )
        said = self.folder / "NOTES.md"
        said.write_text(self._notes(notes), "utf-8")
        offline_archive.build(
            root,
            packages,
            [said, *components],
            self.folder,
            version=self.version,
            epoch=EPOCH,
            sign=self._sign,
        )
        self._sign(offline_archive.write_sums(self.folder))

    def _packages(self, root: Path) -> list[Path]:
        if sys.platform != "linux":
            self.left_out.append("packages for Linux and their archive: this is not Linux")
            return []
        frozen = root / "build" / "bundle" / bundle.NAME
        if not self.trial or not frozen.exists():
            frozen = bundle.build(root, frozen.parent)
        made = []
        for part, recipe in RECIPES.items():
            for form in linux_package.FORMATS:
                print(f"{part} as {form} ...", flush=True)
                made.append(
                    linux_package.build(
                        root / "packaging" / recipe,
                        frozen,
                        self.folder,
                        form,
                        version=self.version,
                        epoch=EPOCH,
                    )
                )
        return made

    def _take(self, root: Path, ending: str, reason: str) -> list[Path]:
        """What another target made of this very version."""
        made = root / "build"
        there = [*made.glob(f"packages/*.{ending}"), *made.glob(f"bundle/*.{ending}")]
        found = [path for path in there if self.version in path.name]
        if not found:
            self.left_out.append(reason)
        return [Path(shutil.copy(path, self.folder)) for path in sorted(found)]

    def _notes(self, notes: str) -> str:
        parts = [f"# Groundwire {self.version}\n", notes.split("\n", 1)[1].strip() + "\n"]
        if self.left_out:
            parts.append("## Left out of this release\n")
            parts.append("".join(f"- {one}\n" for one in self.left_out))
        if not self.keys:
            parts.append(
                "## Not signed\n\nNobody signed these files: only that they belong together can be checked.\n"
            )
        if self.trial:
            parts.append(
                "## A trial\n\nThis is no release: it was made of a tree and of files as they were.\n"
            )
        return "\n".join(parts)

    def _sign(self, sums: Path) -> None:
        self.keys.sign(sums, self.version)


def refuse_dirt(root: Path) -> None:
    """Raises Refused: what is released is what a commit says."""
    asked = ["git", "-C", str(root), "status", "--porcelain"]
    found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    if found:
        raise Refused(
            f"The tree has changes that are in no commit: {', '.join(line[3:] for line in found[:5])}"
        )


def day_of(root: Path) -> str:
    asked = ["git", "-C", str(root), "log", "-1", "--format=%cs"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gpg-key", help="whose signature goes on it: a name or fingerprint that gpg knows")
    parser.add_argument(
        "--minisign-key", type=Path, help="the file of minisign's secret key, outside of the checkout"
    )
    parser.add_argument("--trial", action="store_true", help="of what is there; no release")
    parser.add_argument(
        "--into", type=Path, default=ROOT / "build" / "release", help="folder of all releases"
    )
    asked = parser.parse_args()
    keys = Keys(asked.gpg_key, asked.minisign_key)
    try:
        version = version_of(ROOT)
        notes = notes_of(ROOT, version, day_of(ROOT))
        if not asked.trial:
            refuse_dirt(ROOT)
        keys.check(ROOT)
        release = Release(version, asked.into / version, keys, asked.trial)
        release.make(ROOT, notes)
    except Refused as refused:
        sys.exit(f"No release: {refused}")
    for path in sorted(release.folder.iterdir()):
        print(f"{path.stat().st_size / 1e6:9.1f} MB  {path.name}")
    for one in release.left_out:
        print(f"Left out: {one}")
    if not keys:
        print("NOT SIGNED: name the owner's keys with GPG_KEY and MINISIGN_KEY.")


if __name__ == "__main__":
    os.umask(0o022)
    main()
