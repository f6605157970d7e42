"""Where lines go beside the files: the journal in its native protocol, the Windows Event Log behind its port."""

from __future__ import annotations

import io
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from agent.clock import ManualClock
from agent.telemetry.event_log import (
    ERROR,
    FAULT,
    INFORMATION,
    NEEDS_PERSON,
    STARTED,
    STOPPED,
    WARNING,
    EventLogSink,
    WindowsEventLog,
    event_id_of,
)
from agent.telemetry.journal import JournalSink, leads_to_journal
from agent.telemetry.levels import Levels
from agent.telemetry.logging import Logs, configure_logging, install, stream_sink


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    """Where systemd listens: a datagram socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.settimeout(30)
        yield listening


@pytest.fixture
def logging_to() -> Iterator[Callable[..., None]]:
    """Everything logged goes to these sinks, which are closed behind the test."""
    made: list[Logs] = []
    yield lambda *sinks: made.append(install(Levels("info", ManualClock()), sinks))
    for logs in made:
        logs.close()


def received(journal: socket.socket) -> dict[str, str]:
    """The native protocol, read as systemd's page describes it."""
    data = journal.recv(1024 * 1024)
    fields: dict[str, str] = {}
    while data:
        head, _, data = data.partition(b"\n")
        name, equals, value = head.partition(b"=")
        if equals:
            fields[name.decode()] = value.decode()
            continue
        (size,) = struct.unpack("<Q", data[:8])
        fields[name.decode()] = data[8 : 8 + size].decode()
        assert data[8 + size : 9 + size] == b"\n"
        data = data[9 + size :]
    return fields


def test_a_line_reaches_the_journal_with_its_priority_and_its_fields(
    logging_to: Callable[..., None], journal: socket.socket, tmp_path: Path
) -> None:
    logging_to(JournalSink(io.StringIO(), tmp_path / "socket"))

    structlog.get_logger("agent.sync").warning("source_unavailable", connection="erp", code="unreachable")

    fields = received(journal)
    assert fields["MESSAGE"] == "source_unavailable connection=erp code=unreachable"
    assert (fields["PRIORITY"], fields["SYSLOG_IDENTIFIER"]) == ("4", "groundwire")
    assert fields["GROUNDWIRE_CONNECTION"] == "erp"
    assert fields["GROUNDWIRE_EVENT"] == "source_unavailable"


def test_a_traceback_s_lines_and_odd_names_survive_the_native_protocol(
    logging_to: Callable[..., None], journal: socket.socket, tmp_path: Path
) -> None:
    logging_to(JournalSink(io.StringIO(), tmp_path / "socket"))

    try:
        raise ValueError("what\nit said")
    except ValueError:
        structlog.get_logger().exception("broke", **{"odd=name\n": "x\ny"})

    fields = received(journal)
    assert "Traceback" in fields["GROUNDWIRE_EXCEPTION"]
    assert "\n" in fields["GROUNDWIRE_EXCEPTION"]
    assert fields["PRIORITY"] == "3"
    assert fields["GROUNDWIRE_ODD_NAME_N"] == "x\\ny"


def test_where_the_journal_does_not_take_it_the_line_goes_to_standard_error_with_its_priority(
    logging_to: Callable[..., None],
    tmp_path: Path,
) -> None:
    stream = io.StringIO()
    logging_to(JournalSink(stream, tmp_path / "nobody"))

    structlog.get_logger().error("storage_damaged")

    assert stream.getvalue() == "<3>storage_damaged\n"


def test_a_line_too_large_for_a_datagram_goes_to_standard_error(
    journal: socket.socket, tmp_path: Path
) -> None:
    stream = io.StringIO()
    sink = JournalSink(stream, tmp_path / "socket")
    sink.take({"event": "e", "level": "info", "more": "x" * 2_000_000})
    sink.close()

    assert stream.getvalue().startswith("<6>e more=xxx")


def test_the_journal_is_taken_only_where_this_very_stream_leads_there(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        there = os.fstat(stream.fileno())
        own = {"JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}"}

        assert leads_to_journal(stream, own)
        assert not leads_to_journal(stream, {"JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino + 1}"})
        assert not leads_to_journal(stream, {})
        assert not leads_to_journal(io.StringIO(), own)
        taken = stream_sink(stream, "auto", own)
        taken.close()
        assert isinstance(taken, JournalSink)
        assert not isinstance(stream_sink(stream, "json", own), JournalSink)


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_standard_error_that_takes_nothing_ends_nothing_and_the_other_places_have_the_line(
    logging_to: Callable[..., None],
) -> None:
    kept: list[Any] = []

    class Elsewhere:
        def take(self, event: Any) -> None:
            kept.append(event["event"])

        def close(self) -> None: ...

    logging_to(stream_sink(FullDisk(), "json", {}), Elsewhere())

    structlog.get_logger().info("agent_started")

    assert kept == ["agent_started"]


def test_a_number_that_json_has_no_word_for_spoils_no_line() -> None:
    stream = io.StringIO()
    configure_logging(format="json", stream=stream, environ={})

    structlog.get_logger().info("x", one=float("nan"), two=10**40)

    assert '"one": "nan"' in stream.getvalue()


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"event": "agent_started", "level": "info"}, STARTED),
        ({"event": "agent_stopped", "level": "info"}, STOPPED),
        ({"event": "stream_failed", "level": "warning", "code": "source_changed"}, NEEDS_PERSON),
        ({"event": "stream_failed", "level": "warning", "code": "unreachable"}, None),
        ({"event": "credentials_refused", "level": "warning"}, NEEDS_PERSON),
        ({"event": "stream_blocked", "level": "error"}, FAULT),
        ({"event": "run_finished", "level": "info", "code": "source_changed"}, None),
    ],
    ids=lambda value: str(value) if not isinstance(value, dict) else f"{value['event']}-{value.get('code')}",
)
def test_the_event_log_is_told_of_start_stop_and_what_needs_a_person(
    event: dict[str, str], expected: int | None
) -> None:
    assert event_id_of(event) == expected


class Library:
    """advapi32 as far as it is used."""

    def __init__(self) -> None:
        self.reported: list[tuple[Any, ...]] = []

    def RegisterEventSourceW(self, server: Any, source: str) -> int:
        assert (server, source) == (None, "Groundwire")
        return 77

    def ReportEventW(self, handle: int, kind: int, category: int, event_id: int, *rest: Any) -> int:
        _user, count, _size, texts, _data = rest
        self.reported.append((handle, kind, event_id, [texts[index] for index in range(count)]))
        return 1


def test_events_reach_the_windows_event_log_with_their_type_and_their_words(
    logging_to: Callable[..., None],
) -> None:
    library = Library()
    logging_to(EventLogSink(WindowsEventLog(library)))
    log = structlog.get_logger("agent.app")

    log.info("agent_started", connections=2)
    log.info("run_finished")
    log.warning("credentials_refused", connection="erp")
    log.error("stream_blocked")

    assert library.reported == [
        (77, INFORMATION, STARTED, ["agent_started connections=2"]),
        (77, WARNING, NEEDS_PERSON, ["credentials_refused connection=erp"]),
        (77, ERROR, FAULT, ["stream_blocked"]),
    ]
