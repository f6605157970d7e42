"""The agent's side of a session."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from agent.protocol.auth import Signer, code_proof, encode_bytes, transcript
from agent.protocol.conversation import Conversation
from agent.protocol.events import (
    Acked,
    AgentEvent,
    CommandReceived,
    EnrolledAs,
    GapReported,
    HeldBack,
    Refused,
    RelayDraining,
    ResultAcked,
    Warned,
    Welcomed,
)
from agent.protocol.faults import MAX_CREDIT, MAX_HEADER_BYTES, MAX_STREAMS, Fault, ProtocolFault
from agent.protocol.frames import (
    Ack,
    Batch,
    Challenge,
    Command,
    Confirm,
    ConnectionsRefused,
    Credit,
    Drain,
    Draining,
    Enroll,
    Enrolled,
    Error,
    Frame,
    Heartbeat,
    HeartbeatAck,
    Hello,
    MorePositions,
    Proof,
    Result,
    ResultAck,
    Status,
    Welcome,
)
from agent.protocol.states import FROM_AGENT, FROM_RELAY, Phase


class AgentSession(Conversation):
    """Say `greeting`, prove the key, then send batches by credit.

    `receive` raises ProtocolFault when the relay breaks the protocol; the session is closed then, and the driver
    closes the websocket. Call `tick` whenever `next_deadline` has passed, and write `messages_to_send` after
    every call.
    """

    def __init__(
        self, greeting: Hello | Enroll, *, sign: Signer, now: float, code_verifier: str | None = None
    ) -> None:
        super().__init__(sends=FROM_AGENT, receives=FROM_RELAY, now=now)
        self.credit = 0
        self.held_back: frozenset[str] = frozenset()  # connections whose batches the relay does not take now
        self._greeting = greeting
        self._sign = sign
        self._code_verifier = code_verifier
        self._welcome: Welcome | None = None
        self._positions: dict[str, int] = {}
        self._hashes: dict[str, str] = {}
        self._sent: dict[str, deque[int]] = {}  # per stream, not acked yet, in the order sent
        self._beats = 0
        self.beats_answered = 0
        self._next_beat: float | None = None
        self._send(greeting)

    @property
    def in_flight(self) -> int:
        """Batches whose ack is still to come; of connections that are held back none does."""
        return sum(len(seqs) for stream, seqs in self._sent.items() if self.takes(stream))

    def takes(self, stream: str) -> bool:
        """Whether the relay takes batches of this stream now."""
        return stream.partition("/")[0] not in self.held_back

    def receive(self, message: str | bytes, now: float) -> list[AgentEvent]:
        try:
            frame = self._accept(message, now)
            return [] if frame is None else list(self._act(frame))
        except ProtocolFault:
            self.close()
            raise

    def confirm(self, now: float) -> None:
        """Call once the welcome's epoch is durable."""
        if self._welcome is None or self._welcome.more:
            raise ProtocolFault(Fault.ILLEGAL, "confirm before the whole welcome")
        self._send(Confirm(self._welcome.epoch))
        self.heard(now)
        self._next_beat = now + self._welcome.heartbeat_seconds

    def fits(self, batch: Batch) -> bool:
        return len(batch.payload) + MAX_HEADER_BYTES <= self.limits.batch_bytes

    def send_batch(self, batch: Batch) -> None:
        """Queue the next batch of its stream; needs credit."""
        if self.credit < 1:
            raise ProtocolFault(Fault.CREDIT, "no credit left")
        sent = self._sent.setdefault(batch.stream, deque())
        if sent and batch.seq <= sent[-1]:
            raise ProtocolFault(Fault.ILLEGAL, f"{batch.stream} {batch.seq} is on its way already")
        self._send(batch)
        self.credit -= 1
        sent.append(batch.seq)

    def send_result(self, result: Result) -> None:
        self._send(result)

    def send_status(self, status: Status) -> None:
        self._send(status)

    def drain(self) -> None:
        if self.open:
            self._send(Drain())

    def tick(self, now: float) -> list[AgentEvent]:
        dead = self._check_silence(now)
        if dead is not None:
            return [dead]
        if self._next_beat is not None and not self.closed and now >= self._next_beat:
            self._beats += 1
            self._send(Heartbeat(self._beats))
            self._next_beat = now + (self.heartbeat_seconds or 0.0)
        return []

    def next_deadline(self) -> float | None:
        silence = self._silence_deadline()
        if silence is None or self._next_beat is None:
            return silence
        return min(silence, self._next_beat)

    def _act(self, frame: Frame) -> Sequence[AgentEvent]:  # noqa: C901, PLR0911 - one line per frame is the clearest table
        match frame:
            case Challenge():
                return self._answer(frame)
            case Enrolled():
                return [EnrolledAs(frame.agent, frame.tenant)]
            case Welcome() | MorePositions():
                return self._welcomed(frame)
            case Ack():
                return self._acked(frame)
            case Credit():
                return self._granted(frame)
            case Command():
                return [CommandReceived(frame)]
            case ResultAck():
                return [ResultAcked(frame.command, frame.state)]
            case HeartbeatAck():
                return self._beat_answered(frame)
            case Draining():
                return [RelayDraining()]
            case ConnectionsRefused():
                self.held_back = frozenset(frame.connections)
                return [HeldBack(self.held_back, frame.reason)]
            case Error():
                return self._complained(frame)
            case _:
                raise ProtocolFault(Fault.ILLEGAL, "a frame that only agents send")

    def _answer(self, challenge: Challenge) -> list[AgentEvent]:
        offered = self._greeting.protocol_min, self._greeting.protocol_max
        if not offered[0] <= challenge.protocol <= offered[1]:
            raise ProtocolFault(
                Fault.VERSION,
                f"the relay chose protocol {challenge.protocol}, offered was {offered[0]} to {offered[1]}",
            )
        signed = transcript(self._greeting, challenge)
        proof = None if self._code_verifier is None else code_proof(self._code_verifier, signed)
        self._send(Proof(encode_bytes(self._sign(signed)), proof))
        return []

    def _welcomed(self, frame: Welcome | MorePositions) -> list[AgentEvent]:
        if isinstance(frame, Welcome):
            if isinstance(self._greeting, Hello) and frame.epoch <= self._greeting.epoch:
                raise ProtocolFault(Fault.MALFORMED, "a welcome whose epoch does not grow")
            self._welcome = frame
            self.credit, self.limits, self.heartbeat_seconds = (
                frame.credit,
                frame.limits,
                frame.heartbeat_seconds,
            )
        elif self._welcome is None or not self._welcome.more:
            raise ProtocolFault(Fault.ILLEGAL, "positions after the last of them")
        self._positions |= frame.positions
        self._hashes |= frame.hashes or {}
        if max(len(self._positions), len(self._hashes)) > MAX_STREAMS:
            raise ProtocolFault(Fault.TOO_BIG, f"positions of more than {MAX_STREAMS} streams")
        if frame.more:
            return []
        welcome = self._welcome
        self._welcome = Welcome(
            welcome.session, welcome.epoch, welcome.credit, welcome.heartbeat_seconds, limits=welcome.limits
        )
        return [Welcomed(self._welcome, dict(self._positions), self._hashes)]

    def _acked(self, ack: Ack) -> list[AgentEvent]:
        if ack.seq <= self._positions.get(ack.stream, 0):
            return []  # said before
        seqs = self._sent.get(ack.stream)
        if not seqs or ack.seq not in seqs:
            raise ProtocolFault(
                Fault.UNKNOWN_SEQ, f"an ack for {ack.stream} {ack.seq}, which was not sent in this session"
            )
        while seqs and seqs[0] <= ack.seq:
            seqs.popleft()
        self._positions[ack.stream] = ack.seq
        return [Acked(ack.stream, ack.seq)]

    def _granted(self, grant: Credit) -> list[AgentEvent]:
        if self.credit + grant.batches > MAX_CREDIT:
            raise ProtocolFault(Fault.CREDIT, f"credit above {MAX_CREDIT}")
        self.credit += grant.batches
        return []

    def _beat_answered(self, answer: HeartbeatAck) -> list[AgentEvent]:
        if answer.n > self._beats:
            raise ProtocolFault(Fault.MALFORMED, "an answer to a heartbeat that was not sent")
        self.beats_answered = max(self.beats_answered, answer.n)
        return []

    def _complained(self, error: Error) -> list[AgentEvent]:
        if error.fatal:
            self.close()
            return [Refused(error)]
        if error.code != "gap":
            return [Warned(error)]
        if error.stream is None or error.last is None or self.phase not in (Phase.OPEN, Phase.DRAINING):
            raise ProtocolFault(Fault.MALFORMED, "a gap without its stream and place")
        # What was sent behind the gap was thrown away; what is at or before `last` is still to be acked.
        kept = deque(seq for seq in self._sent.get(error.stream, ()) if seq <= error.last)
        self._sent[error.stream] = kept
        self._positions[error.stream] = min(self._positions.get(error.stream, 0), error.last)
        return [GapReported(error.stream, error.last)]
