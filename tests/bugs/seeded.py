"""The seeded bugs: small patches of the program, each a defect that somebody could make, with what it brings back.

A patch finds its place by the lines that it names and not by their numbers, so it holds while the file around it
changes; it fails when those lines are not there any more, or not there once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PATCHES: Final = Path(__file__).with_name("patches")
PRODUCT: Final = ("agent", "drivers", "relay")

_FILE: Final = re.compile(r"^--- a/(?P<path>\S+)\n\+\+\+ b/(?P=path)\n", re.MULTILINE)
_HUNK: Final = re.compile(r"^@@ .*@@.*\n", re.MULTILINE)


class DoesNotApply(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Change:
    """These lines of a file become those."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bug:
    name: str  # `07-ack-before-commit`
    what: str
    brings_back: tuple[str, ...]  # promises G.., failures K.., faults F.., attacks S..
    changes: tuple[Change, ...]

    @property
    def number(self) -> str:
        return self.name.partition("-")[0]

    @property
    def paths(self) -> list[str]:
        return sorted({change.path for change in self.changes})


def all_bugs() -> list[Bug]:
    return [read_patch(path) for path in sorted(PATCHES.glob("*.patch"))]


def read_patch(path: Path) -> Bug:
    head, _, body = path.read_text(encoding="utf-8").partition("\n--- ")
    body = f"--- {body}"
    fields = dict(line.split(": ", 1) for line in head.splitlines() if line)
    changes: list[Change] = []
    names = list(_FILE.finditer(body))
    for at, found in enumerate(names):
        end = names[at + 1].start() if at + 1 < len(names) else len(body)
        hunks = _HUNK.split(body[found.end() : end])[1:]
        changes += [Change(found["path"], _side(hunk, "-"), _side(hunk, "+")) for hunk in hunks]
    return Bug(path.stem, fields["What"], tuple(fields["Brings back"].split(", ")), tuple(changes))


def _side(hunk: str, mark: str) -> str:
    return "".join(line[1:] for line in hunk.splitlines(keepends=True) if line[0] in (" ", mark))


def patched(bug: Bug, tree: Path) -> dict[str, str]:
    """The files that the bug changes, as it leaves them. Raises DoesNotApply."""
    texts = {path: (tree / path).read_text(encoding="utf-8") for path in bug.paths}
    for change in bug.changes:
        found = texts[change.path].count(change.old)
        if found != 1:
            raise DoesNotApply(f"{bug.name}: its lines stand {found} times in {change.path}")
        texts[change.path] = texts[change.path].replace(change.old, change.new)
    return texts


def plant(bug: Bug, tree: Path) -> None:
    for path, text in patched(bug, tree).items():
        (tree / path).write_text(text, encoding="utf-8")
