"""What the event loop hands to a child's end: each platform's loop has its own kind of bytes."""

from __future__ import annotations

import asyncio
import os
from unittest.mock import Mock

import pytest

from agent.clock import ManualClock
from agent.hosting.limits import HostingLimits
from agent.hosting.process import STDERR, STDOUT, ChildEnded, ChildProcess
from agent.hosting.upcalls import Keeper, Upcalls
from agent.hosting.wire import encode_head

NO_PROCESS = 2**31 - 1  # beyond what a system numbers


class Transport(asyncio.SubprocessTransport):
    def get_pipe_transport(self, fd):
        return None

    def __init__(self, pid):
        super().__init__()
        self._pid = pid

    def get_pid(self):
        return self._pid

    def get_returncode(self):
        return 1

    def close(self):
        pass


def child_of_the_agent() -> ChildProcess:
    return ChildProcess(
        "box",
        limits=HostingLimits(),
        clock=ManualClock(),
        redact=str,
        upcalls=Upcalls(Mock(spec=Keeper), str),
    )


async def test_the_bytearrays_that_windows_reads_are_frames_too():
    child = child_of_the_agent()
    child.connection_made(Transport(os.getpid()))

    child.pipe_data_received(STDERR, bytearray(b"a line\n"))
    child.pipe_data_received(STDOUT, bytearray(encode_head({"id": 1}, 4) + b"body"))

    frame = await child.next_frame(silence_seconds=1, silence=str)
    assert (frame.header, frame.body.to_pybytes()) == ({"id": 1}, b"body")


async def test_a_process_that_is_gone_when_the_agent_hears_of_it_is_one_that_ended():
    child = child_of_the_agent()
    child.connection_made(Transport(NO_PROCESS))
    child.pipe_connection_lost(STDOUT, None)
    child.process_exited()

    with pytest.raises(ChildEnded, match="ended unexpectedly"):
        await child.next_frame(silence_seconds=1, silence=str)
