"""What systemd hears, read from a real socket of its kind."""

from __future__ import annotations

import socket
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.service.notify import MAX_STATUS_CHARS, Manager, Nobody, Systemd, manager_of, watchdog_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is Linux's")


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(address)
        heard.settimeout(30)
        yield heard


def read(heard: socket.socket) -> list[str]:
    return heard.recv(65_536).decode().split("\n")


def everything(manager: Manager) -> None:
    manager.ready()
    manager.status("fine")
    manager.alive()
    manager.reloading(1.5)
    manager.needs(2.5)
    manager.stopping(30)


def test_each_message_is_one_datagram_as_sd_notify_has_it(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with listening(address) as heard:
        everything(manager_of({"NOTIFY_SOCKET": address}))

        assert [read(heard) for _ in range(6)] == [
            ["READY=1"],
            ["STATUS=fine"],
            ["WATCHDOG=1"],
            ["RELOADING=1", "MONOTONIC_USEC=1500000"],
            ["EXTEND_TIMEOUT_USEC=2500000"],
            ["STOPPING=1", "EXTEND_TIMEOUT_USEC=30000000"],
        ]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has an abstract namespace")
def test_a_socket_of_the_abstract_namespace_is_found() -> None:
    name = f"groundwire-{uuid.uuid4()}"
    with listening(f"\0{name}") as heard:
        manager_of({"NOTIFY_SOCKET": f"@{name}"}).ready()

        assert read(heard) == ["READY=1"]


def test_a_status_is_one_line_of_bounded_length_and_says_nothing_else_to_the_manager(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with listening(address) as heard:
        Systemd(address).status("a table\nMAINPID=1\r\n" + "x" * 10_000)

        (line,) = read(heard)

    assert line.startswith("STATUS=a table MAINPID=1 xxx")
    assert len(line) == len("STATUS=") + MAX_STATUS_CHARS


def test_a_manager_that_does_not_take_a_message_holds_nobody_up(tmp_path: Path) -> None:
    everything(Systemd(str(tmp_path / "nobody-here")))
    address = str(tmp_path / "full")
    with listening(address) as heard:
        manager = Systemd(address)
        for _ in range(5_000):  # more than a socket holds that nobody reads
            manager.status("x" * 400)

        assert read(heard) == ["STATUS=" + "x" * 400]


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative"])
def test_without_a_socket_of_this_machine_nobody_is_told(address: str) -> None:
    manager = manager_of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})

    assert isinstance(manager, Nobody)
    assert not manager.listens
    assert manager.watchdog_seconds is None
    everything(manager)


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "90000000"}, 90.0),
        ({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": "7"}, 90.0),
        ({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": "8"}, None),  # its parent's, or a child's
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
    ],
)
def test_the_watchdog_is_taken_from_what_systemd_says_of_this_process(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert watchdog_of(environ, 7) == seconds
    assert manager_of({**environ, "NOTIFY_SOCKET": "/run/x"}, 7).watchdog_seconds == seconds
