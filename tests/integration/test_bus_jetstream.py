"""Hints between processes, over a real nats-server: what comes through, and what an outage or a wipe costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import nats
import pytest
import trustme

from agent.clock import SystemClock
from agent.errors import Unreachable
from relay.bus.base import Hint, Hints
from relay.bus.jetstream import MAX_UNSENT, JetStreamBus, NatsAccess
from tests.nats_server import NatsServer

pytestmark = pytest.mark.integration
CLOCK = SystemClock()
PATIENCE_SECONDS = 60.0


def access(server: NatsServer, **changes: Any) -> NatsAccess:
    whole = NatsAccess((server.url,), user=server.user, password_file=server.password_file)
    return replace(whole, **changes)


@asynccontextmanager
async def running(*buses: JetStreamBus) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bus.run()) for bus in buses]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def until(what: str, condition: Any) -> None:
    deadline = CLOCK.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert CLOCK.monotonic() < deadline, f"not {what}"
        await CLOCK.sleep(0.02)


async def heard(hints: Hints) -> Hint:
    """The next hint of a subject; what was missed is passed over."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (found := await hints.next()) is None or found.missed:
            pass
        return found


async def told_of_missed(hints: Hints) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (found := await hints.next()) is None or not found.missed:
            pass


def pair(nats_server: NatsServer) -> tuple[JetStreamBus, JetStreamBus]:
    return (
        JetStreamBus(access(nats_server), relay="rly_a", clock=CLOCK),
        JetStreamBus(access(nats_server), relay="rly_b", clock=CLOCK),
    )


async def test_a_hint_reaches_the_other_process_and_its_own_once_each(nats_server: NatsServer) -> None:
    a, b = pair(nats_server)
    with a.subscribe(">") as at_a, b.subscribe("commands.>") as at_b:
        async with running(a, b):
            await until("connected", lambda: a.connected and b.connected)
            a.publish("commands.waiting.agt_1", {"command": "cmd_1"})
            b.publish("commands.changed.cmd_1", {})

            assert await heard(at_b) == Hint("commands.changed.cmd_1", {})  # its own, at once
            assert await heard(at_b) == Hint("commands.waiting.agt_1", {"command": "cmd_1"})
            assert [await heard(at_a), await heard(at_a)] == [
                Hint("commands.waiting.agt_1", {"command": "cmd_1"}),
                Hint("commands.changed.cmd_1", {}),
            ]


async def test_a_wiped_nats_is_filled_again_and_everybody_is_told_to_look(nats_server: NatsServer) -> None:
    a, b = pair(nats_server)
    refilled = []

    async def refill() -> None:
        refilled.append(True)
        a.publish("positions", {"position": 42})

    a.refill = refill
    with b.subscribe("positions") as at_b:
        async with running(a):
            await until("made", lambda: refilled == [True])
        async with running(a, b):
            await until("connected", lambda: a.connected and b.connected)
            await told_of_missed(at_b)
            b.refill = refill
            await asyncio.to_thread(nats_server.wipe)
            await until("cut off", lambda: not a.connected and not b.connected)
            await asyncio.to_thread(nats_server.start)

            # Who is back behind what was filled in does not hear of it, and is told to look instead.
            await told_of_missed(at_b)
            await until("filled again", lambda: len(refilled) >= 2)


async def test_what_could_not_be_filled_in_once_is_filled_in_with_the_next_connection(
    nats_server: NatsServer,
) -> None:
    bus = JetStreamBus(access(nats_server), relay="rly_a", clock=CLOCK)
    tried = []

    async def refill() -> None:
        tried.append(True)
        if len(tried) == 1:
            raise Unreachable("The database does not answer.")

    bus.refill = refill
    async with running(bus):
        await until("filled again", lambda: len(tried) == 2)
        await until("connected", lambda: bus.connected)
    assert len(tried) == 2


async def test_what_is_told_while_nats_is_away_arrives_when_it_is_back(nats_server: NatsServer) -> None:
    a, b = pair(nats_server)
    with a.subscribe(">") as at_a, b.subscribe(">") as at_b:
        async with running(a, b):
            await until("connected", lambda: a.connected and b.connected)
            await asyncio.to_thread(nats_server.kill)
            await until("cut off", lambda: not a.connected)
            a.publish("positions", {"position": 7})
            assert await heard(at_a) == Hint("positions", {"position": 7})  # in its own process at once
            await asyncio.to_thread(nats_server.start)

            # B may be back later than the hint: it is told to look, or hears it.
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await at_b.next() is not None
            await until("connected", lambda: a.connected and b.connected)
            a.publish("positions", {"position": 8})
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await heard(at_b) != Hint("positions", {"position": 8}):
                    pass


