"""docs/messages.md and `groundwire explain`: every message that there is, each with cause and remedy, and no other."""

from __future__ import annotations

import ast
import json
import re

import pytest
from click.testing import CliRunner

from agent.cli import main
from docs.generate import messages
from docs.generate.messages import (
    HERE,
    PAGE,
    REFERENCE,
    Entry,
    entries,
    errors,
    events,
    page_of,
    reference_of,
    sources,
)

AGAIN = "`make messages` writes it anew"


def described(entry: Entry) -> str:
    return f"{entry.kind}-{entry.code}"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == page_of(), AGAIN
    assert REFERENCE.read_text("utf-8") == reference_of(), AGAIN


def test_every_message_has_a_cause_and_a_remedy() -> None:
    lacking = [described(one) for one in entries() if not one.cause or not one.remedy]

    assert lacking == [], f"say them in {HERE.name}/*.toml, then {AGAIN}"


@pytest.mark.parametrize(("name", "known"), [("errors", errors), ("events", events)])
def test_no_text_is_about_what_is_not_there_any_more(name: str, known: object) -> None:
    assert set(messages.texts(name)) - set(known()) == set()  # type: ignore[operator]


def test_every_error_is_raised_somewhere() -> None:
    called, raised = set(), set()
    for path in sources():
        for node in ast.walk(messages.parsed(path)):
            if isinstance(node, ast.Call):
                called.add(ast.unparse(node.func).rpartition(".")[2])
            elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name):
                raised.add(node.exc.id)
    never = {
        code for code, kinds in errors().items() if not {kind.__name__ for kind in kinds} & (called | raised)
    }

    assert never == set()


def test_every_error_says_what_to_do_also_where_nobody_thought_of_it() -> None:
    silent = {kind.__name__ for kinds in errors().values() for kind in kinds if not kind.default_hint}

    assert silent == {"GroundwireError"}  # of all others the common kind


@pytest.mark.parametrize("name", ["commands", "health"])
def test_codes_that_are_no_classes_are_in_the_code(name: str) -> None:
    text = "\n".join(path.read_text("utf-8") for path in sources())

    assert {code for code in messages.texts(name) if f'"{code}"' not in text} == set()


def test_every_message_is_written_in_one_voice() -> None:
    odd = {
        described(one)
        for one in entries()
        for sentence in (one.cause, one.remedy)
        if re.search(
            r"\b(please try|unfortunately|sorry|oops|fatal|illegal|abort|invalid user|you must|just|simply|utilize|e\.g\.|i\.e\.|(?<!/)etc(?!/))\b",
            sentence,
            re.IGNORECASE,
        )
        or "!" in sentence
        or not re.match(r"[A-Z`]|[\w/]+[./]", sentence)
    }

    assert odd == set()


def explained(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["explain", *words])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    "code", sorted({one["code"] for one in json.loads(REFERENCE.read_text("utf-8"))})[::23]
)
def test_a_code_is_explained(code: str) -> None:
    exit_code, said = explained(code)

    assert exit_code == 0
    for entry in entries():
        if entry.code == code:
            assert entry.remedy in said


def test_a_code_with_several_meanings_shows_all() -> None:
    assert explained("credentials_refused")[1].count("What to do:") == 2
    assert "exit code 4" in explained("credentials_refused")[1]
    assert "Retry-After" in explained("429")[1]


def test_a_code_that_is_not_there_names_those_that_are_near() -> None:
    exit_code, said = explained("storage_ful")

    assert exit_code == 2
    assert "storage_full" in said


def test_all_codes_are_listed() -> None:
    done = CliRunner().invoke(main, ["explain", "--json"])

    assert {one["code"] for one in json.loads(done.stdout)["entries"]} == {one.code for one in entries()}
