"""Plays the golden sessions: both sides of the protocol, with every message on the wire given beforehand."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.protocol.auth import Code
from agent.protocol.frames import Batch, Enroll, Error, Hello, decode
from agent.protocol.session import AgentSession, KnownAgent, RelaySession

SEED = bytes(range(32))
NONCE = bytes(range(32, 64))
CODE = Code("7QK2M4XV9PT3RB8WZ6HN")


def wire_of(message: str | bytes) -> str:
    return message if isinstance(message, str) else "hex:" + message.hex()


def message_of(wire: str) -> str | bytes:
    return bytes.fromhex(wire[4:]) if wire.startswith("hex:") else wire


class Play:
    """Steps are `{"agent": call}`, `{"relay": call}`, `{"agent>": wire}` and `{"relay>": wire}`."""

    def __init__(self, greeting: str, relay: dict[str, Any]) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(SEED)
        frame = decode(greeting)
        assert isinstance(frame, Hello | Enroll)
        verifier = CODE.verifier if isinstance(frame, Enroll) else None
        self.agent = AgentSession(frame, sign=self.key.sign, now=0.0, code_verifier=verifier)
        versions = tuple(relay.get("versions", (1, 1)))
        self.relay = RelaySession(relay="golden", nonce=NONCE, now=0.0, versions=versions)
        self.waiting: dict[str, list[str | bytes]] = {"agent": [], "relay": []}
        self.events: list[str] = []

    def call(self, side: str, name: str, arguments: dict[str, Any]) -> None:
        if name == "send_batch":
            batch = decode(message_of(arguments["batch"]))
            assert isinstance(batch, Batch)
            self.agent.send_batch(batch)
        elif name == "authenticate":
            own = self.key.public_key().public_bytes_raw()
            known = KnownAgent(bytes.fromhex(arguments.get("public_key", own.hex())), arguments["epoch"])
            self.relay.authenticate(known)
        elif name == "check_code":
            self.relay.check_code(CODE.verifier if arguments["known"] else None)
        elif name == "tick":
            for event in (self.agent if side == "agent" else self.relay).tick(arguments["now"]):
                self.events.append(f"{side}:{type(event).__name__}")
        else:
            getattr(self.agent if side == "agent" else self.relay, name)(**arguments)

    def take(self, side: str) -> str:
        """The next message that a side wants on the wire."""
        session = self.agent if side == "agent" else self.relay
        self.waiting[side] += session.messages_to_send()
        return wire_of(self.waiting[side].pop(0))

    def deliver(self, sender: str, wire: str, now: float) -> None:
        receiver, session = ("relay", self.relay) if sender == "agent" else ("agent", self.agent)
        for event in session.receive(message_of(wire), now):
            self.events.append(f"{receiver}:{type(event).__name__}")

    def idle(self) -> bool:
        self.waiting["agent"] += self.agent.messages_to_send()
        self.waiting["relay"] += self.relay.messages_to_send()
        return not self.waiting["agent"] and not self.waiting["relay"]


def fatal_of(wire: str) -> str:
    frame = decode(message_of(wire))
    return frame.code if isinstance(frame, Error) and frame.fatal else ""
