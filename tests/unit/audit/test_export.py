"""An export is the log in one file: it can be read line by line, and checked without the agent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit.export import export_lines, parse_export
from agent.audit.folder import FOLDER, HEAD_FILE
from agent.audit.lines import parse_line
from agent.audit.signing import Mark, SigningKey
from agent.audit.verify import FaultKind, Report, verify
from tests.unit.audit.keeping import NOON, files_of, lines_of, written


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    written(folder, days=(20, 10, 20))
    return folder


def exported(log: Path, since: datetime | None = None, head: bytes | None = None) -> bytes:
    head = (log / FOLDER / HEAD_FILE).read_bytes() if head is None else head
    return b"".join(export_lines(files_of(log).items(), head, since=since, software="test"))


def texts_of(log: Path) -> list[bytes]:
    return [text for raw in files_of(log).values() for text in raw.splitlines()]


def verified(raw: bytes) -> Report:
    sources, evidence = parse_export(raw)
    return verify(sources, evidence)


def test_it_holds_every_line_as_it_was_written_and_verifies(log: Path) -> None:
    raw = exported(log)

    documents = [json.loads(line) for line in raw.splitlines()]
    assert [one["n"] for one in documents if "n" in one] == [line.n for line in lines_of(log)]
    assert [one["file"] for one in documents if "file" in one] == list(files_of(log))
    assert verified(raw).ok
    assert verified(raw).lines == len(lines_of(log))


@given(minutes=st.integers(-60, 5_000))
def test_since_any_moment_it_verifies_from_the_first_line_behind_it(log: Path, minutes: int) -> None:
    since = NOON + timedelta(minutes=minutes)

    report = verified(exported(log, since))

    expected = [line.n for line in lines_of(log) if line.moment >= since]
    assert report.faults == []
    assert (report.lines, report.last_n) == (len(expected), lines_of(log)[-1].n)
    assert report.first_n == (expected[0] if expected else report.last_n + 1)


@given(data=st.data())
def test_an_export_that_was_changed_or_cut_is_found(log: Path, data: st.DataObject) -> None:
    lines = exported(log, NOON + timedelta(days=1)).splitlines(keepends=True)
    own = [at for at, text in enumerate(lines) if text.startswith(b'{"n":')]
    at = data.draw(st.sampled_from(own[1:]))
    if data.draw(st.booleans()):
        lines[at] = lines[at].replace(b'"action":"', b'"action":"un')
        kind = FaultKind.EDITED
    else:
        lines = lines[:at]
        kind = FaultKind.TRUNCATED

    assert verified(b"".join(lines)).faults[0].kind is kind


def test_lines_behind_the_head_stay_out(log: Path) -> None:
    """They are under way while it is made: nobody has acted on them, and the export ends with a signed line."""
    older = lines_of(log)[29]
    key = SigningKey.parse((log / FOLDER / "key").read_text())

    raw = exported(log, head=Mark(older.n, older.hash).render(key, "head"))

    assert verified(raw).ok
    assert parse_line(raw.splitlines()[-1]).n == older.n


@given(data=st.data())
def test_whatever_is_done_to_an_export_a_report_comes_of_it_or_a_refusal(
    log: Path, data: st.DataObject
) -> None:
    raw = exported(log)
    texts = raw.splitlines()
    start = data.draw(
        st.one_of(st.integers(0, len(texts[0]) + len(texts[1]) + 600), st.integers(0, len(raw)))
    )
    end = data.draw(st.integers(start, min(len(raw), start + 50)))
    put = st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"null", b"[]", b"-1", b'"', b"9" * 30, b"0001", b"\n", b"{}"]),
    )
    changed = raw[:start] + data.draw(put) + raw[end:]

    try:
        report = verified(changed)
    except ValueError:
        return
    assert report.lines <= len(texts)


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-05T12:00:00", "x", 7]
)
def test_a_moment_that_is_none_makes_a_line_that_is_none(log: Path, moment: object) -> None:
    text = texts_of(log)[5]
    document = {**json.loads(text), "moment": moment}

    with pytest.raises(ValueError, match=r"audit log|time zone|isoformat"):
        parse_line(json.dumps(document, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "raw", [b"", b"x", b"{}", b"[]", b'{"groundwire_audit_export":"2"}', b"[" * 100_000, b"\xff"]
)
def test_what_is_no_export_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="export"):
        parse_export(raw)
