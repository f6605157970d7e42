"""What the golden sessions do not show: bounds, misuse by the driver, and time."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.events import Acked, BatchReceived, GapReported, LinkDead, Welcomed
from agent.protocol.faults import MAX_CREDIT, POSITIONS_SENT_PER_FRAME
from agent.protocol.frames import Batch, Error, Hello, Limits, ProtocolFault, Result, decode
from agent.protocol.session import AgentSession, KnownAgent, Phase, RelaySession

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()


class Pair:
    """Both sides, and a wire that delivers at once."""

    def __init__(self, *, credit: int = 8, positions: dict[str, int] | None = None, **relay: object) -> None:
        self.now = 0.0
        self.agent = AgentSession(Hello(1, 1, "agent-1", 4, "test"), sign=KEY.sign, now=0.0)
        self.relay = RelaySession(relay="r", nonce=bytes(32), now=0.0, **relay)  # type: ignore[arg-type]
        self.credit, self.positions = credit, positions or {}
        self.at_agent: list[object] = []
        self.at_relay: list[object] = []

    def exchange(self) -> None:
        while True:
            out, back = self.agent.messages_to_send(), self.relay.messages_to_send()
            if not out and not back:
                return
            for message in out:
                self.at_relay += self.relay.receive(message, self.now)
            for message in back:
                self.at_agent += self.agent.receive(message, self.now)

    def welcome(self, known: KnownAgent | None = None) -> int | None:
        self.exchange()
        pending = self.relay.authenticate(known or KnownAgent(PUBLIC, 4))
        if pending is not None:
            self.relay.send_welcome(session="s", positions=self.positions, credit=self.credit, now=self.now)
        self.exchange()
        return pending

    def open(self) -> Pair:
        self.welcome()
        self.agent.confirm(self.now)
        self.exchange()
        assert self.agent.open
        assert self.relay.open
        return self


def batch(seq: int, prev: int, stream: str = "erp/vendors", payload: bytes = b"x") -> Batch:
    digest = hashlib.sha256(payload).hexdigest()
    return Batch(stream, "vendor", seq, prev, "run", "records", 1, digest, "2026-01-05T12:00:00Z", payload)


def test_positions_of_many_streams_arrive_in_parts_and_as_one() -> None:
    positions = {f"erp/s{n}": n for n in range(1_000)}
    pair = Pair(positions=positions)
    pair.welcome()

    (welcomed,) = pair.at_agent
    assert isinstance(welcomed, Welcomed)
    assert welcomed.positions == positions


def test_the_welcome_cannot_be_confirmed_before_its_last_part() -> None:
    pair = Pair(positions={f"erp/s{n}": n for n in range(POSITIONS_SENT_PER_FRAME + 1)})
    pair.exchange()
    pair.relay.authenticate(KnownAgent(PUBLIC, 4))
    pair.relay.send_welcome(session="s", positions=pair.positions, credit=1, now=0.0)
    first, last = pair.relay.messages_to_send()
    pair.agent.receive(first, 0.0)
    with pytest.raises(ProtocolFault):
        pair.agent.confirm(0.0)

    pair.agent.receive(last, 0.0)
    pair.agent.confirm(0.0)
    assert pair.agent.open


def test_the_welcome_of_the_longest_names_with_their_hashes_arrives_whole() -> None:
    positions = {f"{'c' * 63}/{n:063d}": 2**53 - 1 for n in range(2 * POSITIONS_SENT_PER_FRAME)}
    pair = Pair()
    pair.exchange()
    pair.relay.authenticate(KnownAgent(PUBLIC, 4))
    hashes = dict.fromkeys(positions, "ab" * 32)
    pair.relay.send_welcome(session="s", positions=positions, credit=1, now=0.0, hashes=hashes)

    events = [
        event for message in pair.relay.messages_to_send() for event in pair.agent.receive(message, 0.0)
    ]

    (welcomed,) = events
    assert isinstance(welcomed, Welcomed)
    assert welcomed.positions == positions
    assert welcomed.hashes == dict.fromkeys(positions, "ab" * 8)


@pytest.mark.parametrize(
    ("known", "epoch"),
    [
        (KnownAgent(PUBLIC, 4), 5),
        (KnownAgent(PUBLIC, 4, pending=5), 5),
        (KnownAgent(PUBLIC, 3, pending=4), 5),  # only the confirm was lost
        (KnownAgent(PUBLIC, 5), None),
        (KnownAgent(PUBLIC, 5, pending=6), None),
        (KnownAgent(PUBLIC, 3), 5),  # the relay came back from a backup
        (KnownAgent(PUBLIC, 2, pending=3), 5),
        (KnownAgent(PUBLIC, 4, revoked=True), None),
        (KnownAgent(bytes(32), 4), None),
    ],
)
def test_epochs_and_keys(known: KnownAgent, epoch: int | None) -> None:
    pair = Pair()

    assert pair.welcome(known) == epoch
    assert pair.relay.closed is (epoch is None)


def test_a_welcome_whose_epoch_does_not_grow_is_refused() -> None:
    pair = Pair()
    pair.exchange()
    with pytest.raises(ProtocolFault, match="epoch"):
        pair.agent.receive(
            '{"type":"welcome","session":"s","epoch":4,"credit":1,"heartbeat_seconds":15}', 0.0
        )
    assert pair.agent.closed


def test_a_relay_that_skips_its_checks_cannot_welcome() -> None:
    pair = Pair()
    pair.exchange()
    with pytest.raises(ProtocolFault):
        pair.relay.send_welcome(session="s", positions={}, credit=1, now=0.0)
    with pytest.raises(ProtocolFault):
        pair.relay.check_code(None)


def test_nothing_is_sent_beyond_credit() -> None:
    pair = Pair(credit=1).open()
    pair.agent.send_batch(batch(1, 0))
    with pytest.raises(ProtocolFault):
        pair.agent.send_batch(batch(2, 1))

    pair.relay.grant(2)
    pair.exchange()
    assert pair.agent.credit == 2


def test_an_agent_that_sends_beyond_its_credit_is_shut_out() -> None:
    pair = Pair(credit=1).open()
    pair.agent.credit = 2
    pair.agent.send_batch(batch(1, 0))
    pair.agent.send_batch(batch(2, 1))

    with pytest.raises(ProtocolFault, match="without credit"):
        pair.exchange()
    assert pair.relay.closed


def test_a_grant_stops_at_the_bound() -> None:
    pair = Pair(credit=10).open()
    pair.relay.grant(10**9)
    pair.exchange()

    assert pair.agent.credit == pair.relay.credit == MAX_CREDIT


def test_credit_of_batches_thrown_away_comes_back() -> None:
    pair = Pair(credit=3, positions={"erp/vendors": 5}).open()
    pair.agent.send_batch(batch(9, 8))
    pair.exchange()
    pair.agent.send_batch(batch(4, 3))
    pair.exchange()

    assert pair.agent.credit == pair.relay.credit == 3
    assert [e for e in pair.at_relay if isinstance(e, BatchReceived)] == []


def test_a_relay_acks_nothing_it_has_not_got() -> None:
    pair = Pair().open()
    with pytest.raises(ProtocolFault):
        pair.relay.acknowledge("erp/vendors", 1)


def test_acks_are_cumulative_and_repeats_say_nothing() -> None:
    pair = Pair().open()
    for seq in (1, 2, 3):
        pair.agent.send_batch(batch(seq, seq - 1))
    pair.exchange()
    for seq in (2, 1, 2, 3, 3):
        pair.relay.acknowledge("erp/vendors", seq)
    pair.exchange()

    assert [e for e in pair.at_agent if isinstance(e, Acked)] == [
        Acked("erp/vendors", 2),
        Acked("erp/vendors", 3),
    ]
    assert pair.agent.in_flight == 0


def test_a_batch_on_its_way_is_not_sent_twice_in_one_session() -> None:
    pair = Pair().open()
    pair.agent.send_batch(batch(2, 0))
    with pytest.raises(ProtocolFault):
        pair.agent.send_batch(batch(2, 0))
    with pytest.raises(ProtocolFault):
        pair.agent.send_batch(batch(1, 0))


def test_a_second_wrong_attempt_at_a_gap_is_answered_again() -> None:
    """An agent that sends the same wrong batch once more is told once more, and never waits for ever."""
    pair = Pair(positions={"erp/vendors": 3}).open()
    for _ in range(2):
        pair.agent.send_batch(batch(9, 7))
        pair.exchange()

    assert [e for e in pair.at_agent if isinstance(e, GapReported)] == [GapReported("erp/vendors", 3)] * 2


def test_a_batch_above_the_relays_limit_does_not_fit_and_is_not_read() -> None:
    pair = Pair(limits=Limits(batch_bytes=2**20)).open()
    large = batch(1, 0, payload=bytes(2**20))
    assert not pair.agent.fits(large)
    assert pair.agent.fits(batch(1, 0, payload=bytes(2**19)))

    pair.agent.send_batch(large)
    with pytest.raises(ProtocolFault):
        pair.exchange()
    told = decode(pair.relay.messages_to_send()[-1])
    assert isinstance(told, Error)
    assert told.code == "too_big"


def test_draining_lets_results_and_acks_through_and_no_batch() -> None:
    pair = Pair().open()
    pair.agent.send_batch(batch(1, 0))
    pair.agent.drain()
    pair.agent.send_result(Result("c1", "succeeded"))
    pair.exchange()
    pair.relay.acknowledge("erp/vendors", 1)
    pair.exchange()

    assert pair.agent.in_flight == 0
    assert pair.relay.phase is Phase.DRAINING
    with pytest.raises(ProtocolFault):
        pair.agent.send_batch(batch(2, 1))


def test_heartbeats_keep_both_sides_for_a_day() -> None:
    pair = Pair().open()
    while pair.now < 86_400:
        pair.now = min(d for d in (pair.agent.next_deadline(), pair.relay.next_deadline()) if d is not None)
        pair.at_agent += pair.agent.tick(pair.now)
        pair.at_relay += pair.relay.tick(pair.now)
        pair.exchange()

    assert pair.agent.open
    assert pair.relay.open


@pytest.mark.parametrize("interval", [0.1, 15.0, 18.0])
def test_silence_is_noticed_within_45_seconds(interval: float) -> None:
    pair = Pair(heartbeat_seconds=interval).open()
    now = 0.0
    events: list[object] = []
    while not events:
        deadline = pair.agent.next_deadline()
        assert deadline is not None
        now = deadline
        events = list(pair.agent.tick(now))
        pair.agent.messages_to_send()

    assert events == [LinkDead(2.5 * interval, handshake=False)]
    assert now <= 45


def test_parts_of_a_long_message_count_as_life() -> None:
    pair = Pair().open()
    pair.relay.heard(30.0)

    assert pair.relay.tick(40.0) == []
    assert pair.relay.tick(67.5) != []


def test_while_a_long_message_arrives_the_relay_says_that_it_is_there() -> None:
    """At 1 kB/s a batch of 600 kB takes ten minutes, and the agent's heartbeats wait behind it."""
    pair = Pair().open()
    told = 0
    while pair.now < 600:
        pair.now += 16.0  # a part
        told += pair.relay.still_here(pair.now)
        for message in pair.relay.messages_to_send():
            pair.at_agent += pair.agent.receive(message, pair.now)
        pair.at_agent += pair.agent.tick(pair.now)
        pair.agent.messages_to_send()  # waits behind the parts

    assert pair.agent.open
    assert pair.relay.tick(pair.now) == []
    assert told == 38


