from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from agent.errors import AlreadyRunning, StorageDamaged, VersionMismatch
from relay.store.base import (
    Appended,
    AppendOutcome,
    ConnectionStatus,
    Enrolment,
    EnrolmentCode,
    Tenant,
)
from relay.store.sqlite import SqliteStore
from tests.unit.relay.making import LATER, NOW, Sender, enrolled, opened, orders


async def test_batches_follow_one_another_in_their_stream(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        first, second = sender.batch(orders(["1"])), sender.batch(orders(["2"]))

        outcomes = await relay.store.append_batches([first, second])

        assert outcomes == [Appended(AppendOutcome.APPENDED, 1), Appended(AppendOutcome.APPENDED, 2)]


async def test_a_batch_seen_again_is_stored_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        batch = Sender(await enrolled(relay.store)).batch(orders(["1"]))
        await relay.store.append_batches([batch])

        outcomes = await relay.store.append_batches([batch])

        assert outcomes == [Appended(AppendOutcome.REPEATED, 1)]
        assert len(await relay.store.headers(0, 10)) == 1


async def test_a_gap_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        sender.batch(orders(["1"]))

        outcomes = await relay.store.append_batches([sender.batch(orders(["2"]))])

        assert outcomes == [Appended(AppendOutcome.GAP, 0)]
        assert await relay.store.last_position() == 0


async def test_a_number_used_for_other_content_is_noticed(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        agent = await enrolled(relay.store)
        await relay.store.append_batches([Sender(agent).batch(orders(["1"]))])

        outcomes = await relay.store.append_batches([Sender(agent).batch(orders(["other"]))])

        assert outcomes == [Appended(AppendOutcome.REWOUND, 1)]


async def test_what_was_appended_is_there_after_reopening(tmp_path: Path) -> None:
    payload = orders(["1"])
    async with opened(tmp_path) as relay:
        await relay.store.append_batches([Sender(await enrolled(relay.store)).batch(payload)])

    async with opened(tmp_path) as relay:
        batch = await relay.store.batch(1)

        assert batch is not None
        assert batch.payload == payload
        assert batch.header.connection == "nav"


async def test_positions_never_come_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        sender = Sender(await enrolled(relay.store))
        await relay.store.append_batches([sender.batch(orders(["1"])), sender.batch(orders(["2"]))])
        await relay.store.database.write(lambda db: db.execute("DELETE FROM batches WHERE position = 2"))

        await relay.store.append_batches([sender.batch(orders(["3"]))])

        assert await relay.store.last_position() == 3


async def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(AlreadyRunning):
            await SqliteStore.open(tmp_path / "relay.db")


async def test_a_newer_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    connection = apsw.Connection(str(tmp_path / "relay.db"))
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(VersionMismatch, match="99"):
        await SqliteStore.open(tmp_path / "relay.db")


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be one" * 20, b"SQLite format 3\0"]
)
async def test_a_file_that_is_no_store_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "relay.db").write_bytes(content)

    with pytest.raises(StorageDamaged):
        await SqliteStore.open(tmp_path / "relay.db")


async def test_a_code_works_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        await relay.store.add_tenant(Tenant("acme", NOW))
        await relay.store.add_code(EnrolmentCode("AAAAA", "00", "acme", None, NOW, LATER))
        first = await relay.store.enrol("AAAAA", Enrolment("agt_1", "a", b"1" * 32, "test"), NOW)

        second = await relay.store.enrol("AAAAA", Enrolment("agt_2", "b", b"2" * 32, "test"), NOW)
        again = await relay.store.enrol("AAAAA", Enrolment("agt_3", "a", b"1" * 32, "test"), NOW)

        assert second is None
        assert again == first  # its answer was lost on the way


async def test_a_code_ends_with_its_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        await relay.store.add_tenant(Tenant("acme", NOW))
        await relay.store.add_code(EnrolmentCode("AAAAA", "00", "acme", None, NOW, NOW + timedelta(hours=1)))

        late = NOW + timedelta(hours=1)

        assert await relay.store.code("AAAAA", late) is None
        assert await relay.store.enrol("AAAAA", Enrolment("agt_1", "a", b"1" * 32, "test"), late) is None


async def test_an_agent_of_the_same_name_gets_another_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        await enrolled(relay.store, name="plant", key=b"1" * 32)

        other = await relay.store.agent("agt_acme_plant")
        await relay.store.add_code(EnrolmentCode("BBBBB", "00", "acme", None, NOW, LATER))
        second = await relay.store.enrol("BBBBB", Enrolment("agt_2", "plant", b"2" * 32, "test"), NOW)

        assert other is not None
        assert second is not None
        assert (other.name, second.name) == ("plant", "plant-2")


async def test_a_code_bound_to_a_name_takes_the_agent_over_with_its_connections(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        old = await enrolled(relay.store, name="plant", key=b"1" * 32)
        await relay.store.append_batches([Sender(old).batch(orders(["1"]))])

        new = await enrolled(relay.store, name="plant", bound="plant", key=b"2" * 32)
        outcomes = await relay.store.append_batches([Sender(new).batch(orders(["2"]))])

        assert new.id == old.id
        assert await relay.store.agent_by_key(b"1" * 32) is None
        assert outcomes == [Appended(AppendOutcome.APPENDED, 1)]  # a new outbox counts from one
        assert [found.id for found in await relay.store.connections("acme")] == ["nav"]


async def test_an_agent_that_was_taken_over_appends_nothing_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        old = await enrolled(relay.store, name="plant", key=b"1" * 32)
        await enrolled(relay.store, name="plant", bound="plant", key=b"2" * 32)

        outcomes = await relay.store.append_batches([Sender(old).batch(orders(["1"]))])

        assert outcomes == [Appended(AppendOutcome.UNKNOWN_AGENT, 0)]


async def test_two_agents_with_one_connection_name_are_kept_apart(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        first, second = await enrolled(relay.store, name="a"), await enrolled(relay.store, name="b")

        for agent in (first, second):
            await relay.store.save_connections(agent, [ConnectionStatus("nav", state="idle")], NOW)

        assert [found.id for found in await relay.store.connections("acme")] == ["nav", "nav.agt_acme_b"]
