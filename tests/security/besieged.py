"""A console that listens, whose calls are fakes, and what became known of it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from agent.audit.trail import Actor, Origin
from agent.clock import ManualClock
from agent.console.password import Password
from agent.console.service import Console
from agent.control import caller

ALICE = Actor(Origin.LOCAL, "root (alice)")
PATIENCE_SECONDS = 30.0
FORM = "application/x-www-form-urlencoded"
HOSTILE = "<script>alert('erp')</script>"


@dataclass
class Trail:
    """Remembers what was recorded, and who was sent away."""

    lines: list[tuple[str, Actor, Mapping[str, Any]]] = field(default_factory=list)
    denied: list[tuple[str, str]] = field(default_factory=list)

    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        self.lines.append((action, actor, facts))

    async def deny(self, actor: Actor, why: str) -> None:
        self.denied.append((actor.name, why))

    def actions(self) -> list[str]:
        return [action for action, _, _ in self.lines]


@dataclass
class Besieged:
    """A console that listens, and what became known of it."""

    console: Console
    trail: Trail
    clock: ManualClock
    password: Password
    paused: list[Actor] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.console.port}"

    async def link(self) -> str:
        return await self.console.link(ALICE)

    def handlers(self) -> dict[str, Any]:
        async def settings(_args: Any, _progress: Any) -> dict[str, Any]:
            setting = {
                "section": "agent",
                "name": "name",
                "value": HOSTILE,
                "where": "",
                "about": HOSTILE,
                "waits": False,
            }
            return {
                "config_dir": HOSTILE,
                "state_dir": "",
                "agent": [setting],
                "connections": [],
                "broken": [],
            }

        async def pause(_args: Any, _progress: Any) -> dict[str, Any]:
            self.paused.append(caller())
            return {}

        return {"settings": settings, "pause": pause}

    @asynccontextmanager
    async def signed_in(self) -> AsyncIterator[Inside]:
        async with httpx.AsyncClient(base_url=self.origin, timeout=PATIENCE_SECONDS) as client:
            link = httpx.URL(await self.link())
            answer = await client.post(
                link.path, data={"link": link.params["link"]}, headers={"origin": self.origin}
            )
            assert answer.status_code == 303, answer.text
            root = answer.headers["location"]
            page = await client.get(f"{root}settings")
            token = re.search(r'name="token" value="([^"]+)"', page.text)
            assert token is not None
            yield Inside(client, root, token[1], link.params["link"], answer.headers["set-cookie"])


@dataclass
class Inside:
    client: httpx.AsyncClient
    root: str
    token: str
    link: str
    cookie: str

    async def pause(self, headers: Mapping[str, str], **fields: str) -> int:
        answer = await self.client.post(
            f"{self.root}connections/erp", data={"do": "pause", **fields}, headers=dict(headers)
        )
        return answer.status_code


async def exchange(port: int, request: bytes) -> bytes:
    """Bytes as they are: clients correct what an attacker would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
