"""Both sides of a session under any sequence of messages, calls and times: faults, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.protocol.faults import MAX_CREDIT, ProtocolFault
from agent.protocol.frames import Batch, Command, Enroll, Hello, Result, Status, decode
from agent.protocol.session import AgentSession, KnownAgent, RelaySession
from tests.fuzz.draws import Draws
from tests.fuzz.targets.frames import VECTORS
from tests.protocol.scripts import CODE, SEED, message_of

KEY = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = KEY.public_key().public_bytes_raw()
FRAMES = [message_of(vector["wire"]) for vector in json.loads((VECTORS / "frames.json").read_text())]
ENROLL = next(f for m in FRAMES if isinstance(f := decode(m), Enroll))
BATCH = next(f for m in FRAMES if isinstance(f := decode(m), Batch))
VALUES = (
    None,
    True,
    0,
    -1,
    1,
    2,
    3,
    300,
    2**53,
    0.5,
    "",
    "a",
    "erp/orders",
    "x" * 300,
    [],
    {},
    [1],
    {"a": {}},
)
MOST_STEPS = 40


def seeds() -> Iterator[bytes]:
    yield bytes(range(64))
    for late in (0, 1):
        for first in range(len(FRAMES)):
            yield bytes([late, 0, first, 0, first + 1, 3, 1, first, 0, 2, first, 4, 5, 6, 7, 8, 9, 10])


class _Play:
    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._now = 0.0
        greeting = ENROLL if draws.flag() else Hello(1, 1, "agent-1", 4, "test")
        verifier = CODE.verifier if isinstance(greeting, Enroll) else None
        self.agent = AgentSession(greeting, sign=lambda _: bytes(64), now=0.0, code_verifier=verifier)
        self.relay = RelaySession(relay="golden", nonce=bytes(32), now=0.0)

    def open(self) -> None:
        """A session past its handshake."""
        self.agent = AgentSession(Hello(1, 1, "agent-1", 4, "test"), sign=KEY.sign, now=0.0)
        self._exchange()
        self.relay.authenticate(KnownAgent(PUBLIC, 4))
        self.relay.send_welcome(session="s", positions={"erp/orders": 1}, credit=3, now=0.0)
        self._exchange()
        self.agent.confirm(0.0)
        self._exchange()

    def _exchange(self) -> None:
        for _ in range(2):
            for message in self.agent.messages_to_send():
                self.relay.receive(message, 0.0)
            for message in self.relay.messages_to_send():
                self.agent.receive(message, 0.0)

    def step(self) -> None:
        side = self.agent if self._draws.flag() else self.relay
        was_closed = side.closed
        what = self._draws.below(4)
        if what == 3:
            self._call(side)
            return
        message = self._message()
        try:
            events = side.receive(message, self._now)
        except ProtocolFault:
            assert side.closed
        else:
            assert not (was_closed and events)
        assert 0 <= side.credit <= MAX_CREDIT

    def _message(self) -> str | bytes:
        draws = self._draws
        message = draws.one_of(FRAMES)
        match draws.below(3):
            case 1 if isinstance(message, str):
                body = json.loads(message)
                body[draws.one_of(sorted(body))] = draws.one_of(VALUES)
                return json.dumps(body)
            case 2:
                raw = draws.raw()
                return raw.decode("utf-8", "replace") if draws.flag() else raw
        return message

    def _call(self, side: AgentSession | RelaySession) -> None:
        """What a driver of the session may do at any time; out of place it is a fault as well."""
        self._now += self._draws.one_of((0.0, 1.0, 14.9, 50.0))
        calls: list[Callable[[], Any]] = [lambda: side.tick(self._now), lambda: side.heard(self._now)]
        if isinstance(side, AgentSession):
            batch = decode(FRAMES[0]) if self._draws.flag() else BATCH
            calls += [
                lambda: side.confirm(self._now),
                side.drain,
                lambda: side.send_batch(BATCH if not isinstance(batch, Batch) else batch),
                lambda: side.send_result(Result("c", "succeeded", {"a": 1})),
                lambda: side.send_status(Status(({"name": "erp"},))),
            ]
        else:
            calls += [
                lambda: side.authenticate(KnownAgent(PUBLIC, self._draws.below(6))),
                lambda: side.send_welcome(session="s", positions={}, credit=2, now=self._now),
                lambda: side.check_code(CODE.verifier),
                lambda: side.send_enrolled(agent="a", tenant="t"),
                lambda: side.acknowledge(self._draws.one_of(("erp/orders", "a/b")), self._draws.below(9)),
                lambda: side.grant(self._draws.byte() * 5),
                lambda: side.send_command(Command("c", "sync", {}, "2026-01-05T12:00:00Z")),
                side.send_draining,
            ]
        with suppress(ProtocolFault):
            self._draws.one_of(calls)()


def feed(data: bytes) -> None:
    draws = Draws(data)
    play = _Play(draws)
    if draws.flag():
        play.open()
    for _ in range(MOST_STEPS):
        if draws.exhausted:
            break
        play.step()
        for side in (play.agent, play.relay):
            for sent in side.messages_to_send():
                decode(sent)
    for side in (play.agent, play.relay):
        side.tick(1e9)
        assert side.closed
        assert side.next_deadline() is None
