"""What both sides of a session share: phase, queue of messages to send, and the watch for silence."""

from __future__ import annotations

from agent.protocol.events import LinkDead
from agent.protocol.faults import DEAD_AFTER_INTERVALS, HANDSHAKE_SECONDS, Fault, ProtocolFault
from agent.protocol.frames import TYPE_NAMES, AgentFrame, Frame, Limits, RelayFrame, Unknown, decode, encode
from agent.protocol.states import HANDSHAKE, Phase, Table


class Conversation:
    """Holds no clock: `now` is seconds that only grow, from whatever clock the driver has."""

    def __init__(self, *, sends: Table, receives: Table, now: float) -> None:
        self.phase = Phase.START
        self.limits = Limits()  # the agent learns the relay's from the welcome
        self.heartbeat_seconds: float | None = None  # known from the welcome on
        self._sends = sends
        self._receives = receives
        self._outgoing: list[str | bytes] = []
        self._started = now
        self._heard = now

    def messages_to_send(self) -> list[str | bytes]:
        """Take what is to be written to the websocket, in order. Also after a fault or a refusal."""
        taken, self._outgoing = self._outgoing, []
        return taken

    @property
    def waiting_to_send(self) -> int:
        return len(self._outgoing)

    def heard(self, now: float) -> None:
        """Part of a message arrived, which proves a slow link alive. What leaves proves nothing: it may wait here."""
        self._heard = max(self._heard, now)

    def close(self) -> None:
        self.phase = Phase.CLOSED

    @property
    def open(self) -> bool:
        return self.phase is Phase.OPEN

    @property
    def draining(self) -> bool:
        return self.phase is Phase.DRAINING

    @property
    def live(self) -> bool:
        """Past the handshake and not closed."""
        return self.open or self.draining

    @property
    def closed(self) -> bool:
        return self.phase is Phase.CLOSED

    def _accept(self, message: str | bytes, now: float) -> Frame | None:
        """Decode a message and take the step it stands for; None where there is nothing to do."""
        if self.closed:
            return None  # what was on its way when the session ended
        if isinstance(message, bytes) and len(message) > self.limits.batch_bytes:
            raise ProtocolFault(Fault.TOO_BIG, f"a batch above {self.limits.batch_bytes} bytes")
        frame = decode(message)
        follows = self._receives.get((self.phase, type(frame)))
        if follows is None:
            name = TYPE_NAMES.get(type(frame), "unknown")
            raise ProtocolFault(Fault.ILLEGAL, f"a {name} frame in phase {self.phase}")
        self.phase = follows
        self.heard(now)
        return None if isinstance(frame, Unknown) else frame

    def _send(self, frame: AgentFrame | RelayFrame) -> None:
        follows = self._sends.get((self.phase, type(frame)))
        if follows is None:
            raise ProtocolFault(
                Fault.ILLEGAL, f"{TYPE_NAMES[type(frame)]} cannot be sent in phase {self.phase}"
            )
        self._outgoing.append(encode(frame))
        self.phase = follows

    def _silence_deadline(self) -> float | None:
        if self.closed:
            return None
        if self.phase in HANDSHAKE or self.heartbeat_seconds is None:
            return self._started + HANDSHAKE_SECONDS
        return self._heard + DEAD_AFTER_INTERVALS * self.heartbeat_seconds

    def _check_silence(self, now: float) -> LinkDead | None:
        deadline = self._silence_deadline()
        if deadline is None or now < deadline:
            return None
        handshake = self.phase in HANDSHAKE
        self.close()
        return LinkDead(now - self._heard, handshake)
