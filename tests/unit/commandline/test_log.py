from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from agent.clock import SystemClock
from agent.telemetry.files import RotatedFile
from tests.unit.commandline.conftest import RunningAgent, Shell

LINE = {
    "timestamp": "2026-01-05T12:00:00.5Z",
    "level": "warning",
    "event": "source_unavailable",
    "part": "sync",
    "connection": "erp",
    "code": "unreachable",
    "trace": "5a9c",
}


def page(*lines: dict[str, Any], before: str | None = None) -> dict[str, Any]:
    return {"lines": list(lines), "before": before, "after": "1:9", "gap": False, "folder": "x"}


def test_the_newest_lines_are_shown_as_a_person_reads_them(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(log=page(LINE)) as agent:
        done = shell.run("log", "tail", "-n", "5", "--level", "warning", "--connection", "erp")

    assert done.stdout == (
        "2026-01-05 12:00:00Z warning source_unavailable  connection=erp code=unreachable\n"
    )
    assert agent.calls == [("log", {"limit": 5, "level": "warning", "connection": "erp"})]


def test_with_json_each_line_is_a_document(shell: Shell, running_agent: RunningAgent) -> None:
    with running_agent(log=page(LINE, LINE)):
        done = shell.run("log", "tail", "--json")

    assert [json.loads(line) for line in done.stdout.splitlines()] == [LINE, LINE]


def test_a_search_goes_on_behind_a_page_until_it_has_enough(
    shell: Shell, running_agent: RunningAgent
) -> None:
    with running_agent(log=page(LINE, before="1:5")) as agent:
        done = shell.run("log", "search", "unreach", "--limit", "3", "--since", "2026-01-05")

    assert done.stdout.count("source_unavailable") == 3
    assert [args.get("before") for _, args in agent.calls] == [None, "1:5", "1:5"]
    assert agent.calls[0][1]["text"] == "unreach"
    assert agent.calls[0][1]["since"] == "2026-01-05T00:00:00+00:00"
    assert "--limit shows more" in done.stderr


def test_where_no_agent_runs_its_files_are_read(shell: Shell) -> None:
    file = RotatedFile(
        shell.state_dir / "log", SystemClock(), total_bytes=1024 * 1024, keep=timedelta(days=1)
    )
    file.write([json.dumps(LINE).encode()])
    file.close()

    assert "source_unavailable" in shell.run("log", "tail").stdout
    assert shell.run("log", "search", "nothing of it").stdout == ""


def test_a_moment_that_is_none_is_refused_with_what_would_be_one(shell: Shell) -> None:
    done = shell.run("log", "tail", "--since", "soonish")

    assert done.exit_code == 3
    assert "30m" in done.stderr


def test_a_level_is_changed_for_a_while(shell: Shell, running_agent: RunningAgent) -> None:
    answer = {
        "configured": "info",
        "changed": [{"name": "erp", "level": "debug", "seconds_left": 1800}],
        "parts": ["agent"],
    }
    with running_agent(log_level=answer, log_levels=answer) as agent:
        done = shell.run("log", "level", "erp", "debug", "--for", "30m")
        shell.run("log", "level", "sync", "debug", "--for", "300ms")
        shell.run("log", "level", "info")
        shell.run("log", "level")

    assert "erp: debug, for 1800 s more" in done.stdout
    assert agent.calls == [
        ("log_level", {"level": "debug", "seconds": 1800, "name": "erp"}),
        ("log_level", {"level": "debug", "seconds": 1, "name": "sync"}),  # and not for ever
        ("log_level", {"level": "info", "seconds": 0}),
        ("log_levels", {}),
    ]


def test_a_level_needs_no_third_word(shell: Shell) -> None:
    assert shell.run("log", "level", "a", "b", "c").exit_code == 2
