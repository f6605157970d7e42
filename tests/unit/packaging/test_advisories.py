"""S22: what is locked is held against a list of known vulnerabilities, in the form in which OSV gives them."""

from __future__ import annotations

import json
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.packaging_scripts import script

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LOCKED = {
    ("some-parser", "2.4.1"): ("requirements.lock", "requirements-dev.lock"),
    ("a-tool", "1.0"): ("requirements-dev.lock",),
}
advisories: Any = script("advisories")


def advisory(name: str = "Some_Parser", *events: dict[str, str], **more: Any) -> dict[str, Any]:
    affected = {
        "package": {"ecosystem": more.pop("ecosystem", "PyPI"), "name": name},
        "ranges": [{"type": more.pop("kind", "ECOSYSTEM"), "events": list(events)}],
        "versions": more.pop("versions", []),
    }
    return {
        "id": "GHSA-1",
        "modified": "2026-02-25T00:00:00Z",
        "summary": "It  burns.",
        "affected": [affected],
        **more,
    }


def found(*known: dict[str, Any]) -> list[str]:
    findings, looked = advisories.held_against(LOCKED, known, now=NOW)
    assert looked == len(known)
    return [str(each) for each in findings]


FROM_THE_FIRST = {"introduced": "0"}


@pytest.mark.parametrize(
    ("events", "affected"),
    [
        ([FROM_THE_FIRST], True),
        ([FROM_THE_FIRST, {"fixed": "2.4.1"}], False),
        ([FROM_THE_FIRST, {"fixed": "2.4.2"}], True),
        ([FROM_THE_FIRST, {"fixed": "2.10"}], True),  # as numbers, not as texts
        ([{"introduced": "2.4.1"}, {"fixed": "2.5"}], True),
        ([{"introduced": "2.4.2"}], False),
        ([FROM_THE_FIRST, {"last_affected": "2.4.1"}], True),
        ([FROM_THE_FIRST, {"last_affected": "2.4.0"}], False),
        ([FROM_THE_FIRST, {"fixed": "1.0"}, {"introduced": "2.0"}, {"fixed": "3.0"}], True),
        ([FROM_THE_FIRST, {"fixed": "2.4.1rc1"}], False),
        ([FROM_THE_FIRST, {"fixed": "no version"}], True),  # what cannot be told is told
    ],
)
def test_a_locked_version_is_found_by_the_ranges_of_an_advisory(
    events: list[dict[str, str]], affected: bool
) -> None:
    assert bool(found(advisory("Some_Parser", *events))) is affected


def test_a_version_is_found_by_name_however_it_is_spelled_and_by_the_list_of_versions() -> None:
    assert found(advisory("some.parser", versions=["2.4.1"])) == [
        "some-parser 2.4.1 (requirements.lock, requirements-dev.lock): GHSA-1; mended nowhere yet. It burns."
    ]
    assert found(advisory("some-parsers", FROM_THE_FIRST)) == []
    assert found(advisory("some-parser", FROM_THE_FIRST, ecosystem="npm")) == []
    assert found(advisory("some-parser", FROM_THE_FIRST, kind="GIT")) == []
    assert found(advisory("some-parser", FROM_THE_FIRST, withdrawn="2026-02-01T00:00:00Z")) == []


def test_what_is_shipped_must_not_be_affected_unless_somebody_says_why_it_does_no_harm() -> None:
    known = [
        advisory("some-parser", FROM_THE_FIRST, {"fixed": "2.5"}, aliases=["CVE-2026-1"]),
        advisory("a-tool", FROM_THE_FIRST, id="GHSA-2"),
    ]
    findings, _ = advisories.held_against(LOCKED, known, now=NOW)

    lines, good = advisories.judge(findings, {})
    accepted, accepted_good = advisories.judge(findings, {"CVE-2026-1": "it is never called"})
    _, stale_good = advisories.judge([], {"CVE-2026-1": "it is never called"})

    assert (good, accepted_good, stale_good) == (False, True, False)
    assert [line.partition(":")[0] for line in lines] == ["affected, and not shipped", "AFFECTED"]
    assert any(line.startswith("accepted, because it is never called: some-parser") for line in accepted)


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ([], "no advisory"),
        ([advisory("x", modified="2026-02-01T00:00:00Z")], "nothing of what is known today"),
        ([{"id": "GHSA-1"}], "no known day"),
    ],
)
def test_a_list_that_says_nothing_of_today_is_refused(known: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(advisories.Refused, match=says):
        advisories.held_against(LOCKED, known, now=NOW)


def test_a_list_is_a_zip_or_a_folder_and_anything_else_is_refused(tmp_path: Path) -> None:
    folder, archive, broken = tmp_path / "list", tmp_path / "all.zip", tmp_path / "broken.zip"
    folder.mkdir()
    (folder / "GHSA-1.json").write_text(json.dumps(advisory()))
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("GHSA-1.json", json.dumps(advisory()))
    broken.write_bytes(b"PK and no more")

    assert list(advisories.advisories(folder)) == list(advisories.advisories(archive)) == [advisory()]
    (folder / "GHSA-2.json").write_text('["no advisory"]')
    for source in (folder, broken, tmp_path / "missing.zip"):
        with pytest.raises(advisories.Refused):
            list(advisories.advisories(source))


def test_every_package_of_every_lock_is_looked_at() -> None:
    found = advisories.locked(advisories.ROOT)

    assert any(name == "cryptography" and advisories.PROGRAM in locks for (name, _), locks in found.items())
    for lock in advisories.LOCKS:
        entries = len(re.findall(r"^\S+==", (advisories.ROOT / lock).read_text(), re.MULTILINE))
        assert sum(lock in locks for locks in found.values()) == entries
