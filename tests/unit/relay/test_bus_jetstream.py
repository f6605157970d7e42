"""What the consumer of a stream gives, message by message, without a server."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from agent.clock import ManualClock
from relay.bus.base import Hint
from relay.bus.jetstream import JetStreamBus, NatsAccess, _Broken


class Message:
    """As JetStream hands it over: the reply subject numbers what this consumer was given."""

    def __init__(self, number: int, subject: str, headers: dict[str, str] | None = None) -> None:
        self.reply = f"$JS.ACK.groundwire.consumer.1.{number + 40}.{number}.0.0"
        self.subject = f"groundwire.{subject}"
        self.headers = headers
        self.data = orjson.dumps({"position": number})


class Status(Message):
    """What JetStream says in between: how many it has given so far."""

    def __init__(self, so_far: int) -> None:
        super().__init__(0, "x", {"Status": "100 Idle Heartbeat", "Nats-Last-Consumer": str(so_far)})


@pytest.fixture
def bus() -> Any:
    return JetStreamBus(NatsAccess(servers=()), relay="rly_a", clock=ManualClock())


async def test_a_message_that_was_left_out_is_noticed_by_the_next_one(bus: Any) -> None:
    with bus.subscribe(">") as hints:
        bus._take(Message(1, "positions"))
        with pytest.raises(_Broken, match="a gap"):
            bus._take(Message(3, "positions"))

        assert await hints.next() == Hint("positions", {"position": 1})
        assert await hints.next(within=0.0) is None, "what comes behind a gap is not taken for the whole"


def test_the_last_messages_that_were_left_out_are_noticed_by_what_jetstream_says_of_their_number(
    bus: Any,
) -> None:
    bus._take(Message(1, "positions"))
    bus._take(Status(1))

    with pytest.raises(_Broken, match="a gap"):
        bus._take(Status(2))
