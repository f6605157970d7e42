"""A connection's driver as the rest of the agent sees it: the same verbs, in another process.

Whatever happens over there (an error, a crash, a hang, memory without end, nonsense on the pipe) comes out here as an
error of this connection alone. The child is started by the first call, ended after an idle time, and started again by
the call after that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import structlog

from agent.clock import Clock
from agent.errors import CredentialsRefused, DriverCrashed, GroundwireError
from agent.hosting.codec import from_plain, to_plain
from agent.hosting.environment import child_command
from agent.hosting.failures import translate
from agent.hosting.limits import HostingLimits
from agent.hosting.output import Redactor
from agent.hosting.pages import PageCheck, decode_page
from agent.hosting.process import ChildEnded, ChildProcess
from agent.hosting.upcalls import Keeper, NoKeeper, Upcalls
from agent.hosting.wire import Frame, WireFault
from drivers.contract import (
    Catalogue,
    CheckStep,
    Column,
    Description,
    HopCertificate,
    Mark,
    Operation,
    Outcome,
    Page,
    ReadPlan,
    ReadRequest,
    StreamSpec,
    WriteCommand,
)

log = structlog.get_logger(__name__)

DEFAULT_LIMITS: Final = HostingLimits()


class HostedDriver:
    """One connection's driver in a child process of its own.

    One call at a time: a second one waits for the first, and a read is one call until its iterator is exhausted or
    closed. So never call another verb of the same object from inside a read.
    """

    def __init__(
        self,
        name: str,
        driver: str,
        options: Mapping[str, Any],
        secrets: Mapping[str, str],
        limits: HostingLimits = DEFAULT_LIMITS,
        *,
        clock: Clock,
        keeper: Keeper | None = None,
        on_refused: Callable[[CredentialsRefused], None] = lambda _: None,
        on_accepted: Callable[[], None] = lambda: None,
        on_certificates: Callable[[Sequence[HopCertificate]], None] = lambda _: None,
        rows_per_call: int | None = None,
        credentials_hint: str = "",
        child_command: Sequence[str] = (),
    ) -> None:
        """`secrets` holds revealed values; each new child is opened with those it holds then.

        `keeper` stores what the source rotates. `on_refused` is told of each refusal, and `on_accepted` of each check
        that found the way to the source open, `on_certificates` of what the hops have shown. `rows_per_call` bounds every read, whoever asks. `credentials_hint` follows the hint of
        each refusal: a driver does not know where its secrets come from. `child_command` replaces the child's program, and is for tests alone.
        """
        self._name = name
        self._opening = {"driver": driver, "connection": name, "options": to_plain(options)}
        self._secrets = secrets
        self._keeper = keeper or NoKeeper()
        self._on_refused = on_refused
        self._on_accepted = on_accepted
        self._on_certificates = on_certificates
        self._redact = Redactor(secrets.values())
        self._limits = limits
        self._rows_per_call = rows_per_call
        self._credentials_hint = credentials_hint
        self._clock = clock
        self._command = tuple(child_command)
        self._log = log.bind(connection=name, driver=driver)
        self._turn = asyncio.Lock()
        self._child: ChildProcess | None = None
        self._leaving: list[ChildProcess] = []
        self._idle_timer: asyncio.TimerHandle | None = None
        self._number = 0
        self._closed = False
        self._crash = ""  # the one that was told of last, with nothing answered since

    @property
    def name(self) -> str:
        return self._name

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return None if self._child is None or self._child.ended else self._child.pid

    async def start(self) -> None:
        """Start the child now instead of with the first call; raises what opening the driver raises."""
        async with self._call_slot():
            await self._running_child()

    async def describe(self) -> Description:
        return await self._ask(Description, "describe")

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]:
        told: Sequence[CheckStep] = await self._ask(Sequence[CheckStep], "check", streams=streams)
        steps = tuple(
            replace(step, detail=self._redact(step.detail), hint=self._with_cure(step.code, step.hint))
            for step in told
        )
        refused = next((step for step in steps if step.code == CredentialsRefused.code), None)
        if refused is not None:
            self._on_refused(CredentialsRefused(refused.detail, where=self._name, hint=refused.hint))
        elif all(step.ok for step in steps if not step.stream):
            self._on_accepted()
        return steps

    async def discover(self) -> Catalogue:
        return await self._ask(Catalogue, "discover")

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        return await self._ask(Mark | None, "signpost", stream=stream)

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        return await self._ask(Sequence[Column], "columns", stream=stream)

    async def plan(self, request: ReadRequest) -> ReadPlan:
        plan: ReadPlan = await self._ask(ReadPlan, "plan", request=self._bounded(request))
        return replace(plan, notes=tuple(map(self._redact, plan.notes)))

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        return await self._ask(Sequence[Operation], "operations", streams=streams)

    async def execute(self, command: WriteCommand) -> Outcome:
        return self._clean(await self._ask(Outcome, "execute", command=command))

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        found: Outcome | None = await self._ask(Outcome | None, "find_effect", command=command)
        return None if found is None else self._clean(found)

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        """Pages as they are asked for; the child fetches one ahead, no more. Close the iterator to stop early."""
        request = self._bounded(request)
        async with self._call_slot():
            child, number = await self._send("read", request=request)
            check = PageCheck(request)
            at_rest = False
            try:
                while True:
                    frame = await self._answer(child, number)
                    if "page" not in frame.header:
                        at_rest = True
                        raise self._failure(frame) or self._crashed("ended a read before its last page")
                    page = self._accept(check, frame)
                    if page.complete:
                        self._crash = ""
                        await self._finish_read(child, number)
                        at_rest = True
                    else:
                        child.request({"id": number, "op": "more"})
                    yield page
                    if page.complete:
                        self._crash = ""
                        return
            finally:
                if not at_rest:
                    await self._stop_read(child, number)

    async def aclose(self) -> None:
        """End the child. May be called at any time and any number of times; a call under way fails."""
        self._closed = True
        self._disarm_idle_timer()
        self._dismiss()
        while self._leaving:
            await self._leaving.pop().wait_ended()

    def _bounded(self, request: ReadRequest) -> ReadRequest:
        most = self._rows_per_call
        if most is None:
            return request
        # A driver asks for one row more than a page, to see whether there is another.
        return replace(request, page_rows=min(request.page_rows, max(1, most - 1)), call_rows=most)

    # One call.

    @contextlib.asynccontextmanager
    async def _call_slot(self) -> AsyncIterator[None]:
        async with self._turn:
            self._disarm_idle_timer()
            try:
                yield
            finally:
                self._arm_idle_timer()

    async def _ask(self, kind: Any, verb: str, **arguments: Any) -> Any:
        async with self._call_slot():
            child, number = await self._send(verb, **arguments)
            frame = await self._answer_or_kill(child, number)
            failure = self._failure(frame)
            if failure is not None:
                raise failure
            try:
                return from_plain(kind, frame.header["value"])
            except WireFault as fault:
                raise self._broken_promise(child, fault) from fault

    async def _send(self, verb: str, **arguments: Any) -> tuple[ChildProcess, int]:
        child = await self._running_child()
        self._number += 1
        header = {
            "id": self._number,
            "op": verb,
            "arguments": {name: to_plain(value) for name, value in arguments.items()},
        }
        child.request(header)
        return child, self._number

    async def _answer_or_kill(self, child: ChildProcess, number: int) -> Frame:
        """The one answer of a verb. A caller that gives up leaves no way to say so to the driver but its end."""
        try:
            answer = await self._answer(child, number)
        except asyncio.CancelledError:
            self._forget(child, "was still busy when its caller gave up")
            raise
        self._crash = ""
        return answer

    async def _answer(self, child: ChildProcess, number: int, *, seconds: float | None = None) -> Frame:
        limit = self._limits.seconds_without_page if seconds is None else seconds
        try:
            frame = await child.next_frame(
                silence_seconds=limit, silence=lambda waited: f"gave no answer for {waited:g} s"
            )
        except ChildEnded as end:
            self._child = None
            raise self._crashed(str(end)) from end
        if frame.header.get("id") != number:
            fault = WireFault("an answer to another request")
            raise self._broken_promise(child, fault) from fault
        if "certificates" in frame.header:
            self._note_certificates(child, frame.header["certificates"])
        return frame

    def _note_certificates(self, child: ChildProcess, told: Any) -> None:
        try:
            certificates = _certificates_of(told)
        except WireFault as fault:
            raise self._broken_promise(child, fault) from fault
        self._on_certificates(certificates)

    def _accept(self, check: PageCheck, frame: Frame) -> Page:
        child = self._child
        try:
            return check.accept(decode_page(frame.header["page"], frame.body))
        except WireFault as fault:
            raise self._broken_promise(child, fault) from fault

    async def _finish_read(self, child: ChildProcess, number: int) -> None:
        """After the last page the driver cleans up; what goes wrong there does not undo the pages."""
        try:
            frame = await self._answer(child, number)
        except DriverCrashed as crash:  # told already, and the next call starts another
            self._log.warning("read_ended_untidily", error=crash.code)
            return
        if "page" in frame.header:
            fault = WireFault("a page after the last one")
            raise self._broken_promise(child, fault) from fault
        failure = self._failure(frame)
        if failure is not None:
            self._log.warning("read_ended_untidily", error=failure.code)

    async def _stop_read(self, child: ChildProcess, number: int) -> None:
        if child is not self._child:
            return  # ended already, which is why the read is over
        child.request({"id": number, "op": "stop"})
        try:
            while "page" in (await self._answer(child, number, seconds=self._limits.stop_seconds)).header:
                pass  # under way when it was stopped
        except GroundwireError as error:
            self._log.warning("read_did_not_stop", detail=error.message)
        except asyncio.CancelledError:
            self._forget(child, "was still busy when its caller gave up")
            raise

    # The child.

    async def _running_child(self) -> ChildProcess:
        self._refuse_when_closed()
        if self._child is not None and not self._child.ended:
            return self._child
        self._dismiss()
        command = self._command or child_command()
        try:
            child = await ChildProcess.start(
                self._name,
                command,
                limits=self._limits,
                clock=self._clock,
                redact=self._redact,
                upcalls=Upcalls(self._keeper, self._redact),
            )
        except ChildEnded as end:
            raise self._crashed(str(end)) from end
        try:
            self._refuse_when_closed()
        except DriverCrashed:
            # `aclose` came while it was starting, and found nothing to end.
            child.kill("was closed with its connection")
            await child.wait_ended()
            raise
        self._child = child
        await self._open(child)
        self._log.debug("driver_started", pid=child.pid)
        return child

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise self._crashed("was closed with its connection")

    async def _open(self, child: ChildProcess) -> None:
        child.request({"id": 0, "op": "open", "arguments": {**self._opening, "secrets": dict(self._secrets)}})
        try:
            frame = await self._answer(child, 0, seconds=self._limits.start_seconds)
        except asyncio.CancelledError:
            self._forget(child, "was not needed any more")
            raise
        failure = self._failure(frame)
        if failure is not None:
            self._dismiss()
            raise failure

    def _forget(self, child: ChildProcess | None, verdict: str) -> None:
        """End a child that cannot be talked to any more; the next call starts another."""
        if child is None or child is not self._child:
            return
        child.kill_once_safe(verdict)
        self._let_go(child)
        self._child = None

    def _dismiss(self) -> None:
        """Let the child sign off at the source and go; it is killed if it does not."""
        child, self._child = self._child, None
        if child is None:
            return
        self._let_go(child)
        child.end_softly()
        asyncio.get_running_loop().call_later(self._limits.stop_seconds, child.kill_if_alive)

    def _let_go(self, child: ChildProcess) -> None:
        """Remember a child on its way out, so that `aclose` waits for it."""
        for entry in self._leaving:
            if entry.ended:
                entry.release()
        self._leaving = [entry for entry in self._leaving if not entry.ended] + [child]

    def _arm_idle_timer(self) -> None:
        if self._child is not None and not self._closed:
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(self._limits.idle_seconds, self._end_idle)

    def _disarm_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _end_idle(self) -> None:
        self._log.debug("idle_driver_ended")
        self._dismiss()

    # Errors.

    def _clean(self, outcome: Outcome) -> Outcome:
        """What a system says of a write travels further than its errors do: to whoever asked for it."""
        said = tuple(replace(one, text=self._redact(one.text)) for one in outcome.messages)
        return replace(outcome, messages=said)

    def _failure(self, frame: Frame) -> GroundwireError | None:
        failure, traceback = translate(frame.header, connection=self._name, redact=self._redact)
        if traceback:
            self._log.debug("driver_raised", traceback=traceback)
        if isinstance(failure, CredentialsRefused):
            failure.hint = self._with_cure(failure.code, failure.hint)
            self._on_refused(failure)
        return failure

    def _with_cure(self, code: str, hint: str) -> str:
        """The hint, and for a refusal where the secrets are set."""
        cure = self._credentials_hint if code == CredentialsRefused.code else ""
        return " ".join(filter(None, (self._redact(hint), cure)))

    def _broken_promise(self, child: ChildProcess | None, fault: WireFault) -> DriverCrashed:
        self._forget(child, f"sent {fault}")
        return self._crashed(f"sent {fault} and was ended")

    def _crashed(self, what: str) -> DriverCrashed:
        if what != self._crash:  # a trouble is told once, however often it is tried again
            self._log.warning("driver_crashed", reason=what)
        self._crash = what
        return DriverCrashed(f"the driver's process {what}", where=self._name)


def _certificates_of(told: Any) -> Sequence[HopCertificate]:
    certificates: Sequence[HopCertificate] = from_plain(Sequence[HopCertificate], told)
    if any(one.expires_at.tzinfo is None for one in certificates):
        raise WireFault("a moment without its time zone")
    return certificates
