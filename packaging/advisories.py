"""What is locked, held against a list of known vulnerabilities: `python packaging/advisories.py all.zip`.

The list is whatever its owner brings: an export of the OSV database for Python packages, a zip or a folder of one JSON
file for each advisory (ossf.github.io/osv-schema). Nothing is fetched from here. It ends with 1 where a version that
is locked for the program is affected and nobody has said why that does no harm, and where the list is too old.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from packaging.version import InvalidVersion, Version

ROOT: Final = Path(__file__).resolve().parents[1]
PROGRAM: Final = "requirements.lock"  # what is shipped; the other locks are of tests and tools
LOCKS: Final = (PROGRAM, "requirements-dev.lock", "requirements-fuzz.lock")
OLDEST: Final = timedelta(days=14)  # of the newest change in a list; an older one says nothing of today
_ECOSYSTEM: Final = "PyPI"
_PINNED: Final = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[\w.+!-]+)", re.MULTILINE)
_SEPARATORS: Final = re.compile(r"[-_.]+")


class Refused(Exception):
    """Nothing can be said with this list."""


@dataclass(frozen=True, slots=True)
class Finding:
    advisory: str
    other_names: tuple[str, ...]
    package: str
    version: str
    locks: tuple[str, ...]
    fixed: tuple[str, ...]  # versions in which it is mended, as far as the advisory knows
    summary: str

    def __str__(self) -> str:
        names = ", ".join((self.advisory, *self.other_names))
        mended = f"; mended in {', '.join(self.fixed)}" if self.fixed else "; mended nowhere yet"
        return f"{self.package} {self.version} ({', '.join(self.locks)}): {names}{mended}. {self.summary}".strip()


def normal(name: str) -> str:
    """As package indexes compare names."""
    return _SEPARATORS.sub("-", name).lower()


def locked(root: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    """Each package and version, with the locks that hold it."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for lock in LOCKS:
        for entry in _PINNED.finditer((root / lock).read_text("utf-8")):
            key = (normal(entry["name"]), entry["version"])
            found[key] = (*found.get(key, ()), lock)
    return found


def advisories(source: Path) -> Iterator[Mapping[str, Any]]:
    """Raises Refused for what is no list."""
    try:
        if source.is_dir():
            for path in sorted(source.rglob("*.json")):
                yield _advisory(path.read_bytes(), path.name)
            return
        with zipfile.ZipFile(source) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".json"):
                    yield _advisory(archive.read(name), name)
    except (OSError, zipfile.BadZipFile) as error:
        raise Refused(f"{source} is no zip and no folder of advisories: {error}") from error


def _advisory(content: bytes, name: str) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise Refused(f"{name} is no JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        raise Refused(f"{name} is no advisory: it has no id")
    return found


def held_against(
    versions: Mapping[tuple[str, str], tuple[str, ...]],
    known: Iterable[Mapping[str, Any]],
    *,
    now: datetime,
) -> tuple[list[Finding], int]:
    """The findings, and how many advisories were looked at. Raises Refused for a list that is empty or too old."""
    by_name: dict[str, list[str]] = {}
    for name, version in versions:
        by_name.setdefault(name, []).append(version)
    found: list[Finding] = []
    looked, newest = 0, ""
    for advisory in known:
        looked += 1
        newest = max(newest, str(advisory.get("modified", "")))
        if advisory.get("withdrawn"):
            continue
        for affected in advisory.get("affected", ()):
            package = affected.get("package", {})
            name = normal(str(package.get("name", "")))
            if package.get("ecosystem") != _ECOSYSTEM or name not in by_name:
                continue
            found += [
                _finding(advisory, affected, name, version, versions[name, version])
                for version in by_name[name]
                if is_affected(version, affected)
            ]
    if not looked:
        raise Refused("The list holds no advisory: nothing was held against anything.")
    if not newest or now - _moment(newest) > OLDEST:
        raise Refused(
            f"The list is of {newest or 'no known day'}: it says nothing of what is known today."
            f" One may be {OLDEST.days} days old."
        )
    return sorted(set(found), key=str), looked


def is_affected(version: str, affected: Mapping[str, Any]) -> bool:
    """By its list of versions, or by its ranges; what cannot be compared counts as affected."""
    if version in affected.get("versions", ()):
        return True
    return any(
        _within(version, entry.get("events", ()))
        for entry in affected.get("ranges", ())
        if entry.get("type") in {"ECOSYSTEM", "SEMVER"}
    )


def _within(version: str, events: Sequence[Mapping[str, str]]) -> bool:
    try:
        ours = Version(version)
        steps = sorted(
            (Version("0") if where == "0" else Version(where), _ORDER[kind], kind)
            for event in events
            for kind, where in event.items()
            if kind in _ORDER
        )
    except InvalidVersion:
        return True
    inside = False
    for where, _, kind in steps:
        if kind == "introduced" and where <= ours:
            inside = True
        elif (kind == "fixed" and where <= ours) or (kind == "last_affected" and where < ours):
            inside = False
    return inside


# Of one version: it may be mended and, in the same advisory, broken again.
_ORDER: Final = {"fixed": 0, "introduced": 1, "last_affected": 2}


def _finding(
    advisory: Mapping[str, Any], affected: Mapping[str, Any], name: str, version: str, locks: tuple[str, ...]
) -> Finding:
    events = [event for entry in affected.get("ranges", ()) for event in entry.get("events", ())]
    return Finding(
        advisory["id"],
        tuple(str(each) for each in advisory.get("aliases", ())),
        name,
        version,
        locks,
        tuple(dict.fromkeys(str(event["fixed"]) for event in events if "fixed" in event)),
        " ".join(str(advisory.get("summary", "")).split())[:200],
    )


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{text} is no moment") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def judge(findings: Sequence[Finding], accepted: Mapping[str, str]) -> tuple[list[str], bool]:
    """What is to be said, and whether a release may be made. `accepted`: advisories with why they do no harm."""
    lines, good = [], True
    for finding in findings:
        names = (finding.advisory, *finding.other_names)
        why = next((accepted[name] for name in names if name in accepted), None)
        if why is not None:
            lines.append(f"accepted, because {why}: {finding}")
        elif PROGRAM in finding.locks:
            lines.append(f"AFFECTED: {finding}")
            good = False
        else:
            lines.append(f"affected, and not shipped: {finding}")
    met = {name for finding in findings for name in (finding.advisory, *finding.other_names)}
    for name in accepted.keys() - met:
        lines.append(f"{name} was accepted, and affects nothing here: say it no more")
        good = False
    return lines, good


def _accepted(text: str) -> tuple[str, str]:
    name, _, why = text.partition("=")
    if not name.strip() or not why.strip():
        raise argparse.ArgumentTypeError("say why: ID=reason")
    return name.strip(), why.strip()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="advisories")
    parser.add_argument("list", type=Path, help="a zip or a folder of advisories in OSV's form")
    parser.add_argument("--accept", action="append", default=[], type=_accepted, metavar="ID=REASON")
    wanted = parser.parse_args(arguments)
    today = datetime.now(UTC)  # noqa: TID251 - how old a list is, is a matter of the calendar
    try:
        findings, looked = held_against(locked(ROOT), advisories(wanted.list), now=today)
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    lines, good = judge(findings, dict(wanted.accept))
    print("\n".join([*lines, f"{len(locked(ROOT))} versions held against {looked} advisories."]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
