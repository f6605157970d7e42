from __future__ import annotations

import json
from typing import Any

import pytest

from agent.errors import ConfigurationError
from tests.unit.commandline.conftest import RunningAgent, Shell

LETTER = {
    "id": 7,
    "stream": "aw/orders",
    "entity": "purchase_order",
    "run": "01run",
    "key": "4711",
    "field": "dueAt",
    "reason": "not_a_date",
    "message": "is no date",
    "created_at": "2026-01-05T12:00:00Z",
    "requeued_at": None,
    "remedy": "Say how dates are written.",
    "raw": '{"due": "31.02.2026"}',
}
RULE = {
    "field": "dueAt",
    "toml": '{ from = "due", as = "date" }',
    "words": "due, read as a date",
    "columns": ["due"],
}


def group(stream: str, count: int, reason: str = "not_a_date", field: str = "dueAt") -> dict[str, Any]:
    return {
        "stream": stream,
        "entity": "purchase_order",
        "field": field,
        "reason": reason,
        "count": count,
        "asked_again": 0,
        "message": "is no date",
        "remedy": "Say how dates are written.",
    }


def groups(*found: dict[str, Any]) -> dict[str, Any]:
    return {"groups": list(found), "total": sum(one["count"] for one in found)}


def test_the_causes_come_with_their_numbers_and_what_to_do(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(dead_letter_groups=groups(group("aw/orders", 1_200))):
        text = shell.run("outbox", "reasons").stdout

    assert "1,200 of aw/orders: dueAt: not_a_date" in text
    assert "What to do: Say how dates are written." in text
    assert "groundwire outbox requeue --stream aw/orders --reason not_a_date --field dueAt" in text


def test_without_dead_letters_the_causes_say_so(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(dead_letter_groups=groups()):
        assert "every record passes" in shell.run("outbox", "reasons").stdout


def test_one_is_shown_with_its_rule_and_without_its_content_unless_asked(
    shell: Shell, running_agent: RunningAgent
) -> None:
    with running_agent(dead_letter=LETTER, mapping_show={"fields": [RULE]}):
        shown = shell.run("outbox", "show", "7").stdout
        document = shell.json("outbox", "show", "7")
        whole = shell.run("outbox", "show", "7", "--content").stdout

    assert "aw/orders, key 4711" in shown
    assert 'The rule: dueAt = { from = "due", as = "date" }' in shown
    assert "What to do: Say how dates are written." in shown
    assert "31.02.2026" not in shown
    assert "raw" not in document
    assert document["rule"] == RULE
    assert '"due": "31.02.2026"' in whole


def test_one_of_a_stream_that_is_not_in_force_is_shown_all_the_same(
    shell: Shell, running_agent: RunningAgent
) -> None:
    with running_agent(dead_letter=LETTER, mapping_show=ConfigurationError("no such stream")):
        done = shell.run("outbox", "show", "7")

    assert done.exit_code == 0
    assert "The rule" not in done.stdout


def test_all_with_one_reason_are_asked_for_again_stream_by_stream(
    shell: Shell, running_agent: RunningAgent
) -> None:
    found = groups(group("aw/orders", 5), group("aw/items", 2), group("crm/x", 9, reason="missing"))
    answer = {"requeued": 3, "left": 0, "runs": [], "streams": []}
    with running_agent(dead_letter_groups=found, requeue=answer) as agent:
        done = shell.run("outbox", "requeue", "--reason", "not_a_date", "--no-wait")

    assert done.stdout.startswith("6 requeued.")
    assert [args for name, args in agent.calls if name == "requeue"] == [
        {"chosen": {"reason": "not_a_date", "stream": "aw/orders"}, "wait": False},
        {"chosen": {"reason": "not_a_date", "stream": "aw/items"}, "wait": False},
    ]


@pytest.mark.parametrize(
    "words", [(), ("7", "--all"), ("7", "--reason", "missing"), ("--all", "--stream", "a/b")], ids=str
)
@pytest.mark.parametrize("command", ["requeue", "drop"])
def test_which_are_meant_has_to_be_said_in_one_way(
    shell: Shell, command: str, words: tuple[str, ...]
) -> None:
    assert shell.run("outbox", command, *words).exit_code == 2


def test_nothing_is_dropped_without_a_reason_and_a_yes(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(
        drop={"dropped": 5, "left": 0}, dead_letter_groups=groups(group("aw/orders", 5))
    ) as agent:
        assert shell.run("outbox", "drop", "7", "--yes").exit_code == 2
        assert shell.run("outbox", "drop", "7", "--why", "old", answer="n\n").exit_code == 1
        assert [name for name, _ in agent.calls] == []
        done = shell.run("outbox", "drop", "--all", answer="test data\ny\n")

    assert "Forget 5 dead letters?" in done.stderr
    assert "5 dropped." in done.stdout
    assert agent.calls[-1] == ("drop", {"chosen": {"stream": "aw/orders"}, "why": "test data"})


def test_dropping_what_is_not_there_asks_nothing(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(dead_letter_groups=groups(group("aw/orders", 5))) as agent:
        done = shell.run("outbox", "drop", "--reason", "missing")

    assert "No dead letters of that kind" in done.stdout
    assert [name for name, _ in agent.calls] == ["dead_letter_groups"]


def test_an_export_is_private_whole_and_without_content_unless_asked(
    shell: Shell, running_agent: RunningAgent
) -> None:
    target = shell.folder / "letters.jsonl"
    with running_agent(dead_letters={"dead_letters": [LETTER, LETTER], "next": None}) as agent:
        done = shell.run("outbox", "export", str(target), "--reason", "not_a_date")
        again = shell.run("outbox", "export", str(target))
        whole = shell.run("outbox", "export", str(target) + "2", "--content")

    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert "Wrote 2 dead letters" in done.stdout
    assert target.stat().st_mode & 0o777 == 0o600
    assert [line["id"] for line in lines] == [7, 7]
    assert all("raw" not in line for line in lines)
    assert again.exit_code == 3
    assert "31.02.2026" in (shell.folder / "letters.jsonl2").read_text()
    assert whole.exit_code == 0
    assert agent.calls[0][1]["reason"] == "not_a_date"


def test_half_an_export_does_not_stay(shell: Shell, running_agent: RunningAgent) -> None:
    target = shell.folder / "letters.jsonl"
    with running_agent(dead_letters=ConfigurationError("no")):
        assert shell.run("outbox", "export", str(target)).exit_code == 3

    assert not target.exists()


def test_what_is_in_flight_comes_with_why_it_waits(shell: Shell, running_agent: RunningAgent) -> None:
    batch = {
        "seq": 12, "stream": "aw/orders", "kind": "records", "count": 40, "bytes": 2048,
        "enqueued_at": "2026-01-05T12:00:00Z",
    }  # fmt: skip
    answer = {
        "batches": [batch],
        "next": 12,
        "why": {"code": "unreachable", "text": "nobody answers at the relay", "hint": "Open the firewall."},
        "held": {"crm": "no credits"},
        "waiting": {},
    }
    with running_agent(in_flight=answer):
        text = shell.run("outbox", "in-flight", "--limit", "1").stdout

    assert "12     aw/orders  records  40     2 KiB" in text
    assert "They wait: nobody answers at the relay" in text
    assert "What to do: Open the firewall." in text
    assert "The relay takes nothing of crm: no credits" in text
    assert "--after 12" in text
