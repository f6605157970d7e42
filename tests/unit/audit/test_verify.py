"""Verification names the first line that is not as it was written, whatever was done to the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit import verify as verification
from agent.audit.folder import FOLDER, HEAD_FILE
from agent.audit.lines import CHECKPOINT, Line, parse_line
from agent.audit.signing import Mark, SigningKey
from agent.audit.verify import Evidence, FaultKind, Report, Source
from tests.unit.audit.keeping import checked, files_of, forged, lines_of, written

Lines = list[tuple[str, int, bytes]]  # file, line, text


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    written(folder)
    return folder


def flat(log: Path) -> Lines:
    return [
        (name, number, text)
        for name, raw in files_of(log).items()
        for number, text in enumerate(raw.splitlines(), start=1)
    ]


def joined(lines: Lines) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for name, _, text in lines:
        files[name] = files.get(name, b"") + text + b"\n"
    return files


def first_of(report: Report) -> tuple[str, int]:
    assert report.faults
    return report.faults[0].file, report.faults[0].line


def index(log: Path) -> st.SearchStrategy[int]:
    return st.integers(0, len(flat(log)) - 1)


def test_an_untouched_log_is_good_and_counted(log: Path) -> None:
    report = checked(log)

    assert report.ok
    assert report.lines == len(flat(log)) == report.last_n
    assert report.checkpoints == sum(line.action == CHECKPOINT for line in lines_of(log))


@given(data=st.data())
def test_any_changed_byte_is_found_in_its_line(log: Path, data: st.DataObject) -> None:
    lines = flat(log)
    at = data.draw(index(log))
    name, number, text = lines[at]
    place = data.draw(st.integers(0, len(text) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value not in (text[place], 10)))
    lines[at] = (name, number, text[:place] + bytes([byte]) + text[place + 1 :])

    report = checked(log, joined(lines))

    # A line whose own hash was changed spoils the one behind it too: the first is named.
    assert first_of(report) == (name, number)


@given(data=st.data())
def test_a_line_that_was_taken_out_is_missed_where_it_stood(log: Path, data: st.DataObject) -> None:
    lines = flat(log)
    at = data.draw(index(log))
    gone = lines.pop(at)

    report = checked(log, joined(lines))

    last = at == len(lines)
    after = (gone[0], gone[1]) if last or lines[at][0] == gone[0] else (lines[at][0], 1)
    assert first_of(report) == after
    assert report.faults[0].n == at + 1
    assert report.faults[0].kind is (FaultKind.TRUNCATED if last else FaultKind.MISSING)


@given(data=st.data())
def test_two_lines_that_changed_places_are_found_at_the_first(log: Path, data: st.DataObject) -> None:
    lines = flat(log)
    one, other = sorted(data.draw(st.sets(index(log), min_size=2, max_size=2)))
    name, number, text = lines[one]
    lines[one], lines[other] = (name, number, lines[other][2]), (*lines[other][:2], text)

    report = checked(log, joined(lines))

    assert first_of(report) == (name, number)
    if lines[one][0] == lines[other][0]:
        assert report.faults[0].kind is FaultKind.REORDERED


@given(data=st.data())
def test_a_log_that_was_cut_short_anywhere_is_found_at_its_end(log: Path, data: st.DataObject) -> None:
    lines = flat(log)
    kept = data.draw(st.integers(1, len(lines) - 1))

    report = checked(log, joined(lines[:kept]))

    assert first_of(report) == (lines[kept - 1][0], lines[kept - 1][1] + 1)
    assert report.faults[0].kind is FaultKind.TRUNCATED
    assert report.faults[0].n == kept + 1


@given(data=st.data())
def test_a_line_that_was_repeated_or_slipped_in_is_found(log: Path, data: st.DataObject) -> None:
    lines = flat(log)
    at = data.draw(st.integers(0, len(lines) - 2))
    copied = data.draw(
        index(log).filter(lambda one: one != at + 1)
    )  # that one would look as if it was repeated
    lines.insert(at + 1, (lines[at][0], 0, lines[copied][2]))

    report = checked(log, joined(lines))

    assert report.faults[0].file == lines[at][0]
    assert report.faults[0].line == lines[at][1] + 1


@given(data=st.data())
def test_who_makes_the_hashes_anew_without_the_key_is_found_at_the_next_signature(
    log: Path, data: st.DataObject
) -> None:
    lines = flat(log)
    at = data.draw(st.integers(1, len(lines) - 1).filter(lambda i: b'"did"' in lines[i][2]))
    previous = parse_line(lines[at - 1][2]).hash
    for place in range(at, len(lines)):
        name, number, text = lines[place]
        line = parse_line(text)
        facts = {"number": -1} if place == at else dict(line.facts)
        if line.action == CHECKPOINT:
            facts["hash"] = previous
        elif number == 1:
            facts["previous"] = previous
        raw, previous = forged(text, previous, facts=facts)
        lines[place] = (name, number, raw)

    report = checked(log, joined(lines))

    assert report.faults[0].kind is FaultKind.SIGNATURE
    following = next(one for one in lines[at:] if b'"checkpoint"' in one[2])
    assert first_of(report) == following[:2]


@given(data=st.data())
def test_whatever_is_done_to_the_files_a_report_comes_of_it(log: Path, data: st.DataObject) -> None:
    files = files_of(log)
    for name in data.draw(st.sets(st.sampled_from(sorted(files)), min_size=1)):
        raw = files[name]
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, len(raw)))
        files[name] = raw[:start] + data.draw(st.binary(max_size=30)) + raw[end:]

    report = checked(log, files)

    assert report.ok == (files == files_of(log))


def test_a_whole_file_that_is_gone_is_missed(log: Path) -> None:
    files = files_of(log)
    first, second, third = files

    middle = checked(log, {first: files[first], third: files[third]})
    beginning = checked(log, {second: files[second], third: files[third]})

    assert (middle.faults[0].kind, *first_of(middle)) == (FaultKind.MISSING, third, 1)
    assert (beginning.faults[0].kind, *first_of(beginning)) == (FaultKind.MISSING, second, 1)


def test_a_note_of_removed_lines_that_the_logs_key_did_not_sign_explains_nothing(log: Path) -> None:
    """Somebody removes the oldest file, and signs that it was retention."""
    files = files_of(log)
    _, second, third = files
    first = parse_line(files[second].splitlines()[0])
    claim = Mark(first.n - 1, first.facts["previous"])
    key = SigningKey.parse((log / FOLDER / "key").read_text())
    left = {second: files[second], third: files[third]}

    assert checked(log, left, start=claim.render(key, "start")).ok
    for start in (
        claim.render(SigningKey.make(), "start"),
        claim.render(key, "head"),
        Mark(claim.n - 1, claim.hash).render(key, "start"),
    ):
        assert not checked(log, left, start=start).ok
    other = SigningKey.make()
    found = checked(log, left, start=claim.render(other, "start"), public_keys=[key.public])
    assert found.faults[0].file == "start"


def test_without_its_head_a_log_is_not_good(log: Path) -> None:
    assert checked(log, head=b"").faults[0].file == "head"
    assert checked(log, head=None).faults[0].kind is FaultKind.SIGNATURE


def test_a_log_and_head_that_were_both_put_back_are_found_by_a_head_kept_elsewhere(log: Path) -> None:
    lines = flat(log)
    kept = Mark(len(lines), parse_line(lines[-1][2]).hash)
    older = parse_line(lines[59][2])
    key = SigningKey.parse((log / FOLDER / "key").read_text())
    head = Mark(older.n, older.hash).render(key, "head")
    files = joined(lines[:60])

    assert checked(log, files, head=head).ok  # the folder alone does not tell
    assert checked(log, files, head=head, pinned=kept).faults[0].kind is FaultKind.TRUNCATED


def test_a_log_made_anew_with_another_key_is_found_by_the_key_kept_elsewhere(
    log: Path, tmp_path: Path
) -> None:
    written(tmp_path)
    trusted = lines_of(log)[0].facts["public_key"]

    assert checked(tmp_path).ok
    assert checked(tmp_path, public_keys=[trusted]).faults[0].kind is FaultKind.SIGNATURE
    assert checked(log, public_keys=[trusted]).ok


def test_lines_behind_the_head_are_not_held_against_the_log(log: Path) -> None:
    """The agent writes while somebody checks; nobody acted on those lines yet."""
    lines = flat(log)
    behind = parse_line(lines[-1][2])
    raw, line_hash = forged(lines[2][2], behind.hash, n=behind.n + 1)
    name = lines[-1][0]
    files = files_of(log)

    whole = checked(log, {**files, name: files[name] + raw + b"\n"})
    torn = checked(log, {**files, name: files[name] + raw + b"\n" + raw[:40]})

    assert whole.ok
    assert (whole.unsigned, whole.last_hash) == (1, line_hash)
    assert torn.ok


def spoiled(log: Path) -> dict[str, bytes]:
    lines = flat(log)
    name, number, text = lines[10]
    lines[10] = (name, number, text.replace(b'"number":', b'"member":'))
    return joined(lines)


def test_the_check_of_hashes_bites(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not checked(log, spoiled(log)).ok
    monkeypatch.setattr(Line, "follows", lambda *_: True)
    assert checked(log, spoiled(log)).ok


def test_the_check_of_signatures_bites(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = (log / FOLDER / HEAD_FILE).read_bytes()
    sources = [Source(name, lambda raw=raw: raw) for name, raw in files_of(log).items()]  # type: ignore[misc]
    other = SigningKey.make().public

    def faults(**evidence: Any) -> int:
        return len(verification.verify(sources, Evidence(head=head, public_keys=[other], **evidence)).faults)

    assert faults() > 1
    monkeypatch.setattr(verification, "is_checkpoint", lambda *_: True)
    assert faults() < 4


def test_the_check_of_the_head_bites(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = joined(flat(log)[:60])
    assert not checked(log, files).ok
    monkeypatch.setattr(verification._Check, "_check_head", lambda *_: None)
    monkeypatch.setattr(verification, "parse_head", lambda *_, **__: None)
    assert checked(log, files).ok
