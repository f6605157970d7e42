"""G168 on the wire: of a connection that is refused nothing is taken and nothing is lost; the others go on."""

from __future__ import annotations

from agent.protocol.events import Acked, BatchReceived, GapReported, HeldBack
from agent.protocol.frames import Ack, ConnectionsRefused, Status, decode, encode
from agent.protocol.session import Phase
from tests.unit.protocol.test_sessions import Pair, batch

NAV, ERP = "nav/orders", "erp/orders"


def stored(pair: Pair) -> list[tuple[str, int]]:
    return [
        (event.batch.stream, event.batch.seq) for event in pair.at_relay if isinstance(event, BatchReceived)
    ]


def refused(pair: Pair, *names: str) -> None:
    pair.relay.hold_back(frozenset(names), "used up")
    pair.exchange()


def test_batches_of_a_refused_connection_are_not_taken_and_cost_no_credit() -> None:
    pair = Pair(credit=2).open()
    refused(pair, "nav")
    for seq in range(1, 7):
        pair.agent.send_batch(batch(seq, 0 if seq == 1 else seq - 1, NAV))
        pair.exchange()
    pair.agent.send_batch(batch(9, 0, ERP))
    pair.exchange()

    assert stored(pair) == [(ERP, 9)]
    assert pair.agent.credit == 1


def test_the_agent_is_told_which_and_why() -> None:
    pair = Pair().open()
    refused(pair, "nav")

    assert HeldBack(frozenset({"nav"}), "used up") in pair.at_agent
    assert (pair.agent.takes(NAV), pair.agent.takes(ERP)) == (False, True)


def test_what_was_thrown_away_is_asked_for_when_the_connection_is_taken_again() -> None:
    pair = Pair().open()
    pair.agent.send_batch(batch(1, 0, NAV))
    pair.exchange()
    pair.relay.acknowledge(NAV, 1)
    refused(pair, "nav")
    pair.agent.send_batch(batch(2, 1, NAV))
    pair.exchange()
    refused(pair)

    assert [event for event in pair.at_agent if isinstance(event, GapReported)] == [GapReported(NAV, 1)]
    pair.agent.send_batch(batch(2, 1, NAV))
    pair.exchange()
    pair.relay.acknowledge(NAV, 2)
    pair.exchange()
    assert stored(pair) == [(NAV, 1), (NAV, 2)]
    assert Acked(NAV, 2) in pair.at_agent


def test_it_is_asked_for_once_whatever_the_agent_sent_before_it_heard() -> None:
    """A second word would have the agent forget what it sent behind the first, and take its ack for a fault."""
    pair = Pair().open()
    refused(pair, "nav")
    for seq in (1, 2):
        pair.agent.send_batch(batch(seq, seq - 1, NAV))
    pair.exchange()
    pair.agent.send_batch(batch(3, 2, NAV))
    pair.relay.hold_back(frozenset(), "")
    pair.exchange()

    assert [event for event in pair.at_agent if isinstance(event, GapReported)] == [GapReported(NAV, 0)]
    for seq in (1, 2, 3):
        pair.agent.send_batch(batch(seq, seq - 1, NAV))
    pair.exchange()
    assert stored(pair) == [(NAV, 1), (NAV, 2), (NAV, 3)]


def test_what_is_durable_is_acked_again_while_its_connection_is_refused() -> None:
    pair = Pair(positions={NAV: 2}).open()
    refused(pair, "nav")
    pair.agent.send_batch(batch(2, 1, NAV))
    pair.relay.receive(pair.agent.messages_to_send()[0], 0.0)

    assert Ack(NAV, 2) in [decode(message) for message in pair.relay.messages_to_send()]


def test_batches_that_were_taken_before_the_refusal_are_acked_behind_it() -> None:
    pair = Pair().open()
    pair.agent.send_batch(batch(1, 0, NAV))
    pair.exchange()
    refused(pair, "nav")
    pair.relay.acknowledge(NAV, 1)
    pair.exchange()

    assert Acked(NAV, 1) in pair.at_agent


def test_a_drain_waits_for_no_ack_of_a_refused_connection() -> None:
    pair = Pair().open()
    pair.agent.send_batch(batch(1, 0, NAV))
    pair.exchange()
    refused(pair, "nav")

    assert pair.agent.in_flight == 0


def test_the_same_word_twice_is_said_once_and_a_closed_session_says_nothing() -> None:
    pair = Pair().open()
    refused(pair, "nav")
    refused(pair, "nav")
    assert len([event for event in pair.at_agent if isinstance(event, HeldBack)]) == 1

    pair.relay.refuse("internal", "over")
    pair.relay.messages_to_send()
    pair.relay.hold_back(frozenset(), "")
    assert pair.relay.messages_to_send() == []
    assert pair.relay.phase is Phase.CLOSED


def test_the_frame_is_flagged_optional_and_five_hundred_of_the_longest_names_fit() -> None:
    names = tuple(f"{number:063d}" for number in range(500))
    wire = encode(ConnectionsRefused(names, "x" * 1_024))

    assert '"optional":true' in str(wire)
    assert decode(wire) == ConnectionsRefused(names, "x" * 1_024)


def test_an_older_relay_reads_past_the_names_of_the_configuration() -> None:
    assert decode(encode(Status((), configured=("nav",)))) == Status((), configured=("nav",))
    assert decode('{"type":"status","connections":[]}') == Status(())
