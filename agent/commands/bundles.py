"""`diagnostics_bundle`: the diagnostics bundle through the tunnel, as much of it as one frame holds.

A command of its own beside `diagnostics`: a policy that lets numbers and codes leave has not said yes to logs and settings.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import ClassVar, Final

from pydantic import BaseModel, Field

from agent.bundle.archive import Bundle, bounded, packed
from agent.commands.gate import JudgeCommand
from agent.commands.ports import Answer, Arguments, Call, State
from agent.policy.decision import Decision

ZIP_BYTES: Final = 39 * 1024  # as text 52 KiB, which leaves 8 for the list beside it
UNPACKED_BYTES: Final = 1024 * 1024


class BundleArguments(Arguments):
    only_list: bool = Field(default=False, alias="list")


class DiagnosticsBundle:
    name: ClassVar[str] = "diagnostics_bundle"
    arguments: ClassVar[type[BaseModel]] = BundleArguments

    def __init__(self, make: Callable[[], Awaitable[Bundle]], judge: JudgeCommand) -> None:
        self._make = make
        self._judge = judge

    async def judge(self, _arguments: BundleArguments, now: datetime) -> Decision:
        return self._judge("", self.name, now)

    async def prepare(self, arguments: BundleArguments) -> None:
        """Nothing can be wrong before it is tried."""

    async def run(self, _call: Call, arguments: BundleArguments) -> Answer:
        made = bounded(await self._make(), UNPACKED_BYTES)
        bundle, content = await asyncio.to_thread(packed, made, ZIP_BYTES)
        listed = {
            "manifest": bundle.manifest(),
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        if arguments.only_list:
            return Answer(State.SUCCEEDED, listed)
        return Answer(State.SUCCEEDED, {**listed, "zip": base64.b64encode(content).decode()})

    async def recover(self, call: Call, arguments: BundleArguments) -> Answer:
        """It changes nothing, so it can be done again."""
        return await self.run(call, arguments)
