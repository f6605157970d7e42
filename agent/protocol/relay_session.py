"""The relay's side of a session with one agent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from agent.protocol.auth import (
    decode_bytes,
    encode_bytes,
    transcript,
    verify_code_proof,
    verify_signature,
)
from agent.protocol.conversation import Conversation
from agent.protocol.events import (
    AgentProved,
    BatchReceived,
    Confirmed,
    DrainStarted,
    EnrollProved,
    LinkDead,
    RelayEvent,
    ResultReceived,
    StatusReceived,
)
from agent.protocol.faults import (
    MAX_CREDIT,
    MAX_REFUSED,
    MAX_SEQ,
    MAX_STREAMS,
    POSITIONS_SENT_PER_FRAME,
    PROTOCOL_MAX,
    PROTOCOL_MIN,
    SHORT_HASH_DIGITS,
    Fault,
    ProtocolFault,
)
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
    Limits,
    MorePositions,
    Proof,
    Result,
    ResultAck,
    Status,
    Welcome,
)
from agent.protocol.states import FROM_AGENT, FROM_RELAY, Phase


@dataclass(frozen=True, slots=True)
class KnownAgent:
    """What the relay has stored of an agent."""

    public_key: bytes
    epoch: int
    pending: int | None = None  # handed out in a welcome and not confirmed yet
    revoked: bool = False


def is_ahead(epoch: int, known: KnownAgent) -> bool:
    """Whether the agent has an epoch that was handed out and is not known any more: the relay came from a backup.

    Nobody but the relay hands epochs out, so a copy of an identity never has one above those that are known.
    """
    return max(known.epoch, known.pending or 0) < epoch < MAX_SEQ


class RelaySession(Conversation):
    """Challenge, check, then take batches in order.

    The driver does the look-ups and the storing: it answers `AgentProved` with `authenticate` and `send_welcome`,
    `EnrollProved` with `check_code` and `send_enrolled`, `BatchReceived` with `acknowledge` once stored durably,
    and gives credit back with `grant`. `receive` raises ProtocolFault when the agent breaks the protocol; the
    error frame for it is in `messages_to_send` by then. Once `closed`, write what is left and close the websocket.
    """

    def __init__(
        self,
        *,
        relay: str,
        nonce: bytes,
        now: float,
        heartbeat_seconds: float = 15.0,
        limits: Limits | None = None,
        versions: tuple[int, int] = (PROTOCOL_MIN, PROTOCOL_MAX),
    ) -> None:
        super().__init__(sends=FROM_RELAY, receives=FROM_AGENT, now=now)
        self.limits = limits or Limits()
        self.protocol: int | None = None
        self.credit = 0  # granted and not used yet
        self.public_key = b""  # of an enrolling agent
        self._relay = relay
        self._nonce = encode_bytes(nonce)
        self._interval = heartbeat_seconds
        self._versions = versions
        self._greeting: Hello | Enroll | None = None
        self._signed = b""
        self._proof: Proof | None = None
        self._epoch: int | None = None  # handed out in this session
        self._authentic = False
        self._durable: dict[str, int] = {}
        self._beat = 0  # of the newest heartbeat
        self._beat_told: float | None = None  # when it was answered last
        self._tail: dict[str, int] = {}  # received and handed to the driver
        self._dropped: dict[str, int] = {}  # per stream with a gap: the last seq thrown away
        self._held_back: frozenset[str] = frozenset()  # connections whose batches are not taken
        self._not_taken: dict[str, int] = {}  # per stream the last seq thrown away for that

    def receive(self, message: str | bytes, now: float) -> list[RelayEvent]:
        try:
            frame = self._accept(message, now)
            return [] if frame is None else list(self._act(frame, now))
        except ProtocolFault as fault:
            self.refuse(fault.code, fault.message)
            raise

    def authenticate(self, known: KnownAgent | None) -> int | None:
        """Check signature and epoch; return the epoch to store as pending before `send_welcome`.

        Store it together with the epoch that the agent came with as the current one: a returning pending epoch
        proves that it was made durable. None: refused, and the error is queued.
        """
        if not isinstance(self._greeting, Hello) or self._proof is None:
            raise ProtocolFault(Fault.ILLEGAL, "authenticate before the agent's proof")
        hello, proof = self._greeting, self._proof
        # One answer for unknown, revoked and wrongly signed: whoever asks learns nothing about agents.
        if (
            known is None
            or known.revoked
            or not verify_signature(known.public_key, proof.signature, self._signed)
        ):
            self.refuse("identity_refused", "this agent is not known here, or no longer")
            return None
        if hello.epoch not in (known.epoch, known.pending) and not is_ahead(hello.epoch, known):
            self.refuse(
                "stale_epoch",
                f"the identity was used elsewhere since: epoch {hello.epoch} came, {known.epoch} is in force",
            )
            return None
        self._authentic = True
        self._epoch = hello.epoch + 1
        return self._epoch

    def send_welcome(
        self,
        *,
        session: str,
        positions: Mapping[str, int],
        credit: int,
        now: float,
        hashes: Mapping[str, str] | None = None,
    ) -> None:
        """`positions`: per stream the last seq stored durably; `hashes`: of the batches there."""
        if not self._authentic or self._epoch is None:
            raise ProtocolFault(Fault.ILLEGAL, "welcome for an agent that has not proved itself")
        rest = iter(positions.items())
        portions = [dict(islice(rest, POSITIONS_SENT_PER_FRAME))]
        while portion := dict(islice(rest, POSITIONS_SENT_PER_FRAME)):
            portions.append(portion)
        known = hashes or {}
        self._send(
            Welcome(
                session,
                self._epoch,
                credit,
                self._interval,
                positions=portions[0],
                more=len(portions) > 1,
                limits=self.limits,
                hashes=_short(known, portions[0]),
            )
        )
        for number, portion in enumerate(portions[1:], start=2):
            more = number < len(portions)
            self._send(MorePositions(portion, more=more, hashes=_short(known, portion)))
        self.heartbeat_seconds = self._interval
        self.credit = credit
        self._durable, self._tail = dict(positions), dict(positions)
        self.heard(now)

    def check_code(self, verifier: str | None) -> bool:
        """Check the key's signature and the code's proof; None: no code of that id is open. False: refused."""
        if not isinstance(self._greeting, Enroll) or self._proof is None:
            raise ProtocolFault(Fault.ILLEGAL, "check_code before the agent's proof")
        proof = self._proof
        genuine = (
            verifier is not None
            and proof.code_proof is not None
            and verify_code_proof(verifier, proof.code_proof, self._signed)
            and verify_signature(self.public_key, proof.signature, self._signed)
        )
        if not genuine:
            self.refuse("code_refused", "the code is wrong, used or too old")
        self._authentic = genuine
        return genuine

    def send_enrolled(self, *, agent: str, tenant: str) -> None:
        if not self._authentic:
            raise ProtocolFault(Fault.ILLEGAL, "enrolled for a code that was not proved")
        self._send(Enrolled(agent, tenant))

    def acknowledge(self, stream: str, seq: int) -> None:
        """Everything of `stream` up to `seq` is durable. Repeats and older ones do nothing."""
        if self.closed or seq <= self._durable.get(stream, 0):
            return
        if seq > self._tail.get(stream, 0):
            raise ProtocolFault(Fault.UNKNOWN_SEQ, f"{stream} {seq} was not received")
        self._durable[stream] = seq
        self._send(Ack(stream, seq))

    def grant(self, batches: int) -> None:
        """Allow so many batches more; what would pass MAX_CREDIT is left out."""
        room = min(batches, MAX_CREDIT - self.credit)
        if room > 0 and not self.closed:
            self._send(Credit(room))
            self.credit += room

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What the agent says that it understands."""
        return self._greeting.capabilities if isinstance(self._greeting, Hello) else ()

    def hold_back(self, connections: frozenset[str], reason: str) -> None:
        """Take no batches of these connections from here on, and of those that were held back before them again.

        Only for an agent that says it understands `connections_refused`.
        """
        if self.closed or connections == self._held_back:
            return
        self._held_back = connections
        self._send(ConnectionsRefused(tuple(sorted(connections)[:MAX_REFUSED]), reason[:1_024]))
        for stream in sorted(stream for stream in self._not_taken if self._takes(stream)):
            # What the agent sent right behind it, before it heard, needs no second word.
            self._dropped[stream] = self._not_taken.pop(stream)
            text = "its connection's batches are taken again"
            self._send(Error("gap", text, fatal=False, stream=stream, last=self._tail.get(stream, 0)))

    def _takes(self, stream: str) -> bool:
        return stream.partition("/")[0] not in self._held_back

    def send_command(self, command: Command) -> None:
        self._send(command)

    def send_result_ack(self, command: str, state: str) -> None:
        if not self.closed:
            self._send(ResultAck(command, state))

    def send_draining(self) -> None:
        self._send(Draining())

    def refuse(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        """End the session: `identity_refused`, `superseded`, `throttled`, `internal` ..."""
        if not self.closed:
            self._send(Error(code, message[:1_024], fatal=True, retry_after=retry_after))
            self.close()

    def still_here(self, now: float) -> bool:
        """A part of a message arrived, or the driver holds the agent back; return whether there is something to send.

        The agent's next heartbeat may wait behind a long message, so the last one is answered again meanwhile.
        """
        self.heard(now)
        told = self._beat_told
        if not self.live or told is None or now - told < self._interval / 2:
            return False
        self._answer_beat(now)
        return True

    def tick(self, now: float) -> list[LinkDead]:
        dead = self._check_silence(now)
        return [] if dead is None else [dead]

    def next_deadline(self) -> float | None:
        return self._silence_deadline()

    def _act(self, frame: Frame, now: float) -> Sequence[RelayEvent]:  # noqa: PLR0911 - one line per frame is the clearest table
        match frame:
            case Hello() | Enroll():
                return self._greeted(frame)
            case Proof():
                return self._proved(frame)
            case Confirm():
                return self._confirmed(frame, now)
            case Batch():
                return self._batch(frame)
            case Result():
                return [ResultReceived(frame)]
            case Status():
                return [StatusReceived(frame)]
            case Heartbeat():
                self._beat = frame.n
                self._answer_beat(now)
                return []
            case Drain():
                return [DrainStarted()]
            case _:
                raise ProtocolFault(Fault.ILLEGAL, "a frame that only the relay sends")

    def _greeted(self, greeting: Hello | Enroll) -> Sequence[RelayEvent]:
        low, high = self._versions
        self.protocol = min(greeting.protocol_max, high)
        if self.protocol < max(greeting.protocol_min, low):
            text = f"protocol {low} to {high} is spoken here, the agent speaks {greeting.protocol_min} to {greeting.protocol_max}"
            self._send(Error(Fault.VERSION, text, fatal=True, protocol_min=low, protocol_max=high))
            self.close()
            return []
        self._greeting = greeting
        if isinstance(greeting, Enroll):
            self.public_key = decode_bytes(greeting.public_key)
        challenge = Challenge(self._nonce, self.protocol, self._relay)
        self._signed = transcript(greeting, challenge)
        self._send(challenge)
        return []

    def _proved(self, proof: Proof) -> Sequence[RelayEvent]:
        self._proof = proof
        if isinstance(self._greeting, Hello):
            return [AgentProved(self._greeting)]
        if self._greeting is None or self.phase is not Phase.ENROLL_PROVED:
            raise ProtocolFault(Fault.ILLEGAL, "a proof without a greeting")
        return [EnrollProved(self._greeting)]

    def _answer_beat(self, now: float) -> None:
        self._send(HeartbeatAck(self._beat))
        self._beat_told = now

    def _confirmed(self, frame: Confirm, now: float) -> Sequence[RelayEvent]:
        if frame.epoch != self._epoch:
            raise ProtocolFault(Fault.MALFORMED, "confirm names another epoch than the welcome")
        self._beat_told = now
        return [Confirmed(frame.epoch)]

    def _batch(self, batch: Batch) -> Sequence[RelayEvent]:
        if self.credit < 1:
            raise ProtocolFault(Fault.CREDIT, "a batch without credit")
        self.credit -= 1
        if not batch.intact():
            raise ProtocolFault(Fault.BAD_HASH, f"{batch.stream} {batch.seq} is not what its hash says")
        tail = self._tail.get(batch.stream, 0)
        if batch.seq <= tail:
            return self._repeated(batch)
        if not self._takes(batch.stream):
            # It was on its way when the agent was told. It stays in the outbox, and a gap asks for it again.
            self._not_taken[batch.stream] = batch.seq
            self.grant(1)
            return []
        if batch.prev != tail:
            return self._gap(batch, tail)
        if batch.stream not in self._tail and len(self._tail) >= MAX_STREAMS:
            raise ProtocolFault(Fault.TOO_BIG, f"more than {MAX_STREAMS} streams")
        self._dropped.pop(batch.stream, None)
        self._tail[batch.stream] = batch.seq
        return [BatchReceived(batch)]

    def _repeated(self, batch: Batch) -> Sequence[RelayEvent]:
        durable = self._durable.get(batch.stream, 0)
        if batch.seq <= durable:
            self._send(Ack(batch.stream, durable))  # the first ack was lost
        self.grant(1)
        return []

    def _gap(self, batch: Batch, tail: int) -> Sequence[RelayEvent]:
        # Once per gap: what the agent sent right behind it, before it heard, needs no second word.
        if batch.prev != self._dropped.get(batch.stream):
            text = f"batch {batch.seq} follows {batch.prev}, the last one here is {tail}"
            self._send(Error("gap", text, fatal=False, stream=batch.stream, last=tail))
        self._dropped[batch.stream] = batch.seq
        self.grant(1)
        return []


def _short(hashes: Mapping[str, str], streams: Iterable[str]) -> dict[str, str] | None:
    found = {stream: hashes[stream][:SHORT_HASH_DIGITS] for stream in streams if stream in hashes}
    return found or None