def test_the_relay_says_that_it_is_there_no_more_than_twice_an_interval() -> None:
    pair = Pair(heartbeat_seconds=15.0).open()

    told = [second for second in range(61) if pair.relay.still_here(float(second))]

    assert told == [8, 16, 24, 32, 40, 48, 56]
    assert not Pair().relay.still_here(100.0)  # nobody is there yet


def test_a_handshake_that_stalls_ends() -> None:
    pair = Pair()

    assert pair.agent.tick(19.9) == []
    assert pair.agent.tick(20.0) == [LinkDead(20.0, handshake=True)]
    assert pair.relay.tick(20.0) == [LinkDead(20.0, handshake=True)]


@given(
    st.lists(st.tuples(st.sampled_from(["a/a", "a/b"]), st.integers(1, 9), st.integers(0, 8)), max_size=30)
)
def test_what_the_relay_takes_is_always_one_chain(sent: list[tuple[str, int, int]]) -> None:
    """Whatever is thrown at it: per stream, each batch taken names the one taken before it."""
    pair = Pair(credit=MAX_CREDIT).open()
    taken: dict[str, int] = {}
    from agent.protocol.frames import encode

    for stream, seq, prev in sent:
        if prev >= seq:
            continue
        for event in pair.relay.receive(encode(batch(seq, prev, stream)), 0.0):
            if isinstance(event, BatchReceived):
                assert event.batch.prev == taken.get(stream, 0)
                taken[stream] = event.batch.seq
                pair.relay.acknowledge(stream, event.batch.seq)
