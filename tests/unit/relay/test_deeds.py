from __future__ import annotations

import json
from dataclasses import replace

import orjson
import pytest

from relay.acting import Actor, ActorKind
from relay.deeds import MAX_FACTS, MAX_TEXT, Action, Check, Deed, Head, Line, next_line
from tests.unit.relay.making import NOW

BY = Actor(ActorKind.TOKEN, "0123", "192.0.2.7", "acme")


def chain(count: int) -> list[Line]:
    head, lines = Head(), []
    for number in range(count):
        line = next_line(head, Deed("acme", Action.COMMAND_ASKED, f"cmd_{number}", NOW, BY))
        head = Head(line.n, line.hash)
        lines.append(line)
    return lines


def faults(lines: list[Line], noted: Head | None = None) -> list[str]:
    check = Check("acme")
    check.see(lines)
    if noted is not None:
        check.end(noted)
    return check.faults


def test_a_line_says_who_did_what_on_what_from_where_and_when() -> None:
    line = next_line(Head(), Deed("acme", Action.TOKEN_REVOKED, "4f", NOW, BY, {"name": "erp"}))

    assert json.loads(line.text) == {
        "n": 1,
        "at": "2026-01-05T12:00:00Z",
        "action": "token_revoked",
        "by": {"kind": "token", "name": "0123", "address": "192.0.2.7"},
        "on": "4f",
        "outcome": "done",
        "facts": {"name": "erp"},
    }


def test_a_chain_as_it_was_written_has_no_fault() -> None:
    lines = chain(5)

    assert faults(lines, Head(5, lines[-1].hash)) == []


@pytest.mark.parametrize("at", range(5))
def test_a_line_that_was_changed_is_named(at: int) -> None:
    """G170."""
    lines = chain(5)
    body = orjson.loads(lines[at].text) | {"on": "cmd_other"}
    lines[at] = replace(lines[at], text=orjson.dumps(body).decode())

    assert faults(lines) == [f"tenant acme: line {at + 1} is not as it was written"]


@pytest.mark.parametrize("at", range(4))
def test_a_line_that_was_taken_out_is_missed(at: int) -> None:
    """G170."""
    lines = chain(5)
    del lines[at]

    assert faults(lines)[0] == f"tenant acme: lines {at + 1} to {at + 1} are missing"


def test_lines_cut_off_the_end_are_missed_by_whoever_noted_the_head() -> None:
    """G170."""
    lines = chain(5)

    assert faults(lines[:3], Head(5, lines[-1].hash)) == ["tenant acme: lines 4 to 5 are missing at the end"]


def test_another_chain_of_the_same_length_is_not_the_noted_one() -> None:
    lines = chain(3)
    other = next_line(Head(2, lines[1].hash), Deed("acme", Action.COMMAND_ASKED, "cmd_x", NOW, BY))

    assert faults([*lines[:2], other], Head(3, lines[2].hash)) == [
        "tenant acme: the end, line 3, is not the one that was noted"
    ]


def test_a_line_moved_under_another_number_is_named() -> None:
    """G170: with its hash made anew, as somebody without a noted head would see it."""
    lines = chain(3)
    moved = Line(2, lines[0].text, lines[1].hash)

    assert faults([lines[0], moved, lines[2]]) != []


def test_what_a_request_brings_is_bounded_in_a_line() -> None:
    facts = {"long": "x" * 10_000, "many": list(range(1_000)), "deep": {str(n): n for n in range(1_000)}}
    line = next_line(Head(), Deed("acme", Action.COMMAND_ASKED, "y" * 10_000, NOW, BY, facts))

    told = json.loads(line.text)
    assert len(told["on"]) == len(told["facts"]["long"]) == MAX_TEXT
    assert len(told["facts"]["many"]) == len(told["facts"]["deep"]) == MAX_FACTS
