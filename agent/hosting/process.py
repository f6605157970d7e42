"""One child process: its pipes, its frames and its end. Driven by callbacks of the event loop, so it has no tasks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from functools import partial
from typing import Any, Final, cast

import psutil
import structlog
from structlog.contextvars import get_contextvars

from agent.clock import Clock
from agent.hosting.environment import child_environment
from agent.hosting.limits import HostingLimits
from agent.hosting.output import LineReporter, Redactor
from agent.hosting.upcalls import Upcalls
from agent.hosting.wire import Frame, FrameAssembler, WireFault, encode_head

STDIN, STDOUT, STDERR = 0, 1, 2
PIPE_BYTES: Final = (
    1024 * 1024
)  # what an unprivileged process may ask for; at 64 KiB a page takes 150 wake-ups
F_SETPIPE_SZ: Final = 1031  # linux/fcntl.h

log = structlog.get_logger(__name__)


class ChildEnded(Exception):
    """The process is over; the sentence says how, in terms of an operator."""


class ChildProcess(asyncio.SubprocessProtocol):
    """The agent's end of one child. `request` sends, `next_frame` waits for an answer and watches meanwhile."""

    def __init__(
        self, name: str, *, limits: HostingLimits, clock: Clock, redact: Redactor, upcalls: Upcalls
    ) -> None:
        self._log = log.bind(connection=name)
        self._upcalls = upcalls
        self._works_for: dict[str, Any] = {}
        self._limits = limits
        self._clock = clock
        self._assembler = FrameAssembler()
        self._frames: deque[Frame] = deque()
        self._news = asyncio.Event()
        self._exited = asyncio.Event()
        self._lost = asyncio.Event()
        self._verdict = ""
        self._garbled = False
        self._output_ended = False
        self._memory_due = 0.0
        self._process: psutil.Process | None = None
        self._lines = LineReporter(
            redact,
            lambda line: self._log_output("driver_printed", line=line),
            lambda count: self._log_output("driver_output_suppressed", lines=count),
        )

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        limits: HostingLimits,
        clock: Clock,
        redact: Redactor,
        upcalls: Upcalls,
    ) -> ChildProcess:
        def make() -> ChildProcess:
            return cls(name, limits=limits, clock=clock, redact=redact, upcalls=upcalls)

        try:
            _, protocol = await asyncio.get_running_loop().subprocess_exec(
                make, *command, env=child_environment(os.environ), **_own_group()
            )
        except (OSError, ValueError) as error:
            raise ChildEnded(f"could not be started: {type(error).__name__}") from error
        return protocol

    # What the event loop reports.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)
        with contextlib.suppress(psutil.NoSuchProcess):  # ended meanwhile; Windows keeps nothing of it
            self._process = psutil.Process(self._transport.get_pid())
        _widen(self._transport.get_pipe_transport(STDOUT))

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        raw = data.encode() if isinstance(data, str) else bytes(data)  # a bytearray where Windows' loop reads
        if fd == STDERR:
            self._lines.feed(raw, self._clock.monotonic())
            return
        if self._garbled:
            return
        try:
            for frame in self._assembler.feed(raw):
                if "upcall" in frame.header:
                    self._upcalls.take(frame.header, self.request)
                else:
                    self._frames.append(frame)
        except WireFault as fault:
            self._garbled = True
            self.kill(f"sent {fault}")
        if (
            len(self._frames) > 1
        ):  # one page ahead leaves the pipe open: what it asks of us comes through it too
            self._pause()
        self._news.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - the loop passes it by name
        if fd == STDOUT:
            self._output_ended = True
        elif fd == STDERR:
            self._lines.close(self._clock.monotonic())
        self._news.set()

    def process_exited(self) -> None:
        self._exited.set()
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop passes it by name
        self.release()
        self._upcalls.child_ended()  # everything that it wrote has been read
        self._lost.set()

    # What the agent asks for.

    @property
    def pid(self) -> int:
        return self._transport.get_pid()

    @property
    def ended(self) -> bool:
        return self._exited.is_set()

    def _log_output(self, event: str, **facts: Any) -> None:
        """A line for what the child does just now, whatever the loop's callback was begun in."""
        Context().run(partial(self._log.info, event, **{**self._works_for, **facts}))

    def request(self, header: Mapping[str, Any]) -> None:
        self._works_for = get_contextvars()  # the run or the command that asks
        pipe = cast("asyncio.WriteTransport | None", self._transport.get_pipe_transport(STDIN))
        if pipe is not None and not pipe.is_closing():
            pipe.write(encode_head(header))  # a child that is gone is noticed by the wait for its answer

    async def next_frame(self, *, silence_seconds: float, silence: Callable[[float], str]) -> Frame:
        """The next frame, or ChildEnded: crashed, silent for too long (then `silence` words it), grown too large."""
        began = self._clock.monotonic()
        while not self._frames:
            if self._output_ended or (self.ended and self._verdict):
                await self._raise_ended()
            self._look(began, silence_seconds, silence)
            self._resume()
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.look_seconds):
                    await self._news.wait()
        return self._frames.popleft()

    def kill(self, verdict: str) -> None:
        self._verdict = self._verdict or verdict
        with contextlib.suppress(ProcessLookupError):
            self._transport.kill()

    def release(self) -> None:
        """Close the pipes. Kills the process if it still runs."""
        self._transport.close()

    def kill_once_safe(self, verdict: str) -> None:
        """Kill at once; but where it is about to hand a rotated secret over, let it do that first."""
        if not self._upcalls.rotating:
            self.kill(verdict)
            return
        self._verdict = self._verdict or verdict
        asyncio.get_running_loop().call_later(self._limits.stop_seconds, self.kill_if_alive)
        self.end_softly()

    def kill_if_alive(self) -> None:
        if not self.ended:
            self.kill("did not end when asked to")

    def end_softly(self) -> None:
        """Ask the child to sign off and go. Returns at once; `wait_ended` or `kill` follows."""
        self.request({"id": 0, "op": "close"})
        pipe = self._transport.get_pipe_transport(STDIN)
        if pipe is not None:
            pipe.close()
        self._frames.clear()
        self._resume()

    async def wait_ended(self) -> None:
        """Wait for the end, and see to it when it does not come by itself."""
        try:
            async with asyncio.timeout(self._limits.stop_seconds):
                await self._exited.wait()
        except TimeoutError:
            self.kill("did not end when asked to")
            await self._exited.wait()
        finally:
            self.release()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.stop_seconds):
                await self._lost.wait()  # the loop tells of it a little later than of the process' end
        await self._upcalls.settled()

    # Watching.

    def _look(self, began: float, silence_seconds: float, silence: Callable[[float], str]) -> None:
        now = self._clock.monotonic()
        if now - began >= silence_seconds:
            self.kill(silence(silence_seconds))
        if now < self._memory_due:
            return
        self._memory_due = now + self._limits.look_seconds
        if self._process is None:
            return
        with contextlib.suppress(psutil.Error):  # it has just ended, which the next turn reports
            resident = self._process.memory_info().rss
            if resident > self._limits.resident_bytes:
                self.kill(
                    f"grew to {_mib(resident)} MiB of memory, past its limit of {_mib(self._limits.resident_bytes)} MiB,"
                )

    async def _raise_ended(self) -> None:
        if not self.ended:
            await self.wait_ended()
        self.release()
        if self._verdict:
            raise ChildEnded(f"{self._verdict} and was ended")
        cut = " in the middle of an answer" if self._assembler.midway else ""
        raise ChildEnded(f"ended unexpectedly{cut}: {describe_exit(self._transport.get_returncode())}")

    def _pause(self) -> None:
        """Leave further bytes in the pipe until the frame at hand is taken: the child's write waits, memory does not grow."""
        pipe = cast("asyncio.ReadTransport | None", self._transport.get_pipe_transport(STDOUT))
        if pipe is not None and not pipe.is_closing():
            pipe.pause_reading()

    def _resume(self) -> None:
        pipe = cast("asyncio.ReadTransport | None", self._transport.get_pipe_transport(STDOUT))
        if pipe is not None and not pipe.is_closing():
            pipe.resume_reading()


def describe_exit(code: int | None) -> str:
    if code is None:
        return "it could not be said how"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {-code} ({signal.Signals(-code).name})"
        return f"signal {-code}"
    return f"exit code 0x{code:08X}" if code > 0xFFFF else f"exit code {code}"  # noqa: PLR2004 - Windows faults


def _own_group() -> dict[str, Any]:
    """Keep Ctrl-C for the agent, which then ends its children in order."""
    if sys.platform == "win32":
        import subprocess  # noqa: PLC0415 - for a constant that exists on Windows only

        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {}


def _widen(pipe: asyncio.BaseTransport | None) -> None:
    if sys.platform == "linux" and pipe is not None:
        import fcntl  # noqa: PLC0415 - exists on Unix only

        with contextlib.suppress(OSError):  # the user's share of pipe memory is used up: slower, not wrong
            fcntl.fcntl(pipe.get_extra_info("pipe").fileno(), F_SETPIPE_SZ, PIPE_BYTES)


def _mib(size: int) -> int:
    return size // (1024 * 1024)
