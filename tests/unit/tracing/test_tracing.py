"""Payload tracing: only on the word of another user of the host, bounded, without secrets, and never in the way."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import secrets
from agent.audit.trail import Actor
from agent.clock import ManualClock
from agent.errors import AuditUnavailable, ConfigurationError
from agent.protocol.frames import Command
from agent.secrets import Secret
from agent.tracing import file as trace_file
from agent.tracing.order import FileFacts, judge
from agent.tracing.tracing import TRACE_FILE, TracedCommands, TracedOutbox, Tracing
from tests.unit.outbox.making import entry

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
OTHER = 65_533
GOOD = 'connections = ["erp"]\nuntil = 2026-01-05T14:00:00Z\n'
FACTS = FileFacts(owner=OTHER, mode=stat.S_IFREG | 0o644, modified=NOW - timedelta(hours=1))

needs_two_users = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="needs root, to give a file to another user"
)


def judged(
    text: str = GOOD, *, owner: int = OTHER, mode: int = stat.S_IFREG | 0o644, age: float = 1.0
) -> Any:
    facts = FileFacts(owner, mode, NOW - timedelta(hours=age))
    return judge(facts, text, now=NOW, own_user=1000, known=["erp", "crm"], where="/etc/gw/trace.toml")


def test_a_file_of_another_user_that_names_connections_and_an_end_is_followed() -> None:
    order = judged()

    assert order.connections == ("erp",)
    assert order.until == datetime(2026, 1, 5, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"owner": 1000}, "the agent's own user"),
        ({"mode": stat.S_IFREG | 0o664}, "others than its owner"),
        ({"mode": stat.S_IFREG | 0o646}, "others than its owner"),
        ({"mode": stat.S_IFDIR | 0o755}, "not a plain file"),
        ({"age": -1.0}, "in the future"),
        ({"age": 23.0}, "more than 24 hours"),
        ({"text": 'connections = ["erp"]\n'}, "no moment"),
        ({"text": 'connections = ["erp"]\nuntil = 2026-01-05T14:00:00\n'}, "no moment"),
        ({"text": 'connections = ["erp"]\nuntil = "2026-01-05T14:00:00Z"\n'}, "no moment"),
        ({"text": "connections = []\nuntil = 2026-01-05T14:00:00Z\n"}, "names no connections"),
        ({"text": 'connections = "erp"\nuntil = 2026-01-05T14:00:00Z\n'}, "names no connections"),
        ({"text": 'connections = ["*"]\nuntil = 2026-01-05T14:00:00Z\n'}, "no connection"),
        ({"text": 'connections = ["ERP"]\nuntil = 2026-01-05T14:00:00Z\n'}, "no connection"),
        ({"text": GOOD + "secrets = true\n"}, "no setting named 'secrets'"),
        ({"text": "connections = ["}, "not TOML"),
    ],
)
def test_everything_else_is_refused_with_a_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        judged(**change)

    assert caught.value.hint


class Trail:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, Mapping[str, Any]]] = []
        self.down = False

    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        if self.down:
            raise AuditUnavailable
        self.lines.append((action, actor.name, facts))

    async def happened(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        self.lines.append((action, actor.name, facts))

    def told(self) -> list[str]:
        return [action for action, _, _ in self.lines]


class Place:
    """A host on which another user than the agent's may write trace.toml."""

    def __init__(self, folder: Path) -> None:
        self.config, self.state = folder / "config", folder / "state"
        self.config.mkdir()
        self.trail, self.clock = Trail(), ManualClock(NOW)
        self.tracing = Tracing(self.config, self.state, self.trail, self.clock, lambda: ["erp", "crm"])

    def order(self, text: str = GOOD, *, owner: int = OTHER, saved: datetime = NOW) -> Path:
        path = self.config / TRACE_FILE
        path.write_text(text)
        path.chmod(0o644)
        os.chown(path, owner, owner)
        os.utime(path, (saved.timestamp(), saved.timestamp()))
        return path

    def traced(self) -> list[dict[str, Any]]:
        return [json.loads(line) for path in self.files() for line in path.read_bytes().splitlines()]

    def files(self) -> list[Path]:
        return sorted((self.state / "trace").glob("*.jsonl"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@needs_two_users
async def test_what_is_named_is_traced_until_the_end_and_both_ends_are_audited(place: Place) -> None:
    await place.tracing.look()
    assert place.tracing.status()["state"] == "off"
    place.order()
    await place.tracing.look()
    await place.tracing.write("erp", "records", lambda: {"x": 1})
    await place.tracing.write("crm", "records", lambda: {"x": 2})
    assert place.tracing.status()["state"] == "on"
    place.clock.advance(2 * 3600 + 1)
    assert not place.tracing.wants("erp")

    await place.tracing.look()
    await place.tracing.write("erp", "records", lambda: {"x": 3})

    assert [line["content"] for line in place.traced()] == [{"x": 1}]
    assert place.tracing.status()["state"] == "off"
    assert place.trail.told() == ["trace_started", "trace_ended"]
    assert place.trail.lines[0][1] == f"uid {OTHER}"
    assert place.trail.lines[1][2]["because"] == "until"
    assert place.files()[0].stat().st_mode & 0o777 == 0o600
    assert place.files()[0].parent.stat().st_mode & 0o777 == 0o700


@needs_two_users
async def test_a_file_that_is_taken_away_ends_the_trace(place: Place) -> None:
    path = place.order()
    await place.tracing.look()
    path.unlink()

    await place.tracing.look()

    assert not place.tracing.wants("erp")
    assert place.trail.lines[-1][2]["because"] == "file_gone"


@needs_two_users
async def test_a_file_of_the_agents_own_user_is_refused_told_of_once_and_seen_in_the_status(
    place: Place,
) -> None:
    place.order(owner=os.geteuid())
    for _ in range(3):
        await place.tracing.look()

    assert place.trail.told() == ["trace_refused"]
    status = place.tracing.status()
    assert status["state"] == "refused"
    assert "agent's own user" in status["error"]["message"]
    assert not place.tracing.wants("erp")


@needs_two_users
async def test_a_link_to_a_good_file_is_refused(place: Place) -> None:
    path = place.order()
    path.rename(place.config / "elsewhere.toml")
    path.symlink_to(place.config / "elsewhere.toml")

    await place.tracing.look()

    assert place.tracing.status()["state"] == "refused"


@needs_two_users
async def test_nothing_is_traced_that_the_audit_log_does_not_know_of(place: Place) -> None:
    place.order()
    place.trail.down = True
    await place.tracing.look()
    assert not place.tracing.wants("erp")
    place.trail.down = False

    await place.tracing.look()

    assert place.tracing.wants("erp")


@needs_two_users
async def test_a_full_trace_stops_and_says_so_and_goes_on_when_the_file_is_saved_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "agent.tracing.tracing.TraceFile", lambda *args: trace_file.TraceFile(*args, max_bytes=1_000)
    )
    place.order()
    await place.tracing.look()
    for number in range(100):
        await place.tracing.write("erp", "records", lambda number=number: {"number": number})
    await place.tracing.look()

    assert place.files()[0].stat().st_size <= 1_000
    assert place.tracing.status()["state"] == "full"
    assert place.trail.lines[-1][2]["because"] == "full"
    place.clock.advance(10)
    place.order(saved=NOW + timedelta(seconds=10))
    await place.tracing.look()
    assert place.tracing.wants("erp")


@needs_two_users
async def test_a_restart_makes_no_room_for_more_of_the_same_trace(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "agent.tracing.tracing.TraceFile", lambda *args: trace_file.TraceFile(*args, max_bytes=1_000)
    )
    place.order()
    for _ in range(3):
        place.clock.advance(10)
        tracing = Tracing(place.config, place.state, place.trail, place.clock, lambda: ["erp"])
        await tracing.look()
        for number in range(100):
            await tracing.write("erp", "records", lambda number=number: {"number": number})
        await tracing.look()

    assert sum(path.stat().st_size for path in place.files()) <= 1_000


@needs_two_users
async def test_no_secret_is_in_a_trace(place: Place) -> None:
    secrets.REDACTION.learn(Secret('s3cret "word"'))
    place.order()
    await place.tracing.look()

    await place.tracing.write("erp", "command", lambda: {"text": 's3cret "word"', "secret": Secret("other")})

    assert place.traced()[0]["content"] == {"text": "***", "secret": "***"}


@needs_two_users
async def test_traces_are_removed_after_a_week(place: Place) -> None:
    place.order()
    await place.tracing.look()
    await place.tracing.write("erp", "records", dict)
    path = place.files()[0]
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))

    place.clock.advance(7 * 86_400 - 10)
    await place.tracing.look()
    assert path.exists()
    place.clock.advance(20)
    await place.tracing.look()

    assert not path.exists()
    assert place.trail.told()[-1] == "trace_removed"


