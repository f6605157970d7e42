"""What a page is: see the package's own words on how to add one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from agent.console.door import Note, Session

BEGUN_SECONDS: Final = 1.0  # for work that goes on to say that it cannot: longer a person is not kept waiting


class Calls(Protocol):
    """The agent's calls, made as the person of a session."""

    async def ask(self, name: str, args: Mapping[str, Any]) -> Any:
        """Raises GroundwireError as the call does."""
        ...

    def begin(self, name: str, args: Mapping[str, Any]) -> asyncio.Task[Any]:
        """Have it go on whether or not somebody waits. Raises Throttled where too much goes on already."""
        ...


@dataclass(frozen=True, slots=True)
class GoTo:
    """After an action: the page at this path, below the console's root; None: the same page again."""

    path: str | None = None


@dataclass(frozen=True, slots=True)
class Confirm:
    """Before an action: ask. The same form comes again with `visit.confirmed` when the person says yes."""

    question: str
    consequence: str = ""  # what happens then, and what does not
    yes: str = "Go on"
    danger: bool = False
    asks: str = ""  # what has to be typed too, in the field `why`


@dataclass(frozen=True, slots=True)
class Show:
    """The page again, with further data for its template: what an action found out."""

    data: Mapping[str, Any]


Outcome = GoTo | Confirm | Show | None


@dataclass(slots=True)
class Visit:
    """One request of a signed-in person, as a page and its actions see it."""

    calls: Calls
    session: Session
    path: Mapping[str, str] = field(default_factory=dict)  # the parts in braces of the page's path
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)  # of an action; without the form's own fields
    lists: Mapping[str, list[str]] = field(
        default_factory=dict
    )  # the same, for fields that come several times
    confirmed: bool = False

    async def ask(self, name: str, **args: Any) -> Any:
        return await self.calls.ask(name, args)

    async def begin(self, name: str, **args: Any) -> Any | None:
        """Begin work that may take long: its answer if it came at once, None while it goes on. Raises as `ask`."""
        work = self.calls.begin(name, args)
        done, _ = await asyncio.wait({work}, timeout=BEGUN_SECONDS)
        return work.result() if done else None

    def note(self, text: str, level: str = "ok") -> None:
        """For the top of the next page that this person sees."""
        self.session.notes.append(Note(text, level))


@dataclass(frozen=True, slots=True)
class Page:
    path: str  # below the console's root, such as "connections/{connection}"; "" is the overview
    title: str  # also in the navigation; may name parts of the path in braces
    template: str
    show: Callable[[Visit], Awaitable[Mapping[str, Any]]]
    actions: Mapping[str, Callable[[Visit], Awaitable[Outcome]]] = field(default_factory=dict)  # by `do`
    section: str = ""  # the path of the entry of the navigation that it belongs to
    group: str = ""  # of the navigation; "": it has no entry of its own
