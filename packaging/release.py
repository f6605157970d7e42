"""Everything that belongs to a release, into build/release/VERSION/: docs/release.md says what and how.

`--trial` takes the bundle and packages that build/ holds already, and a tree as it is; its notes say so.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import bundle
import linux_package
import offline_archive
import portable
from build import RECIPES
from papers import BILL, LICENCES
from provenance import commit_of, is_of
from signing import Keys
from version import Refused, notes_of, version_of

ROOT: Final = Path(__file__).resolve().parents[1]
EPOCH: Final = int(bundle.EPOCH)
# The oldest systems that are named in the notes, each with its C library.
SYSTEMS: Final = {"Debian 11": (2, 31), "RHEL 9": (2, 34), "Ubuntu 22.04": (2, 35), "Debian 12": (2, 36)}


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
        frozen = self._bundle(root)
        packages = self._packages(root, frozen)
        papers = self._papers(frozen)
        self._installer_of_windows(root)
        said = self.folder / "NOTES.md"
        said.write_text(self._notes(notes, frozen), "utf-8")
        archived = [said, *papers]
        offline_archive.build(
            root, packages, archived, self.folder, version=self.version, epoch=EPOCH, sign=self._sign
        )
        self._sign(offline_archive.write_sums(self.folder))

    def whole(self, folder: Path) -> Release:
        """With its own name: until then nothing has the name of a release that is not whole, or not signed."""
        shutil.rmtree(folder, ignore_errors=True)
        return replace(self, folder=self.folder.rename(folder))

    def _bundle(self, root: Path) -> Path:
        """The portable one, of this very commit; in a trial whichever is there."""
        made = root / portable.MADE.relative_to(ROOT)
        if made.exists() and (self.trial or is_of(made, commit_of(root))):
            return made
        if not self.trial:
            raise Refused(
                "There is no bundle of this commit for Debian 11 and later: `make bundle-portable` makes it, as root."
            )
        here = root / "build" / "bundle" / bundle.NAME
        if not here.exists():
            bundle.build(root, here.parent)
        return here

    def _packages(self, root: Path, frozen: Path) -> list[Path]:
        made = []
        for part, recipe in RECIPES.items():
            for form in linux_package.FORMATS:
                print(f"{part} as {form} ...", flush=True)
                package = linux_package.build(
                    root / "packaging" / recipe, frozen, self.folder, form, version=self.version, epoch=EPOCH
                )
                made.append(package)
        return made

    def _papers(self, frozen: Path) -> list[Path]:
        """What the bundle says of itself, to be read without unpacking anything."""
        names = {BILL: f"groundwire-{self.version}.cdx.json", LICENCES: "LICENCES.txt"}
        there = [(frozen / name, self.folder / to) for name, to in names.items() if (frozen / name).exists()]
        if len(there) < len(names):
            self.left_out.append(
                "the list of components and their licences: the bundle that was there has none"
            )
        return [Path(shutil.copy(path, to)) for path, to in there]

    def _installer_of_windows(self, root: Path) -> None:
        """Of this very commit; in a trial the one that is there."""
        made = root / "build" / "packages" / f"groundwire-{self.version}.msi"
        if made.exists() and (self.trial or is_of(made, commit_of(root))):
            shutil.copy(made, self.folder)
            return
        lacking = (
            "the one in build/packages is not of this commit"
            if made.exists()
            else "build/packages holds none"
        )
        self.left_out.append(
            f"the MSI: {lacking}; `python packaging/build.py msi` makes it of a bundle that was built on Windows"
        )

    def _notes(self, notes: str, frozen: Path) -> str:
        needed = bundle.glibc_needed(frozen)[0]
        library = ".".join(map(str, needed))
        new_enough = [
            f"{name} has {'.'.join(map(str, has))}" for name, has in SYSTEMS.items() if has >= needed
        ]
        parts = [f"# Groundwire {self.version}\n", notes.split("\n", 1)[1].strip() + "\n"]
        parts.append(f"## Where it runs\n\nThe packages for Linux need x86-64 and glibc {library} or later")
        parts[-1] += f" ({', '.join(new_enough)}).\n" if new_enough else ".\n"
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


def make(keys: Keys, into: Path, *, trial: bool) -> Release:
    """Raises Refused."""
    version = version_of(ROOT)
    notes = notes_of(ROOT, version, day_of(ROOT))
    if sys.platform != "linux":
        raise Refused("Releases are made on Linux; the MSI is brought from Windows.")
    if not trial:
        refuse_dirt(ROOT)
    keys.check(ROOT)
    release = Release(version, into / f"{version}.half", keys, trial)
    release.make(ROOT, notes)
    return release.whole(into / version)


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
        release = make(keys, asked.into, trial=asked.trial)
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