class Sink:
    def __init__(self) -> None:
        self.handled: list[str] = []

    async def handle(self, command: Command) -> None:
        self.handled.append(command.id)

    async def result_acked(self, command: str, state: str) -> None:
        self.handled.append(f"{command} {state}")


@needs_two_users
async def test_commands_and_their_results_are_traced_with_their_connection_alone(place: Place) -> None:
    sink = Sink()
    commands = TracedCommands(sink, place.tracing)
    place.order()
    await place.tracing.look()
    for number, connection in enumerate(("erp", "crm")):
        await commands.handle(Command(f"c{number}", "create", {"connection": connection, "record": {}}, NOW))
        await commands.result(f"c{number}", "succeeded", {"key": "7"})
    await commands.result_acked("c0", "succeeded")

    assert sink.handled == ["c0", "c1", "c0 succeeded"]
    assert [(line["what"], line["content"]["id"]) for line in place.traced()] == [
        ("command", "c0"),
        ("result", "c0"),
    ]


@needs_two_users
async def test_what_goes_into_the_outbox_is_traced_and_goes_on(place: Place) -> None:
    class Outbox:
        damaged = 0

        async def append(self, entry: Any) -> tuple[int, ...]:
            return (7,)

    outbox: Any = TracedOutbox(Outbox(), place.tracing)  # type: ignore[arg-type]
    assert await outbox.append(entry(b"x", stream="erp/orders")) == (7,)
    place.order()
    await place.tracing.look()

    assert await outbox.append(entry(b"not a payload", stream="erp/orders")) == (7,)
    assert outbox.damaged == 0
    assert [line["content"]["stream"] for line in place.traced()] == ["erp/orders"]
