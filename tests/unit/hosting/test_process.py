"""What the event loop hands to a child's end: each platform's loop has its own kind of bytes."""

from __future__ import annotations

import asyncio
import os
from unittest.mock import Mock

from agent.clock import ManualClock
from agent.hosting.limits import HostingLimits
from agent.hosting.process import STDERR, STDOUT, ChildProcess
from agent.hosting.upcalls import Keeper, Upcalls
from agent.hosting.wire import encode_head


class Transport(asyncio.SubprocessTransport):
    def get_pipe_transport(self, fd):
        return None

    def get_pid(self):
        return os.getpid()


async def test_the_bytearrays_that_windows_reads_are_frames_too():
    child = ChildProcess(
        "box",
        limits=HostingLimits(),
        clock=ManualClock(),
        redact=str,
        upcalls=Upcalls(Mock(spec=Keeper), str),
    )
    child.connection_made(Transport())

    child.pipe_data_received(STDERR, bytearray(b"a line\n"))
    child.pipe_data_received(STDOUT, bytearray(encode_head({"id": 1}, 4) + b"body"))

    frame = await child.next_frame(silence_seconds=1, silence=str)
    assert (frame.header, frame.body.to_pybytes()) == ({"id": 1}, b"body")
