"""`groundwire setup --web`: the same conversation at a page that this command serves, on this host alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import Any, Final

from agent.audit.trail import Actor
from agent.audit.who import current_actor
from agent.calls.setting_up import SetupCalls
from agent.clock import SystemClock
from agent.commandline.console import opens_in_browser
from agent.commandline.invocation import Invocation, run_async
from agent.commandline.setup import DRAFT, keep_draft, put_away
from agent.console.password import Password
from agent.console.service import Console
from agent.settings import ConsoleTable
from agent.setup.answers import Remembering, earlier_answers
from agent.setup.asking import Person
from agent.setup.conversation import Outcome, set_up
from agent.setup.machine import ThisMachine
from agent.setup.relay_part import SetupLeft

LOOK_SECONDS: Final = 0.5  # between two looks whether it is done, or nobody is there any more


class _NoTrail:
    """There may be no audit log yet, and a running agent has its own: what is done has its lines, coming in has none."""

    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None: ...

    async def denied(self, actor: Actor, why: str) -> None: ...


class _Page:
    """The page, and the sitting that is held at it."""

    def __init__(self, machine: ThisMachine, password: Password, port: int | None, *, dry_run: bool) -> None:
        self._machine = machine
        self._dry_run = dry_run
        self._outcome = Outcome()
        self._clock = clock = SystemClock()
        trail = _NoTrail()
        self.console = Console(
            ConsoleTable(port=port),
            "set-up",
            password,
            dict,
            trail,
            trail.denied,
            clock,
            setting_up=lambda: self.calls,
            of_setup=True,
        )
        earlier = earlier_answers(machine.read(DRAFT) or "")
        self.calls = SetupCalls(self._talk, clock, self.console.changed, earlier=earlier)

    async def _talk(self, person: Person, deed: Callable[[], None]) -> Outcome:
        self._machine.deed = deed
        async with aclosing(self._machine):
            return await set_up(person, self._machine, dry_run=self._dry_run, so_far=self._outcome)

    async def held(self, show: Callable[[str], None]) -> Outcome:
        """Raises SetupLeft where it was left before its end. `show` gets the link."""
        try:
            show(await self.console.link(current_actor()))
            while not self.calls.finished.is_set() and self.console.in_use:
                await self._clock.sleep(LOOK_SECONDS)
                await self.calls.look()
        finally:
            await self.calls.aclose()
            await self.console.aclose()
        if self.outcome is None:
            raise SetupLeft(
                "set-up was left before its end"
                if self.calls.finished.is_set()
                else "nobody has the page open any more, so set-up has ended"
            )
        return self.outcome

    @property
    def outcome(self) -> Outcome | None:
        return self.calls.sitting.outcome if self.calls.sitting is not None else None

    @property
    def person(self) -> Remembering | None:
        return self.calls.sitting.remembering if self.calls.sitting is not None else None


def at_page(invocation: Invocation, save: Path | None, port: int | None, *, dry_run: bool) -> dict[str, Any]:
    machine = ThisMachine(invocation.config_dir)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="groundwire-setup-")))
        configured = machine.read("agent.toml") is not None
        page = _Page(
            machine,
            Password(invocation.settings().state_dir if configured else folder),
            port,
            dry_run=dry_run,
        )

        def show(url: str) -> None:
            opened = not invocation.json and opens_in_browser(folder, url)
            words = "Set-up opens in your browser. If it does not, open" if opened else "Open"
            invocation.output.note(f"{words} this link on this host within two minutes; it is good once:")
            invocation.output.note(url)
            invocation.output.note(
                "Ctrl-C leaves; what is done is kept, and `groundwire setup --web` goes on from there."
            )

        try:
            outcome = run_async(page.held(show))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and page.person is not None and page.outcome is not None:
                put_away(invocation, machine, page.person, save, dry_run=dry_run)
                return page.outcome.document()
            if page.person is not None:
                keep_draft(machine, page.person, dry_run=dry_run)
            if isinstance(error, KeyboardInterrupt):
                invocation.output.note("\nWhat is done is kept. `groundwire setup` goes on from here.")
            raise
        if page.person is not None:
            put_away(invocation, machine, page.person, save, dry_run=dry_run)
    return outcome.document()
