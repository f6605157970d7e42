"""Attacks on the page of `groundwire setup --web`, over real sockets; the machine behind it is one of values."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import structlog

from agent.calls.setting_up import SetupCalls
from agent.clock import ManualClock
from agent.console.door import IDLE_SECONDS
from agent.console.password import Password
from agent.console.service import Console
from agent.errors import CredentialsRefused
from agent.settings import ConsoleTable
from agent.setup.asking import Person
from agent.setup.conversation import Outcome, set_up
from agent.setup.machine_port import Found
from tests.canaries import canary
from tests.security.besieged import ALICE, PATIENCE_SECONDS, Trail
from tests.unit.setup.world import FOLDER, FakeMachine

HOSTILE = "<script>alert(1)</script>"


@dataclass
class SettingUp:
    folder: Path
    clock: ManualClock = field(default_factory=ManualClock)
    machine: FakeMachine = field(default_factory=lambda: FakeMachine(found=Found(FOLDER, name=HOSTILE)))
    calls: SetupCalls = field(init=False)
    console: Console = field(init=False)

    def __post_init__(self) -> None:
        trail = Trail()
        self.calls = SetupCalls(self._talk, self.clock, lambda: None)
        self.console = Console(
            ConsoleTable(),
            "",
            Password(self.folder),
            dict,
            trail,
            trail.deny,
            self.clock,
            setting_up=lambda: self.calls,
            of_setup=True,
        )

    async def _talk(self, person: Person, _deed: Callable[[], None]) -> Outcome:
        return await set_up(person, self.machine)

    @asynccontextmanager
    async def signed_in(self) -> AsyncIterator[AtPage]:
        link = httpx.URL(await self.console.link(ALICE))
        origin = f"http://127.0.0.1:{self.console.port}"
        async with httpx.AsyncClient(base_url=origin, timeout=PATIENCE_SECONDS) as client:
            data, headers = {"link": link.params["link"]}, {"origin": origin}
            answer = await client.post(link.path, data=data, headers=headers)
            yield AtPage(client, answer.headers["location"], origin)


@dataclass
class AtPage:
    client: httpx.AsyncClient
    root: str
    origin: str
    text: str = ""
    seen: list[str] = field(default_factory=list)  # every answer, with its head

    async def look(self) -> str:
        return self._kept(await self.client.get(self.root))

    async def send(self, do: str, headers: dict[str, str] | None = None, **fields: str) -> int:
        """The form that the page shows, with these fields otherwise."""
        shown = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', self.text))
        told = {"origin": self.origin, **(headers or {})}
        answer = await self.client.post(self.root, data={**shown, "do": do, **fields}, headers=told)
        self._kept(answer)
        if answer.status_code == 303:
            await self.look()
        return answer.status_code

    async def to_the_proxy_password(self) -> None:
        await self.look()
        await self.send("begin")
        for answer in ("relay.example.com", "proxy", "other", "http://proxy.example.com:3128", "joe"):
            await self.send("answer", answer=answer)
        assert "Password of joe at the proxy" in self.text

    def _kept(self, answer: httpx.Response) -> str:
        self.seen.append(f"{answer.url} {answer.headers} {answer.text}")
        self.text = answer.text
        return answer.text


@pytest.fixture
async def setting_up(tmp_path: Path) -> AsyncIterator[SettingUp]:
    found = SettingUp(tmp_path)
    yield found
    await found.calls.aclose()
    await found.console.aclose()


async def test_no_form_without_its_session_token_or_from_elsewhere_answers_anything(
    setting_up: SettingUp,
) -> None:
    async with setting_up.signed_in() as page:
        await page.look()
        for fields in ({"token": ""}, {"token": "x" * 43}):
            for do in ("begin", "answer", "yes", "no", "back", "end"):
                assert await page.send(do, **fields) == 403
                await page.look()
        for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
            assert await page.send("begin", headers) in {403, 421}
            await page.look()

    assert setting_up.calls.sitting is None


async def test_nothing_is_shown_or_answered_without_a_session(setting_up: SettingUp) -> None:
    async with setting_up.signed_in() as page:
        await page.look()
        await page.send("begin")
        form = page.text
        page.client.cookies.clear()
        assert "Address of the relay" not in await page.look()
        page.text = form
        assert await page.send("answer", answer="relay.example.com") == 401

    assert setting_up.calls.sitting is not None
    assert setting_up.calls.sitting.number == 1
    assert setting_up.machine.ways == []


async def test_a_secret_goes_to_the_machine_and_is_in_no_answer_address_or_log(setting_up: SettingUp) -> None:
    password = canary("-typed-at-a-page")
    setting_up.machine.judge = lambda way: None if way.proxy_password else _refused()
    with structlog.testing.capture_logs() as logged:
        async with setting_up.signed_in() as page:
            await page.to_the_proxy_password()
            assert 'type="password"' in page.text
            assert await page.send("answer", answer=password) == 303
            assert "What shall the relay call this agent?" in page.text
            # A form that comes back, and one that comes too late.
            assert await page.send("answer", answer=password, number="1") == 303
            assert await page.send("answer", answer=password, secret="yes", token="x") == 403
            await page.look()
            form = page.text
            setting_up.clock.advance(IDLE_SECONDS)
            page.text = form
            assert await page.send("answer", answer=password, secret="yes") == 401

    assert setting_up.machine.ways[-1].proxy_password is not None
    assert setting_up.machine.ways[-1].proxy_password.reveal() == password
    assert password not in "".join(page.seen)
    assert password not in repr(logged)


async def test_a_secret_that_cannot_be_taken_does_not_come_back(setting_up: SettingUp) -> None:
    password = canary("-too-long") * 6_000
    setting_up.machine.judge = lambda way: None if way.proxy_password else _refused()
    async with setting_up.signed_in() as page:
        await page.to_the_proxy_password()
        assert await page.send("answer", answer=password) == 200
        assert "This is too long." in page.text

    assert canary("-too-long") not in "".join(page.seen)


async def test_what_a_machine_or_an_answer_says_is_text_and_never_script(setting_up: SettingUp) -> None:
    async with setting_up.signed_in() as page:
        await page.look()
        await page.send("begin")
        await page.send("answer", answer=f"ws://{HOSTILE}")
        await page.send("answer", answer="relay.example.com")
        assert "&lt;script&gt;alert(1)" in page.text  # the machine's name is what is offered

    assert HOSTILE not in "".join(page.seen)


async def test_forms_sent_at_once_are_one_answer(setting_up: SettingUp) -> None:
    async with setting_up.signed_in() as page:
        await page.look()
        await page.send("begin")
        shown = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        form = {**shown, "do": "answer", "answer": "relay.example.com"}
        await asyncio.gather(
            *(page.client.post(page.root, data=form, headers={"origin": page.origin}) for _ in range(5))
        )
        await page.look()

    assert len(setting_up.machine.ways) == 1
    assert "What shall the relay call this agent?" in page.text


async def test_it_has_no_page_of_an_agent(setting_up: SettingUp) -> None:
    async with setting_up.signed_in() as page:
        for path in ("policy", "settings", "logs", "add-connection"):
            answer = await page.client.get(f"{page.root}{path}")
            assert answer.status_code == 404
            assert "groundwire setup --web" in answer.text


def _refused() -> CredentialsRefused:
    return CredentialsRefused("the proxy refused", where="proxy")
