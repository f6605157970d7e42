"""Who may come in: one-time links and the sessions that they make. No I/O; nothing of it outlives the process."""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agent.audit.trail import Actor
from agent.clock import Clock
from agent.errors import GroundwireError, NeedsPersonError

LINK_SECONDS: Final = 120.0  # from the making of a link to its use
IDLE_SECONDS: Final = 3_600.0  # without anything done by a person
LONGEST_SECONDS: Final = 12 * 3_600.0  # of a session, whatever is done
MAX_LINKS: Final = 8  # at a time; the oldest gives way
MAX_SESSIONS: Final = 16
MAX_NOTES: Final = 8  # that wait to be shown
WRONG_PASSWORDS: Final = 5  # and the link is gone


class LinkGone(NeedsPersonError):
    """The link is too old, was used already, or is none."""

    code = "console_link_gone"
    default_hint = "Ask for a new one on the agent's host: `groundwire console`."


class SignedOut(GroundwireError):
    """There is no session."""

    code = "signed_out"
    default_hint = "Ask for a link on the agent's host: `groundwire console`."


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence that the next page shows once."""

    text: str
    level: str = "ok"  # of agent.findings.Level


@dataclass(slots=True)
class Session:
    actor: Actor
    token: str  # that every form of the session carries
    began: float
    touched: float
    link: bytes  # the hash of the link that it came from
    notes: deque[Note] = field(default_factory=lambda: deque(maxlen=MAX_NOTES))


@dataclass(slots=True)
class _Link:
    actor: Actor
    made: float
    wrong: int = 0


class Door:
    """Keeps hashes, so that nothing that opens a page lies in memory for longer than a request."""

    def __init__(self, clock: Clock, *, draw: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> None:
        self._clock = clock
        self._draw = draw
        self._links: dict[bytes, _Link] = {}
        self._sessions: dict[bytes, Session] = {}

    @property
    def in_use(self) -> bool:
        """Whether somebody is in, or may still come in."""
        self._forget_old()
        return bool(self._links or self._sessions)

    def make_link(self, actor: Actor) -> str:
        self._forget_old()
        while len(self._links) >= MAX_LINKS:
            del self._links[next(iter(self._links))]
        token = self._draw()
        self._links[_hash(token)] = _Link(actor, self._clock.monotonic())
        return token

    def made_for(self, token: str) -> Actor:
        """For whom the link was made. Raises LinkGone; uses nothing up."""
        self._forget_old()
        if (link := self._links.get(_hash(token))) is None:
            raise LinkGone
        return link.actor

    def wrong_password(self, token: str) -> None:
        """One of the few that a link allows was used up."""
        link = self._links.get(_hash(token))
        if link is not None:
            link.wrong += 1
            if link.wrong >= WRONG_PASSWORDS:
                del self._links[_hash(token)]

    def enter(self, token: str) -> tuple[str, Session]:
        """Use the link up: the cookie's value and the session. Raises LinkGone."""
        actor = self.made_for(token)
        del self._links[_hash(token)]
        while len(self._sessions) >= MAX_SESSIONS:
            oldest = min(self._sessions, key=lambda one: self._sessions[one].touched)
            del self._sessions[oldest]
        cookie, now = self._draw(), self._clock.monotonic()
        session = Session(actor, self._draw(), now, now, _hash(token))
        self._sessions[_hash(cookie)] = session
        return cookie, session

    def used_again(self, token: str) -> Session | None:
        """End the session that the link has made already, if there is one: one of two users is not the right one."""
        for cookie, session in self._sessions.items():
            if session.link == _hash(token):
                del self._sessions[cookie]
                return session
        return None

    def came_from(self, cookie: str, token: str) -> bool:
        """Whether this very session was made by the link: the page of it was loaded again."""
        session = self._sessions.get(_hash(cookie))
        return session is not None and session.link == _hash(token)

    def session(self, cookie: str, *, by_person: bool = True) -> Session:
        """Raises SignedOut. What a page asks for by itself keeps no session alive."""
        self._forget_old()
        if (session := self._sessions.get(_hash(cookie))) is None:
            raise SignedOut
        if by_person:
            session.touched = self._clock.monotonic()
        return session

    def leave(self, session: Session) -> None:
        self._sessions = {cookie: one for cookie, one in self._sessions.items() if one is not session}

    def close(self) -> None:
        """End every session and every link."""
        self._links.clear()
        self._sessions.clear()

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        self._links = {name: one for name, one in self._links.items() if now - one.made < LINK_SECONDS}
        self._sessions = {
            name: one
            for name, one in self._sessions.items()
            if now - one.touched < IDLE_SECONDS and now - one.began < LONGEST_SECONDS
        }


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
