"""The audit log searched: newest first, page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.audit.chain import Entry
from agent.audit.folder import FOLDER, log_files
from agent.audit.trail import Actor, Origin
from agent.calls.audit import AuditCalls
from agent.errors import ConfigurationError
from tests.unit.audit.keeping import QuickDisk, new_chain

BEGAN = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ANNA, BEN = Actor(Origin.LOCAL, "anna"), Actor(Origin.RELAY, "Ben")


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    chain = new_chain(tmp_path)
    for number in range(6):
        moment = BEGAN + timedelta(days=number)  # each in a file of its own
        actor, action = (ANNA, "local_action") if number % 2 else (BEN, "command_allowed")
        (chain.keep_house if chain.is_open else chain.open)(moment)
        chain.append([Entry(moment, action, actor, {"call": "sync", "number": number})])
    chain.checkpoint(moment)
    chain.close()
    return tmp_path


async def ask(state_dir: Path, call: str = "audit_lines", **args: Any) -> Any:
    return await AuditCalls(state_dir).handlers()[call](args, lambda _: None)


def numbers(answer: Any) -> list[int]:
    return [line["facts"]["number"] for line in answer["lines"] if "number" in line["facts"]]


async def test_the_newest_line_is_first_and_a_page_says_where_the_next_begins(state_dir: Path) -> None:
    seen, following = [], 0
    while following is not None:
        answer = await ask(state_dir, limit=2, before=following)
        assert len(answer["lines"]) <= 2
        seen += numbers(answer)
        following = answer["next"]

    assert seen == [5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ({"action": "local_action"}, [5, 3, 1]),
        ({"who": "ben"}, [4, 2, 0]),
        ({"who": "relay"}, [4, 2, 0]),
        ({"text": '"number": 3'}, [3]),
        ({"since": "2026-01-09"}, [5, 4]),
        ({"since": "2026-01-06", "until": "2026-01-08"}, [2, 1]),
        ({"who": "anna", "until": "2026-01-09T00:00:00+00:00"}, [3, 1]),
    ],
)
async def test_lines_are_found_by_who_what_when_and_text(
    state_dir: Path, args: dict[str, str], wanted: list[int]
) -> None:
    assert numbers(await ask(state_dir, **args)) == wanted


async def test_a_search_that_looked_at_enough_goes_on_behind_it(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.calls.audit.MAX_LOOKED", 3)

    first = await ask(state_dir, text='"number": 0')
    found, following = numbers(first), first["next"]
    while following is not None:
        answer = await ask(state_dir, text='"number": 0', before=following)
        found, following = found + numbers(answer), answer["next"]

    assert first["looked_at"] == 3
    assert found == [0]


async def test_a_moment_that_is_none_is_refused_by_name(state_dir: Path) -> None:
    with pytest.raises(ConfigurationError, match="since is written 2026-01-31"):
        await ask(state_dir, since="yesterday")


async def test_an_altered_line_is_found_and_the_head_is_shown(state_dir: Path) -> None:
    assert (await ask(state_dir, "audit_verify"))["ok"]
    assert (await ask(state_dir, "audit_head"))["n"] > 6
    folder = state_dir / FOLDER
    file = folder / log_files(QuickDisk(), folder)[2].name
    file.write_bytes(file.read_bytes().replace(b'"number":2', b'"number":9'))

    found = await ask(state_dir, "audit_verify")

    assert not found["ok"]
    assert found["faults"][0]["file"] == file.name
