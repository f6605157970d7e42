"""The program's version: `python packaging/version.py show`, and `next 0.2.0` to end one and begin another."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
# Where it stands: the program has it without any metadata, Python's packaging has it without the program.
PLACES: Final = {
    "agent/version.py": re.compile(r'^VERSION: Final = "([^"]+)"$', re.MULTILINE),
    "pyproject.toml": re.compile(r'^version = "([^"]+)"$', re.MULTILINE),
}
_FORM: Final = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
KINDS: Final = ("added", "changed", "fixed", "removed", "security")


class Refused(Exception):
    """What has to be put right before there can be a release."""


def version_of(root: Path) -> str:
    """Raises Refused where its places differ."""
    found = {place: pattern.findall((root / place).read_text("utf-8")) for place, pattern in PLACES.items()}
    said = {one for versions in found.values() for one in versions}
    if len(said) != 1 or any(len(versions) != 1 for versions in found.values()):
        raise Refused(f"The version stands once in each of its places, and is the same: {found}")
    (version,) = said
    return version


def fragments_of(root: Path) -> list[Path]:
    """What is new, one file for each thing. Raises Refused for one that no list would have."""
    found = sorted((root / "changes").glob("*.md"))
    for path in found:
        if path.name.split(".")[1:-1] not in [[kind] for kind in KINDS]:
            raise Refused(f"{path.name} is no NAME.KIND.md, with one of {', '.join(KINDS)} as KIND")
        if not path.read_text("utf-8").strip():
            raise Refused(f"{path.name} says nothing")
    return found


def notes_of(root: Path, version: str, day: str = "") -> str:
    """What is new in the version to come, by kind. Raises Refused: nobody could say what it is for."""
    if not fragments_of(root):
        raise Refused("There is no fragment in changes/: nobody could say what is new.")
    dated = ("--date", day) if day else ()
    return _towncrier(root, "--draft", "--version", version, *dated).strip() + "\n"


def begin(root: Path, version: str) -> str:
    """End the version there was, and give its number. Raises Refused."""
    before = version_of(root)
    if not _FORM.fullmatch(version):
        raise Refused(f"{version} is no version: three numbers, such as 0.2.0")
    if _numbers(version) <= _numbers(before):
        raise Refused(f"{version} does not come behind {before}")
    notes_of(root, before)
    _towncrier(root, "--yes", "--version", before)
    for place, pattern in PLACES.items():
        text = (root / place).read_text("utf-8")
        (found,) = pattern.finditer(text)
        (root / place).write_text(text[: found.start(1)] + version + text[found.end(1) :], "utf-8")
    return before


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _towncrier(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "towncrier", "build", "--dir", str(root), *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"towncrier: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    chosen = parser.add_subparsers(dest="what", required=True)
    chosen.add_parser("show", help="the version, and what is new in it")
    following = chosen.add_parser("next", help="end this version and begin another")
    following.add_argument("version")
    asked = parser.parse_args()
    try:
        if asked.what == "show":
            version = version_of(ROOT)
            print(version, notes_of(ROOT, version), sep="\n\n")
        else:
            print(f"{begin(ROOT, asked.version)} has ended, {asked.version} begins. Look at it, and commit.")
    except Refused as refused:
        sys.exit(str(refused))


if __name__ == "__main__":
    main()
