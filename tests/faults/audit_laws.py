"""What must be true of the audit log, small enough to be asked of every planted bug. Each law says what is broken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from agent import secrets
from agent.audit.folder import FOLDER, HEAD_FILE
from agent.audit.lines import CHECKPOINT, GENESIS, parse_line
from agent.audit.log import AuditLog
from agent.audit.signing import Mark, SigningKey
from agent.audit.trail import Actor, Origin
from agent.clock import ManualClock
from agent.errors import AuditUnavailable
from agent.secrets import Secret
from tests.faults.audit_images import broken_images, record
from tests.unit.audit.keeping import (
    NOON,
    Forgetful,
    QuickDisk,
    actions,
    checked,
    did,
    entry,
    files_of,
    forged,
    lines_of,
    new_chain,
    written,
)

DAY: Final = timedelta(days=1)
CANARY: Final = "canary-in-a-fact-7"


@dataclass(frozen=True, slots=True)
class Text:
    """One line as it stands in its file."""

    file: str
    raw: bytes


def texts(folder: Path) -> list[Text]:
    return [Text(name, raw) for name, content in files_of(folder).items() for raw in content.splitlines()]


def joined(lines: Sequence[Text]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for line in lines:
        files[line.file] = files.get(line.file, b"") + line.raw + b"\n"
    return files


def small_log(folder: Path) -> list[Text]:
    written(folder, days=(3, 3, 3))
    return texts(folder)


def an_untouched_log_is_good(folder: Path) -> Iterator[str]:
    lines = small_log(folder)
    report = checked(folder)
    if not report.ok or report.lines != len(lines) or report.unsigned:
        yield f"{report}"


def every_change_is_named_at_its_line(folder: Path) -> Iterator[str]:
    lines = small_log(folder)
    for at, line in enumerate(lines):
        place = _place(lines, at)
        for name, before, after in (
            ("facts", b'"facts":{', b'"facts":{"x":1,'),
            ("moment", b'"moment":"2026', b'"moment":"2025'),
            ("actor", b'"origin":"agent"', b'"origin":"relay"'),
            ("action", b'"action":"', b'"action":"x'),
        ):
            changed = Text(line.file, line.raw.replace(before, after, 1))
            yield from _named(f"{name} of {at}", folder, [*lines[:at], changed, *lines[at + 1 :]], place)
        if at + 1 < len(lines):  # behind the head stands what nobody has acted on yet
            yield from _named(f"repeated {at}", folder, [*lines[: at + 1], *lines[at:]], None)
            yield from _named(f"gone {at}", folder, [*lines[:at], *lines[at + 1 :]], None)
        if lines[at + 1 : at + 2] and lines[at + 1].file == line.file:
            swapped = [*lines[:at], lines[at + 1], line, *lines[at + 2 :]]
            yield from _named(f"swapped {at}", folder, swapped, None)


def _place(lines: Sequence[Text], at: int) -> tuple[str, int]:
    return lines[at].file, sum(one.file == lines[at].file for one in lines[: at + 1])


def _named(what: str, folder: Path, lines: Sequence[Text], place: tuple[str, int] | None) -> Iterator[str]:
    report = checked(folder, joined(lines))
    if report.ok:
        yield f"{what} was not found"
    elif place is not None and (report.faults[0].file, report.faults[0].line) != place:
        yield f"{what} was found at {report.faults[0]}"


def lines_cut_off_the_end_are_missed(folder: Path) -> Iterator[str]:
    lines = small_log(folder)
    for kept in range(1, len(lines)):
        found = [fault.kind.value for fault in checked(folder, joined(lines[:kept])).faults]
        if found != ["truncated"]:
            yield f"cut behind {kept}: {found}"


def hashes_made_anew_do_not_help(folder: Path) -> Iterator[str]:
    """Of the changed line alone, and of every line behind it as well."""
    lines = small_log(folder)
    signed = [at for at, line in enumerate(lines) if b'"checkpoint"' in line.raw]
    for at in range(2, len(lines)):
        if checked(folder, joined(_made_anew(lines, at, at + 1))).ok:
            yield f"line {at} made anew, and nothing behind it"
        following = [one for one in signed if one >= at + (at in signed)]
        place = _place(lines, following[0]) if following else None
        yield from _named(f"all from {at}", folder, _made_anew(lines, at, len(lines)), place)


def _made_anew(lines: Sequence[Text], first: int, through: int, key: SigningKey | None = None) -> list[Text]:
    """Lines with hashes that fit, the first with another moment; `key`: as whoever has that one makes them."""
    made = list(lines)
    previous = parse_line(lines[first - 1].raw).hash if first else GENESIS
    for at in range(first, through):
        line = parse_line(lines[at].raw)
        facts: dict[str, Any] = dict(line.facts)
        if line.action == CHECKPOINT:
            facts |= {"hash": previous}
            facts |= {"signature": key.sign("checkpoint", line.n - 1, previous)} if key is not None else {}
        if "public_key" in facts:
            facts |= {"public_key": key.public} if key is not None else {}
            facts |= {"previous": previous} if line.n > 1 else {}
        moment = line.moment + timedelta(seconds=at == first)
        raw, previous = forged(lines[at].raw, previous, facts=facts, moment=moment)
        made[at] = Text(lines[at].file, raw)
    return made


def another_key_is_noticed(folder: Path) -> Iterator[str]:
    lines = small_log(folder)
    ours = lines_of(folder)[0].facts["public_key"]
    theirs = SigningKey.make()
    names = sorted(files_of(folder))
    for first in (0, sum(line.file == names[0] for line in lines)):
        made = _made_anew(lines, first, len(lines), theirs)
        newest = parse_line(made[-1].raw)
        head = Mark(newest.n, newest.hash).render(theirs, "head")
        if checked(folder, joined(made), head=head, public_keys=[ours]).ok:
            yield f"the log made anew from {first}, with the public key kept elsewhere"
        if first and checked(folder, joined(made), head=head).ok:
            yield "a change of the key in the middle"
    kept = parse_line(lines[-4].raw)
    head = Mark(kept.n, kept.hash).render(theirs, "head")
    if checked(folder, joined(lines[:-3]), head=head).ok:
        yield "a head signed by somebody else, and what is behind it gone"


def a_head_kept_elsewhere_finds_a_log_that_was_put_back(folder: Path) -> Iterator[str]:
    lines = small_log(folder)
    key = SigningKey.parse((folder / FOLDER / "key").read_text())
    kept, older = parse_line(lines[-1].raw), parse_line(lines[-4].raw)
    head = Mark(older.n, older.hash).render(key, "head")
    if checked(folder, joined(lines[:-3]), head=head, pinned=Mark(kept.n, kept.hash)).ok:
        yield "it was not missed"
    if checked(folder, pinned=Mark(older.n, GENESIS)).ok:
        yield "another line of that number was not noticed"


def a_note_of_removed_lines_needs_the_logs_signature_for_just_that(folder: Path) -> Iterator[str]:
    files, key = (small_log(folder), files_of(folder))[1], SigningKey.parse(_key_text(folder))
    first, second, third = files
    header = parse_line(files[second].splitlines()[0])
    claim = Mark(header.n - 1, header.facts["previous"])
    left = {second: files[second], third: files[third]}
    del files[first]
    for what, start in (
        ("signed by somebody else", claim.render(SigningKey.make(), "start")),
        ("an old head", claim.render(key, "head")),
        ("no note", None),
    ):
        if checked(folder, left, start=start).ok:
            yield what


def _key_text(folder: Path) -> str:
    return (folder / FOLDER / "key").read_text()


def retention_removes_what_is_old_and_nothing_else(folder: Path) -> Iterator[str]:
    chain = new_chain(folder, disk=QuickDisk(), retention=3 * DAY)
    for number in range(9):
        chain.append([entry(number, NOON + number * DAY)])
    chain.close()
    if did(folder) != [4, 5, 6, 7, 8]:
        yield f"kept: {did(folder)}"
    if not checked(folder).ok:
        yield f"{checked(folder).faults[0]}"
    if "lines_removed" not in actions(folder):
        yield "and says nothing of it"


def what_was_acknowledged_and_is_gone_is_never_explained_away(folder: Path) -> Iterator[str]:
    """Somebody changes, cuts or removes; then the agent starts."""
    for what in ("cut", "changed", "head gone", "an unsigned break"):
        place = folder / what
        written(place, days=(3,))
        path = next((place / FOLDER).glob("*.jsonl"))
        lines = path.read_bytes().splitlines(keepends=True)
        if what == "cut":
            path.write_bytes(b"".join(lines[:-2]))
        elif what == "changed":
            path.write_bytes(path.read_bytes().replace(b'"number":1', b'"number":9'))
        elif what == "head gone":
            (place / FOLDER / HEAD_FILE).unlink()
        else:
            header = parse_line(lines[0].rstrip())
            raw, _ = forged(
                lines[0].rstrip(), GENESIS, n=90, action="chain_broken", facts={**header.facts, "why": "key"}
            )
            path.with_name("00000002-2026-01-05.jsonl").write_bytes(raw + b"\n")
        chain = new_chain(place, disk=QuickDisk())
        chain.append([entry(7)])
        chain.close()
        told = [fault.recorded for fault in checked(place).faults]
        if any(told) != (what != "an unsigned break") or (told and not any(told)):
            yield f"{what}: {told}"


def what_a_crash_left_is_cut_off(folder: Path) -> Iterator[str]:
    written(folder, days=(3,))
    path = next((folder / FOLDER).glob("*.jsonl"))
    path.write_bytes(path.read_bytes() + b"x" * 9_000)
    chain = new_chain(folder, disk=QuickDisk())
    chain.append([entry(7)])
    chain.close()
    if not checked(folder).ok or "tail_cut" not in actions(folder):
        yield f"{checked(folder).faults}"


def a_log_that_ends_is_signed_to_its_end(folder: Path) -> Iterator[str]:
    chain = new_chain(folder, disk=QuickDisk())
    chain.append([entry(number) for number in range(260)])
    chain.append([entry(260)])
    chain.checkpoint(NOON)
    chain.close()
    lines = lines_of(folder)
    if lines[-1].action != CHECKPOINT:
        yield "the last line is not"
    for _ in range(2):  # the second finds what the first, which was killed, left unsigned
        chain = new_chain(folder, disk=QuickDisk())
        chain.append([entry()])
        if lines_of(folder)[-1].action != CHECKPOINT:
            yield "what an earlier process left is not signed with the first line of the next"
        chain.append([entry()])
        chain.close()
    places = [at for at, line in enumerate(lines) if line.action == CHECKPOINT]
    if max(after - before for before, after in pairwise(places)) > 101:
        yield "too many lines between two signatures"
    if not checked(folder).ok:
        yield f"{checked(folder).faults[0]}"


def a_clock_that_steps_back_harms_nothing_and_is_told(folder: Path) -> Iterator[str]:
    for number, hours in enumerate((0, -1, -60, 5)):
        chain = new_chain(folder, disk=QuickDisk())
        chain.append([entry(number, NOON + timedelta(hours=hours))])
        chain.checkpoint(NOON + timedelta(hours=hours))
        chain.close()
    chain = new_chain(folder, disk=QuickDisk())
    for number, hours in enumerate((6, 7, -80), start=4):
        chain.append([entry(number, NOON + timedelta(hours=hours))])
    chain.close()
    if not checked(folder).ok or did(folder) != list(range(7)):
        yield f"{checked(folder).faults}"
    if actions(folder).count("clock_went_back") != 3:
        yield "not told"


def lines_reach_files_that_are_still_there(folder: Path) -> Iterator[str]:
    chain = new_chain(folder, disk=QuickDisk())
    chain.append([entry(1)])
    next((folder / FOLDER).glob("*.jsonl")).unlink()
    chain.append([entry(2)])
    chain.close()
    if did(folder) != [2]:
        yield "a line went into a file that was removed"


def what_a_failed_sync_forgot_is_written_again(folder: Path) -> Iterator[str]:
    disk = Forgetful()
    chain = new_chain(folder, disk=disk)
    chain.append([entry(1)])
    disk.failing = True
    try:
        chain.append([entry(2)])
        yield "a line that could not be synced counts"
    except OSError:
        disk.failing = False
    chain.append([entry(3)])
    chain.close()
    path = next((folder / FOLDER).glob("*.jsonl"))
    if bytes(disk.durable[path.stat().st_ino]) != path.read_bytes():
        yield "not all of the file is on the disk"


def record_returns_when_the_line_is_there_or_raises(folder: Path) -> Iterator[str]:
    yield from asyncio.run(_recorded(folder))


async def _recorded(folder: Path) -> list[str]:
    found: list[str] = []
    secrets.REDACTION.learn(Secret(CANARY))
    disk = Forgetful()
    log = AuditLog(folder, clock=ManualClock(), disk=disk)
    await log.record("did", Actor(Origin.RELAY, CANARY), {"number": 1, "text": f"x {CANARY}"})
    if not did(folder):
        found.append("record returned before the line was written")
    other = AuditLog(folder, clock=ManualClock(), disk=QuickDisk())
    try:
        await other.record("did", Actor(Origin.LOCAL), {"number": 2})
        found.append("two write at the same time")
    except AuditUnavailable:
        pass
    await other.aclose()
    disk.failing = True
    try:
        await log.record("did", Actor(Origin.LOCAL), {"number": 3})
        found.append("record says nothing of a line that is not on the disk")
    except AuditUnavailable:
        disk.failing = False
    await log.aclose()
    if any(CANARY.encode() in raw for raw in files_of(folder).values()):
        found.append("a secret is in a line")
    return found


def a_power_cut_takes_nothing_that_was_acknowledged(folder: Path) -> Iterator[str]:
    recording = record(folder / "recorded", seed=5, appends=60)
    yield from broken_images(recording, folder / "images", count=500, seed=6)


LAWS: Final[Sequence[Callable[[Path], Iterator[str]]]] = (
    an_untouched_log_is_good,
    lines_reach_files_that_are_still_there,
    what_a_failed_sync_forgot_is_written_again,
    record_returns_when_the_line_is_there_or_raises,
    what_a_crash_left_is_cut_off,
    a_clock_that_steps_back_harms_nothing_and_is_told,
    a_log_that_ends_is_signed_to_its_end,
    retention_removes_what_is_old_and_nothing_else,
    what_was_acknowledged_and_is_gone_is_never_explained_away,
    another_key_is_noticed,
    a_head_kept_elsewhere_finds_a_log_that_was_put_back,
    a_note_of_removed_lines_needs_the_logs_signature_for_just_that,
    lines_cut_off_the_end_are_missed,
    hashes_made_anew_do_not_help,
    every_change_is_named_at_its_line,
    a_power_cut_takes_nothing_that_was_acknowledged,
)


def first_broken(folder: Path) -> str:
    """The first law that does not hold, and how; a law that cannot even be asked does not hold either."""
    for law in LAWS:
        place = folder / law.__name__
        place.mkdir()
        try:
            broken = next(law(place), "")
        except Exception as error:
            broken = f"{type(error).__name__}: {error}"
        if broken:
            return f"{law.__name__}: {broken}"
    return ""
