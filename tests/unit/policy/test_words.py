"""A policy in plain sentences."""

from __future__ import annotations

from typing import Any

from agent.policy.model import ConnectionRule, LeaveRule, Policy, PolicyFile, WriteRule
from agent.policy.words import ConnectionWords, words_of


def words(entities: tuple[str, ...] = ("vendor",), **rule: Any) -> ConnectionWords:
    policy = Policy(PolicyFile(connections={"erp": ConnectionRule.model_validate(rule)}))
    return words_of(policy, "erp", entities)


def text(words: ConnectionWords, what: str) -> str:
    return " ".join(sentence for said in getattr(words, what) for sentence in said.sentences)


def test_what_is_not_named_is_said_not_to_leave_and_not_to_be_written() -> None:
    found = words_of(Policy.nothing("no file"), "erp", ("vendor", "asset"))

    assert [(said.entity, said.allowed) for said in found.leave] == [("vendor", False), ("asset", False)]
    assert "Nothing leaves" in found.leave[0].sentences[0]
    assert found.write[0].sentences == ("Nothing may be written.",)
    assert "no command is taken" in found.commands[0]


def test_each_word_of_a_leave_rule_is_in_its_sentences() -> None:
    rule = LeaveRule.model_validate(
        {
            "fields": "all",
            "except": ("notes",),
            "mask": ("phone",),
            "hash": ("taxNumber",),
            "rows": {"country": ("DE", "AT")},
            "raw": True,
        }
    )
    said = text(words(leave={"vendor": rule}), "leave")

    for word in ("All fields", "notes", "***: phone", "hash", "taxNumber", "“DE” or “AT”", "source record"):
        assert word in said


def test_what_write_and_commands_say_together_is_told_as_one() -> None:
    rule = WriteRule.model_validate(
        {
            "operations": ("create", "update"),
            "fields": ("name",),
            "per_hour": 20,
            "max_amount": {"EUR": "10000.00"},
            "statuses": ("approved",),
        }
    )
    found = words(commands=("sync", "create"), write={"vendor": rule})

    said = text(found, "write")
    assert "may create records" in said
    assert "update would be allowed, but the commands of the connection do not name it" in said
    for word in ("name", "20 writes", "10000.00 EUR", "approved"):
        assert word in said
    assert found.write[0].allowed
    assert "It is refused" in found.commands[1]


def test_a_write_that_no_command_reaches_is_not_said_to_be_allowed() -> None:
    found = words(write={"vendor": WriteRule(operations=("create",))})

    assert not found.write[0].allowed
