"""Bugs that somebody could have made in the audit log, planted one by one: each breaks a law or a power-cut image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from agent.audit import chain, facts, folder, lines, lock, log, opening, signing, verify
from tests.faults.audit_laws import first_broken
from tests.faults.planted import planted


@dataclass(frozen=True, slots=True)
class Bug:
    module: ModuleType
    function: str
    old: str
    new: str


BUGS: Final = {
    # What a line's hash and a signature cover.
    "the hash leaves the line before out": Bug(
        lines, "chained", 'previous.encode() + b"\\n" + covered', "covered"
    ),
    "the hash leaves the facts out": Bug(
        lines, "chained", "+ covered", "+ covered.partition(b',\"facts\":')[0]"
    ),
    "the hash leaves the actor out": Bug(
        lines, "chained", "+ covered", "+ b''.join(covered.partition(b',\"actor\":')[::2]).partition(b'}')[2]"
    ),
    "any signature is good": Bug(
        signing,
        "is_signed",
        "InvalidSignature):\n        return False",
        "InvalidSignature):\n        return True",
    ),
    "a signature leaves the hash out": Bug(signing, "_signed_text", "\\n{line_hash}", ""),
    "a signature is good for every purpose": Bug(signing, "_signed_text", " {what} 1", " 1"),
    "a mark is good whoever signed it": Bug(
        signing, "parse_mark", "if public is not None and signer != public:", "if False:"
    ),
    # What verification looks at.
    "the last line of a file is not checked": Bug(
        verify,
        "_Check.file",
        "while offset < len(raw):",
        'while 0 <= raw.find(b"\\n", offset) < len(raw) - 1:',
    ),
    "only numbers are checked": Bug(
        verify, "_Check._line", "if line.n != self._expected or not follows:", "if line.n != self._expected:"
    ),
    "the end is not held against the head": Bug(
        verify, "_Check.end", "if mark.n > self.report.last_n:", "if False:"
    ),
    "checkpoints are not checked": Bug(
        verify, "_Check._sign", "if not is_checkpoint(", "if False and not is_checkpoint("
    ),
    "the key given is not asked for": Bug(
        verify, "_Check._meet_key", "if trusted and key not in trusted:", "if False:"
    ),
    "a key that changes is overlooked": Bug(
        verify, "_Check._meet_key", "elif known and key != known", "elif False and key != known"
    ),
    "the key of the head is overlooked": Bug(
        verify, "_Check._check_head", "if key and parse_head(", "if False and parse_head("
    ),
    "the key of the start is overlooked": Bug(
        verify, "_Check._check_start", "if not any(", "if False and not any("
    ),
    "a head kept elsewhere is not compared": Bug(
        verify,
        "_Check._check_mark",
        "if mark.hash == line.hash:",
        "if mark is not self._head or mark.hash == line.hash:",
    ),
    "whatever ends a log is taken for a crash": Bug(
        verify,
        "_Check._is_unacknowledged",
        "self._head is not None and self._expected > self._head.n",
        "True",
    ),
    "a break is not told": Bug(verify, "_Check._begin", "if line.action == BROKEN:", "if False:"),
    # Where the log goes on.
    "damage is taken for what a crash left": Bug(
        opening, "_reaches", "return found.at_head == head.hash", "return True"
    ),
    "a missing head is nothing": Bug(
        opening, "decide", "if new_key or head is None:", "head = head or Mark(0, GENESIS)\n    if new_key:"
    ),
    "a break without a signature is believed": Bug(
        opening,
        "_is_new",
        "return found.second is not None and is_checkpoint(found.second, public)",
        "return True",
    ),
    "what a crash left stays in the file": Bug(
        chain, "Chain._go_on", "self._disk.truncate(self._handle, found.size)", "pass"
    ),
    "what a failed sync forgot stays forgotten": Bug(
        chain, "Chain._go_on", "if behind := raw[found.acknowledged : found.size]:", "if False:"
    ),
    "files that are gone are written on": Bug(
        chain, "Chain._close_if_moved", "if not in_place:", "if False:"
    ),
    # What is durable, and in which order.
    "lines are not synced": Bug(chain, "Chain._write", "self._disk.sync(self._handle)", "pass"),
    "a failed sync is nothing": Bug(chain, "Chain._write", "            raise\n", "            pass\n"),
    "the head comes before its lines": Bug(
        chain,
        "Chain._write",
        "        try:\n            self._disk.write(",
        "        self._head.write(Mark(position.n, position.hash))\n        try:\n            self._disk.write(",
    ),
    "the head is not synced": Bug(folder, "HeadFile.write", "self._disk.sync(self._handle)", "pass"),
    "the head has one slot": Bug(folder, "HeadFile.write", "self._slot = 1 - self._slot", "pass"),
    "the name of a new file is not synced": Bug(
        chain, "Chain._begin_file", "self._disk.sync_folder(self._folder)", "pass"
    ),
    "record does not wait": Bug(
        log,
        "AuditLog.record",
        "error = await asyncio.shield(self._hand_over(self._entry(action, actor, facts)))",
        "error = self._hand_over(self._entry(action, actor, facts)) and None",
    ),
    "an outage is kept to itself": Bug(
        log, "AuditLog.record", "            raise error\n", "            pass\n"
    ),
    "nobody is locked out": Bug(lock, "_lock", "fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)", "pass"),
    # Signing, days, retention.
    "checkpoints are far between": Bug(
        chain, "_render", "since_checkpoint >= CHECKPOINT_EVERY:", "since_checkpoint >= 5 * CHECKPOINT_EVERY:"
    ),
    "a checkpoint comes before the lines it is to sign": Bug(
        chain,
        "_render",
        "    for entry in entries:\n        moved",
        "    if checkpoint and position.since_checkpoint:\n        sign(now or entries[-1].moment)\n"
        "        checkpoint = False\n    for entry in entries:\n        moved",
    ),
    "the end of a log is not signed": Bug(
        chain, "Chain.checkpoint", "self._write([], self._key, checkpoint=True, now=now)", "pass"
    ),
    "a clock that stepped back comes before the file's first line": Bug(
        chain, "_render", "(entry, *noted) if entry.action in HEADERS else (*noted, entry)", "(*noted, entry)"
    ),
    "a checkpoint hides a clock that stepped back": Bug(
        chain,
        "_render",
        "max(position.moment or entry.moment, entry.moment) if signs else entry.moment",
        "entry.moment",
    ),
    "a file does not name the one before": Bug(
        chain, "Chain._begin_file", '"previous": self._position.hash', '"previous": GENESIS'
    ),
    "retention removes the wrong file": Bug(
        chain,
        "Chain._finish_retention",
        "in files[: self._starts_at(files, start)]:",
        "in files[1 : self._starts_at(files, start) + 1]:",
    ),
    "retention removes one file too many": Bug(
        chain, "Chain._retire", "file.day >= oldest", "file.day > oldest"
    ),
    "retention counts hours": Bug(
        chain, "_oldest_kept", "timedelta(days=retention.days)", "timedelta(hours=retention.days)"
    ),
    "files go before it is noted where the chain starts": Bug(
        chain,
        "Chain._retire",
        "        self._disk.put(self._folder / names.START_FILE",
        "        self._finish_retention(start)\n        self._disk.put(self._folder / names.START_FILE",
    ),
    "retention says nothing": Bug(
        chain,
        "Chain._retire",
        'self._write([Entry(now, "lines_removed", AGENT, facts)], key, checkpoint=True)',
        "pass",
    ),
    "secrets are written": Bug(facts, "bounded_text", "masked = redact(text)", "masked = text"),
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, tmp_path: Path) -> None:
    bug = BUGS[name]

    with planted(bug.module, bug.function, bug.old, bug.new):
        broken = first_broken(tmp_path)

    assert broken != ""


@pytest.mark.timeout(240)
def test_every_law_holds_without_a_bug(tmp_path: Path) -> None:
    assert first_broken(tmp_path) == ""
