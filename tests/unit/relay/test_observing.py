"""Whoever watches the relay cannot hold it up."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from relay.ingest import Ingest
from relay.observing import Commit, Observer, Observers
from tests.canaries import canary
from tests.unit.relay.making import Sender, enrolled, opened, orders

SECRET = canary("-observer")


class Broken(Observer):
    def committed(self, commit: Commit) -> None:
        raise ValueError(SECRET)


class Counting(Observer):
    def __init__(self) -> None:
        self.commits = 0

    def committed(self, commit: Commit) -> None:
        self.commits += 1


async def test_an_observer_that_fails_stops_no_batch_and_no_other_observer(tmp_path: Path) -> None:
    other = Counting()
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        ingest = Ingest(relay.store, clock=relay.clock, observer=Observers(Broken(), other))
        ingest.stop()
        with capture_logs() as lines:
            for number in (1, 2):
                done = ingest.submit(sender.batch(orders([str(number)])))
                await ingest.run()
                assert done.result().last_seq == number

    assert other.commits == 2
    assert [line["event"] for line in lines] == ["observer_failed"]
    assert SECRET not in str(lines)
