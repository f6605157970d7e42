"""A sitting at a page: answers that come once, twice, late or never, and what of them stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.audit.trail import Actor, Origin
from agent.calls.setting_up import SetupCalls
from agent.clock import ManualClock
from agent.control import acting_as
from agent.errors import Throttled, Unreachable
from agent.setup.asking import Person
from agent.setup.conversation import Outcome, connect, set_up
from agent.setup.machine_port import Enrolled, Found, Proposed
from agent.setup.sitting import IDLE_SECONDS, MAX_ANSWER
from drivers.contract import CheckStep
from tests.canaries import canary
from tests.unit.setup.world import FOLDER, FakeMachine

ALICE, BOB = Actor(Origin.CONSOLE, "alice"), Actor(Origin.CONSOLE, "bob")
ENROLLED = Found(FOLDER, name="plant", configured=True, enrolled=Enrolled("plant", "wss://relay.example.com"))
PATIENCE_SECONDS = 30.0


@dataclass
class Doing(FakeMachine):
    """Tells of its deeds, as the real machine does."""

    deed: Callable[[], None] = lambda: None
    slow: asyncio.Event | None = None  # a test of the connection waits for it

    async def write(self, name: str, text: str) -> None:
        self.deed()
        await super().write(name, text)

    async def store(self, name: str, value: Any) -> None:
        self.deed()
        await super().store(name, value)

    async def try_connection(self, draft: Any) -> Any:
        if self.slow is not None:
            await self.slow.wait()
        return await super().try_connection(draft)


@dataclass
class AtPage:
    """Whoever sits at the page, and the calls that the page makes."""

    machine: Doing = field(default_factory=lambda: Doing(found=ENROLLED))
    clock: ManualClock = field(default_factory=ManualClock)
    whole: bool = False
    calls: SetupCalls = field(init=False)
    state: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.calls = SetupCalls(self._talk, self.clock, lambda: None)

    async def _talk(self, person: Person, deed: Callable[[], None]) -> Outcome:
        self.machine.deed = deed
        return await (set_up if self.whole else connect)(person, self.machine)

    async def do(self, call: str, who: Actor = ALICE, **args: Any) -> Any:
        with acting_as(who):
            given = await self.calls.handlers()[f"setup_{call}"](args, lambda _: None)
            self.state = await self.calls.handlers()["setup_state"]({}, lambda _: None)
        return given

    async def answer(self, text: str, question: str = "", **other: Any) -> dict[str, Any]:
        asked = self.state["question"]
        assert asked is not None, self.state
        assert question in asked["text"]
        meant = {"sitting": self.state["sitting"], "number": self.state["number"], **other}
        return dict(await self.do("answer", answer=text, **meant))

    async def database(self, password: str) -> None:
        await self.do("begin")
        for text, question in (
            ("database", "What is to be read?"),
            ("erp", "A name"),
            ("driver:PostgreSQL Unicode", "Which ODBC driver"),
            ("db.example.com", "Server"),
            ("", "Port"),
            ("erp", "Database"),
            ("reader", "User"),
            (password, "Password"),
            ("", "encrypted"),
        ):
            await self.answer(text, question)

    def everything(self) -> str:
        return repr(self.state)


@pytest.fixture
async def at_page() -> AsyncIterator[AtPage]:
    found = AtPage()
    yield found
    await found.calls.aclose()


async def test_a_connection_is_asked_for_shown_and_written(at_page: AtPage) -> None:
    await at_page.do("begin")
    await at_page.answer("sandbox", "What is to be read?")
    await at_page.answer("", "A name")
    await at_page.answer("orders,vendors", "Which streams?")
    await at_page.answer("careful", "What of them may leave")
    assert at_page.state["said"][-1]["tone"] == "records"
    await at_page.answer("yes", "Does this look right?")

    assert at_page.state["state"] == "over"
    assert at_page.state["outcome"]["connections"][0]["name"] == "sandbox"
    assert at_page.machine.done[-2:] == ["wrote policy.toml", "wrote connections/sandbox.toml"]


async def test_the_same_form_sent_twice_is_one_answer(at_page: AtPage) -> None:
    await at_page.do("begin")
    first = {"sitting": at_page.state["sitting"], "number": at_page.state["number"], "answer": "sandbox"}
    with acting_as(ALICE):
        handle = at_page.calls.handlers()["setup_answer"]
        answers = await asyncio.gather(*(handle(dict(first), lambda _: None) for _ in range(3)))

    assert sorted(one["taken"] for one in answers) == [False, False, True]
    await at_page.do("state")
    assert "A name" in at_page.state["question"]["text"]


async def test_a_window_that_was_left_open_answers_no_other_question(at_page: AtPage) -> None:
    await at_page.do("begin")
    old = at_page.state["number"]
    await at_page.answer("sandbox")

    assert await at_page.answer("database", number=old) == {"taken": False, "wrong": ""}
    assert await at_page.answer("database", sitting="of-yesterday") == {"taken": False, "wrong": ""}
    assert (await at_page.do("back", sitting=at_page.state["sitting"], number=old)) == {"taken": False}
    assert "A name" in at_page.state["question"]["text"]


async def test_an_answer_that_cannot_be_is_told_and_asked_for_again(at_page: AtPage) -> None:
    await at_page.do("begin")
    await at_page.answer("sandbox")
    for wrong in ("Has Spaces", "x" * (MAX_ANSWER + 1), "line\nbreak"):
        given = await at_page.answer(wrong)
        assert given["taken"] is False
        assert given["wrong"]
    assert "A name" in at_page.state["question"]["text"]


async def test_a_secret_is_in_nothing_that_a_page_gets(at_page: AtPage) -> None:
    password = canary("-page")
    said = [CheckStep("open", ok=False, detail=f"login with {password} failed", code="credentials_refused")]
    at_page.machine.try_it = lambda _: said
    await at_page.database(password)

    assert at_page.state["question"]["text"] == "What would you like to change?"
    assert "login with *** failed" in at_page.everything()
    assert password not in at_page.everything()
    assert [one["answer"] for one in at_page.state["before"] if one["text"] == "Password"] == ["not shown"]
    await at_page.answer("password")
    assert at_page.state["question"]["kind"] == "secret"
    assert at_page.state["question"]["default"] == ""


async def test_going_back_asks_the_question_before_with_its_answer(at_page: AtPage) -> None:
    await at_page.do("begin")
    assert at_page.state["can_go_back"] is False
    await at_page.answer("sandbox")
    await at_page.answer("demo", "A name")
    await at_page.do("back", sitting=at_page.state["sitting"], number=at_page.state["number"])

    assert "A name" in at_page.state["question"]["text"]
    assert at_page.state["question"]["default"] == "demo"
    await at_page.do("back", sitting=at_page.state["sitting"], number=at_page.state["number"])
    assert [one["value"] for one in at_page.state["question"]["choices"] if one["chosen"]] == ["sandbox"]
    await at_page.answer("sap-ecc")
    assert "A name" in at_page.state["question"]["text"]


async def test_going_back_keeps_a_password_and_never_shows_it(at_page: AtPage) -> None:
    password = canary("-back")
    at_page.machine.proposed = Proposed({"orders": "t_orders"}, "", 1)
    await at_page.database(password)
    while "encrypted" not in at_page.state["question"]["text"]:
        await at_page.do("back", sitting=at_page.state["sitting"], number=at_page.state["number"])
    await at_page.answer("", "encrypted")

    assert at_page.machine.tried[-1].secrets["password"].reveal() == password
    assert password not in at_page.everything()


async def test_two_who_go_back_at_once_hold_one_conversation(at_page: AtPage) -> None:
    await at_page.do("begin")
    await at_page.answer("sandbox")
    meant = {"sitting": at_page.state["sitting"], "number": at_page.state["number"]}
    with acting_as(ALICE):
        handle = at_page.calls.handlers()["setup_back"]
        answers = await asyncio.gather(*(handle(dict(meant), lambda _: None) for _ in range(3)))
    await at_page.do("state")

    assert sum(one["taken"] for one in answers) == 1
    assert "What is to be read?" in at_page.state["question"]["text"]
    assert len([task for task in asyncio.all_tasks() if task.get_name() == "setup"]) == 1


async def test_what_was_done_is_not_gone_back_behind() -> None:
    at_page = AtPage(Doing(), whole=True)
    await at_page.do("begin")
    await at_page.answer("relay.example.com", "Address of the relay")
    assert at_page.state["can_go_back"] is True
    await at_page.answer("plant", "What shall the relay call this agent?")

    assert at_page.machine.done == ["wrote agent.toml"]
    assert "Enrolment code" in at_page.state["question"]["text"]
    assert at_page.state["can_go_back"] is False
    await at_page.calls.aclose()


async def test_nobody_who_answers_ends_it_with_nothing_written_and_the_answers_offered_again(
    at_page: AtPage,
) -> None:
    await at_page.do("begin")
    await at_page.answer("sandbox")
    await at_page.answer("demo")
    at_page.clock.advance(IDLE_SECONDS - 1)
    await at_page.calls.look()
    assert at_page.calls.sitting is not None
    assert not at_page.calls.sitting.over
    at_page.clock.advance(1)
    await at_page.calls.look()
    await at_page.do("state")

    assert at_page.state["state"] == "over"
    assert at_page.state["error"]["code"] == "setup_idle"
    assert at_page.machine.done == []
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "setup"]
    await at_page.do("begin")
    await at_page.answer("sandbox")
    assert at_page.state["question"]["default"] == "demo"


async def test_what_takes_long_is_not_idle(at_page: AtPage) -> None:
    at_page.machine.slow = asyncio.Event()
    await at_page.do("begin")
    await at_page.answer("sandbox")
    sitting = at_page.calls.sitting
    assert sitting is not None
    assert sitting.answer(sitting.number, "demo")
    await at_page.clock.sleep(IDLE_SECONDS * 2)
    await at_page.calls.look()
    await at_page.do("state")
    assert at_page.state["state"] == "busy"
    assert at_page.state["said"][-1]["text"] == "Testing demo ..."
    at_page.machine.slow.set()
    await sitting.settled(PATIENCE_SECONDS)
    await at_page.calls.look()
    await at_page.do("state")
    assert "Which streams?" in at_page.state["question"]["text"]


async def test_somebody_else_answers_nothing_of_it_but_may_end_it(at_page: AtPage) -> None:
    await at_page.do("begin")
    sitting = at_page.state["sitting"]
    with pytest.raises(Throttled):
        await at_page.do("begin", BOB)
    await at_page.do("state", BOB)
    assert at_page.state == {"state": "another", "by": "alice", "sitting": sitting}
    with pytest.raises(Exception, match="alice answers here"):
        await at_page.do("answer", BOB, sitting=sitting, number=1, answer="sandbox")

    await at_page.do("end", BOB, sitting=sitting)
    await at_page.do("begin", BOB)
    assert at_page.state["question"]["text"] == "What is to be read?"


async def test_leaving_while_it_is_written_leaves_nothing_half_written(at_page: AtPage) -> None:
    """The vault is slow, and the person has gone meanwhile."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    store = at_page.machine.store

    async def slowly(name: str, value: Any) -> None:
        begun.set()
        await go_on.wait()
        await store(name, value)

    at_page.machine.store = slowly  # type: ignore[method-assign]
    at_page.machine.proposed = Proposed({"orders": "t_orders"}, "", 1)
    await at_page.database(canary("-slow"))
    await at_page.answer("orders", "Which streams?")
    await at_page.answer("careful", "may leave")
    sitting = at_page.calls.sitting
    assert sitting is not None
    assert sitting.answer(sitting.number, "yes")
    await begun.wait()
    leaving = asyncio.ensure_future(at_page.do("end", sitting=sitting.id))
    go_on.set()
    await leaving

    assert at_page.machine.done[-3:] == [
        "wrote policy.toml",
        "stored erp-password",
        "wrote connections/erp.toml",
    ]


async def test_what_ends_it_is_told_and_it_can_be_begun_again(at_page: AtPage) -> None:
    systems = at_page.machine.systems

    async def failing() -> Any:
        raise Unreachable("the folder does not answer")

    at_page.machine.systems = failing  # type: ignore[method-assign]
    await at_page.do("begin")
    assert at_page.state["state"] == "over"
    at_page.machine.systems = systems  # type: ignore[method-assign]
    await at_page.do("begin")
    assert at_page.state["state"] == "asks"


async def test_a_fault_of_set_up_is_no_fault_of_the_agent(at_page: AtPage) -> None:
    async def broken() -> Any:
        raise RuntimeError("a bug")

    at_page.machine.look = broken  # type: ignore[method-assign]
    await at_page.do("begin")

    assert at_page.state["error"]["code"] == "unexpected"
