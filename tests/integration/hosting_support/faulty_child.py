"""A child process with a driver that misbehaves as its `mode` option says. Started by the hosting tests alone."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from agent.clock import SystemClock
from agent.hosting.child import main
from drivers.contract import (
    BadConfiguration,
    Capabilities,
    Catalogue,
    CheckStep,
    Column,
    Description,
    Hop,
    HopCertificate,
    Mark,
    MarkKind,
    Message,
    NotPermitted,
    Operation,
    OperationKind,
    Outcome,
    OutcomeStatus,
    Page,
    ReadPlan,
    ReadRequest,
    SecretKeeper,
    SeenCertificate,
    StreamSpec,
    Table,
    Throttled,
    WriteCommand,
)

PAGES = 5
ROWS = 10


def page(number: int, *, rows: int = ROWS, complete: bool = False) -> Page:
    first = number * rows
    table = pa.table(
        {
            "__key": [f"{first + i:08d}" for i in range(rows)],
            "amount": pa.array([first + i for i in range(rows)], pa.int64()),
            "lines": pa.array([[{"no": 1}]] * rows, pa.list_(pa.struct([("no", pa.int32())]))),
        }
    )
    return Page(table, f"page-{number}", complete)


class FaultyDriver:
    def __init__(self, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        self.options = options
        self.secrets = secrets
        self.mode = options.get("mode", "fine")
        if self.mode == "bad_configuration":
            raise BadConfiguration("no such thing", where="options.mode", hint="Say something else.")
        if self.mode == "crash_at_start":
            os._exit(4)

    def describe(self) -> Description:
        return Description("faulty", "1", Capabilities(True, True, True, True))

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]:
        secret = self.secrets.get("password", "")
        if self.mode == "talkative":
            print(f"connecting with Pwd={secret};")
            os.write(1, b"native library says hello\n")
            for number in range(500):
                print("noise", number)
        if self.mode == "throttled":
            raise Throttled("slow down", retry_after=7.5, where="api")
        if self.mode == "leaky":
            raise NotPermitted(f"login with {secret} refused", where="orders", hint=f"not {secret}")
        if self.mode == "leaky_steps":
            return [CheckStep("sign-in", False, f"{secret} was refused", f"not {secret}")]
        if self.mode == "exception":
            raise KeyError("value of the source 4711")
        if self.mode == "garbage":
            for descriptor in range(3, 16):
                try:
                    os.write(descriptor, b"\xff" * 64)
                except OSError:
                    continue
        if self.mode == "environment":
            return [CheckStep(name, True, value) for name, value in os.environ.items()]
        if self.mode == "arguments":
            return [CheckStep("argv", True, " ".join(sys.orig_argv))]
        if self.mode == "pid":
            return [CheckStep("pid", True, str(os.getpid()))]
        return [CheckStep("connect", True, f"{type(self.options.get('since')).__name__}")]

    async def discover(self) -> Catalogue:
        if self.mode == "hang":
            await SystemClock().sleep(3600)
        if self.mode == "native_hang":
            time.sleep(3600)
        if self.mode == "endless":
            return Catalogue((Table("x" * 40_000_000, ()),))
        return Catalogue((Table("orders", (Column("id", "integer", False),), ("id",), 3, "changed"),))

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        return None if stream.name == "none" else Mark(MarkKind.TIMESTAMP, "2026-01-05T12:00:00+00:00")

    async def read(self, request: ReadRequest) -> AsyncIterator[Page]:
        for number in range(PAGES):
            if number == 2:
                await self._misbehave()
            if self.mode == "count_pages":
                with Path(self.options["counter"]).open("a", encoding="utf-8") as counter:
                    counter.write("page\n")
            try:
                yield self._page(number)
            finally:
                if self.mode == "crash_behind_the_last" and number == PAGES - 1:
                    os._exit(5)
            if self.mode == "cut_short" and number == 2:
                return

    def _page(self, number: int) -> Page:
        if self.mode == "huge" and number == 1:
            return Page(pa.table({"__key": ["1"], "blob": [b"x" * 300_000_000]}), "page-1")
        if self.mode == "large":
            return page(number, rows=200_000, complete=number == PAGES - 1)
        if self.mode == "no_key":
            return Page(pa.table({"key": ["1"]}), "page")
        return page(number, complete=number == PAGES - 1)

    async def _misbehave(self) -> None:
        match self.mode:
            case "exit":
                os._exit(3)
            case "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "read_hang":
                await SystemClock().sleep(3600)
            case "read_native_hang":
                time.sleep(3600)
            case "grow":
                held = []
                while True:
                    held.append(bytearray(os.urandom(1024) * 20_000))
                    await SystemClock().sleep(0.05)
            case "refuses":
                raise NotPermitted("select denied", where="orders")

    async def execute(self, command: WriteCommand) -> Outcome:
        if self.mode == "leaky_steps":
            said = Message(f"the account {self.secrets['password']} may not")
            return Outcome(OutcomeStatus.FAILED, messages=(said,))
        made = f"made-{command.idempotency_key}"
        return Outcome(OutcomeStatus.SUCCEEDED, key=made, reference=made, record=command.record)

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        return None

    async def plan(self, request: ReadRequest) -> ReadPlan:
        return ReadPlan(("orders",), 10, notes=(f"No count with {self.secrets['password']}.",))

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        return [Column("amount", "integer")]

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        return [Operation(stream.name, stream.entity, OperationKind.CREATE) for stream in streams]

    async def aclose(self) -> None:
        if self.mode == "hang_at_end":
            await SystemClock().sleep(3600)
        if "farewell" in self.options:
            Path(self.options["farewell"]).write_text("closed", encoding="utf-8")


def create(
    driver: str,
    *,
    connection: str,
    options: Mapping[str, Any],
    secrets: Mapping[str, str],
    keeper: SecretKeeper,
    seen: SeenCertificate,
) -> FaultyDriver:
    if options.get("mode") == "odd_certificates":
        seen(HopCertificate(Hop.SOURCE, datetime(2026, 1, 5)))
    return FaultyDriver(options, secrets)


if __name__ == "__main__":
    sys.exit(main(create))