async def test_a_stream_that_somebody_removes_is_made_again(nats_server: NatsServer) -> None:
    a, b = pair(nats_server)
    with b.subscribe("positions") as at_b:
        async with running(a, b):
            await until("connected", lambda: a.connected and b.connected)
            client = await nats.connect(nats_server.url, user=nats_server.user, password=nats_server.password)
            await client.jetstream().delete_stream("groundwire")
            await client.close()

            deadline = CLOCK.monotonic() + PATIENCE_SECONDS
            found: Hint | None = None
            while found is None or found.missed:
                assert CLOCK.monotonic() < deadline
                a.publish("positions", {"position": 9})
                found = await at_b.next(within=0.2)
            assert found == Hint("positions", {"position": 9})


async def test_a_bus_that_is_ended_amid_its_traffic_ends(nats_server: NatsServer) -> None:
    for turns in range(24):
        a, b = pair(nats_server)
        with b.subscribe("positions") as at_b:
            tasks = [asyncio.create_task(bus.run()) for bus in (a, b)]
            await until("connected", lambda a=a, b=b: a.connected and b.connected)  # type: ignore[misc]
            for number in range(3):
                a.publish("positions", {"position": number})
            await heard(at_b)
            for _ in range(turns % 6):
                await CLOCK.sleep(0)

            for task in tasks:
                task.cancel()
            _, pending = await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
            assert not pending


async def test_without_nats_hints_go_round_in_the_process_and_no_queue_grows(nats_server: NatsServer) -> None:
    nats_server.kill()
    bus = JetStreamBus(access(nats_server), relay="rly_a", clock=CLOCK)
    with bus.subscribe("positions") as hints:
        async with running(bus):
            for number in range(MAX_UNSENT + 100):
                bus.publish("positions", {"position": number})

            found = await heard(hints)
            assert found.data["position"] > 0
            assert len(bus._unsent) == MAX_UNSENT


async def test_a_password_that_is_corrected_in_its_file_is_in_force_with_the_next_attempt(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    password = tmp_path / "password.secret"
    password.write_text("wrong")
    bus = JetStreamBus(access(nats_server, password_file=password), relay="rly_a", clock=CLOCK)
    async with running(bus):
        await CLOCK.sleep(0.5)
        assert not bus.connected
        password.write_text(nats_server.password)

        await until("connected", lambda: bus.connected)


async def test_tls_holds_the_server_to_the_authority_that_is_named(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    authority, other = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    other.cert_pem.write_to_path(tmp_path / "other.pem")
    pem = str(tmp_path / "server.pem")
    with NatsServer(tls={"cert_file": pem, "key_file": pem}) as server:
        good = JetStreamBus(access(server, ca_file=tmp_path / "ca.pem"), relay="rly_a", clock=CLOCK)
        bad = JetStreamBus(access(server, ca_file=tmp_path / "other.pem"), relay="rly_b", clock=CLOCK)
        async with running(good, bad):
            await until("connected", lambda: good.connected)
            await CLOCK.sleep(0.5)
            assert not bad.connected


async def test_a_hint_that_carries_too_much_is_a_fault_of_who_wrote_it(nats_server: NatsServer) -> None:
    bus = JetStreamBus(access(nats_server), relay="rly_a", clock=CLOCK)

    with pytest.raises(ValueError, match="a hint about positions"):
        bus.publish("positions", {"position": "x" * 10_000})


@pytest.mark.parametrize(
    "greeting", [b"INFO nothing\r\n", b"INFO []\r\n", b"220 ready\r\n", b"\xff\xfe\r\n", b"\r\n", b""]
)
async def test_what_answers_in_the_place_of_nats_ends_nothing(greeting: bytes) -> None:
    came: list[None] = []

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(None)
        writer.write(greeting)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        bus = JetStreamBus(NatsAccess((f"nats://127.0.0.1:{port}",)), relay="rly_a", clock=CLOCK)
        async with running(bus):
            await until("tried again", lambda: len(came) > 1)
