"""The relay away, refusing or of another version: said once, with what to do, while every record waits in the outbox."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve

from agent.identity import IdentityStore
from agent.protocol.session import RelaySession
from tests.deployment import Deployment
from tests.system.workplace import Workplace

SANDBOX = {"system": "sandbox", "sync": {"manual": True}}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path / "c")
    place.connect_sandbox()
    return place


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with Deployment(tmp_path / "d") as deployment:
        deployment.connect("box", SANDBOX)
        yield deployment


def at(deployment: Deployment) -> Workplace:
    """The desk of a deployment's agent, whose configuration and identity stay as they are."""
    place = Workplace.__new__(Workplace)
    place.folder, place.state = deployment.config, deployment.state
    place.environment = deployment._environment
    return place


@contextmanager
def relay_of_versions(low: int, high: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """A relay that speaks only these versions of the protocol: address and certificate authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    ready, stop, ports = threading.Event(), threading.Event(), []

    async def answer(socket: ServerConnection) -> None:
        session = RelaySession(relay="other", nonce=secrets.token_bytes(32), now=0.0, versions=(low, high))
        async for message in socket:
            session.receive(message, 0.0)
            for reply in session.messages_to_send():
                await socket.send(reply)

    async def run() -> None:
        async with serve(answer, "127.0.0.1", 0, ssl=context, subprotocols=["groundwire"]) as server:  # type: ignore[list-item]
            ports.append(next(iter(server.sockets)).getsockname()[1])
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert ready.wait(30)
        yield f"wss://127.0.0.1:{ports[0]}/agent", ca_file
    finally:
        stop.set()
        thread.join()


def waits_with(agent: Any, code: str) -> bool:
    error = agent.call("status")["relay"]["error"]
    return bool(error and error["code"] == code)


def test_without_a_relay_the_agent_reads_on_and_says_where_it_cannot_get_through(place: Workplace) -> None:
    checked = place.run("check", "--json")
    with place.agent() as agent:
        synced = place.run("sync", "box/vendors", "--json")
        agent.wait_until(lambda: waits_with(agent, "unreachable"))
        shown = place.run("status")
        pending = agent.call("outbox")["pending_batches"]

    relay, box = checked.document["parts"]
    assert checked.code == 6  # the connection is well
    assert (relay["exit_code"], box["exit_code"]) == (5, 0)
    assert relay["steps"][-1]["name"] == "connection"
    assert relay["steps"][-1]["hint"]
    assert synced.code == 0
    assert synced.document["runs"][0]["counts"]["enqueued"] > 0
    assert pending > 0
    assert "What to do" in shown.stdout
    assert agent.log().count('"relay_unavailable"') == 1  # not at every try


def test_a_relay_that_comes_back_gets_everything(deployment: Deployment) -> None:
    place = at(deployment)
    deployment.start_agent()
    runs = deployment.sync("box")
    vendors = next(run["counts"]["enqueued"] for run in runs if run["stream"] == "box/vendors")
    assert deployment._relay is not None
    deployment._relay.terminate()
    deployment._relay.wait(60)
    again = place.run("resync", "box/vendors", "--json")
    waiting = deployment.call("outbox")["pending_batches"]
    deployment.start_relay()
    deployment.wait_until_acked()
    deployment.wait_for("vendors", vendors)

    assert again.code == 0
    assert waiting > 0
    assert again.document["runs"][0]["counts"]["enqueued"] == vendors > 0


def test_an_agent_that_the_relay_does_not_know_stops_and_keeps_its_records(
    deployment: Deployment, place: Workplace
) -> None:
    known = IdentityStore(deployment.state).load()
    document = (deployment.config / "agent.toml").read_text()
    place.write("agent.toml", document)
    place.enrol(known.relay_url, agent="agent-nobody-knows")
    assert place.run("sync", "box/vendors").code == 0
    held = (place.state / "outbox.db").stat().st_size

    answer = place.run("run")

    assert answer.code == 4
    assert "the relay refused this agent" in answer.stderr
    assert "groundwire enroll" in answer.stderr
    again = place.run("sync", "box/vendors", "--json")
    assert again.document["runs"][0]["counts"]["changed"] == 0  # what was read is still there
    assert (place.state / "outbox.db").stat().st_size >= held > 0


def test_a_copy_of_an_agent_is_shut_out_and_told_which_one_to_stop(
    deployment: Deployment, place: Workplace
) -> None:
    shutil.copytree(deployment.state, place.state, dirs_exist_ok=True)
    place.write("agent.toml", (deployment.config / "agent.toml").read_text())
    deployment.start_agent()
    deployment.sync("box")

    answer = place.run("run")

    assert answer.code == 4
    assert "another copy of this agent" in answer.stderr
    assert "Stop the other copy" in answer.stderr
    assert deployment.call("status")["relay"]["phase"] == "connected"
    checked = at(deployment).run("check", "--json")
    assert checked.code == 0
    assert checked.document["parts"][0]["steps"][-1]["name"] == "session"
    deployment.sync("box", full=True)  # the first one is not disturbed


def test_a_second_agent_over_one_state_folder_ends_and_leaves_the_first_one_alone(place: Workplace) -> None:
    with place.agent() as agent:
        second = place.run("run")

        assert second.code == 4
        assert str(place.state) in second.stderr
        assert "Stop the other agent" in second.stderr
        assert place.run("sync", "box/vendors").code == 0
        assert agent.call("outbox")["pending_batches"] > 0


def test_a_relay_of_another_version_says_both_versions_and_nothing_is_lost(tmp_path: Path) -> None:
    with relay_of_versions(7, 9, tmp_path) as (url, ca_file):
        place = Workplace(tmp_path / "c", relay_url=url, ca_file=ca_file)
        place.connect_sandbox()
        with place.agent() as agent:
            synced = place.run("sync", "box/vendors", "--json")
            agent.wait_until(lambda: waits_with(agent, "version_mismatch"))
            shown = place.run("status").stdout
            checked = place.run("check", "--json")
            pending = agent.call("outbox")["pending_batches"]

    assert synced.code == 0
    assert pending > 0
    (relay, box) = checked.document["parts"]
    assert (relay["exit_code"], box["exit_code"]) == (4, 0)
    assert relay["steps"][-1]["name"] == "session"
    assert "7 to 9" in relay["steps"][-1]["detail"]
    assert "7 to 9" in shown
    assert "Upgrade" in shown


def test_a_relay_whose_certificate_nobody_vouches_for_is_told_as_such(tmp_path: Path) -> None:
    with relay_of_versions(1, 1, tmp_path) as (url, _):
        place = Workplace(tmp_path / "c", relay_url=url)

        answer = place.run("check", "--json")

    (relay,) = answer.document["parts"]
    (failed,) = [step for step in relay["steps"] if not step["ok"]]
    assert failed["name"] == "tls"
    assert "ca_file" in failed["hint"]
    assert answer.code == relay["exit_code"]
    assert answer.code in (4, 5)


@pytest.mark.parametrize("code", ["7QK2M-4XV9P-T3RB8-WZ6HN", "nonsense"])
def test_a_code_that_the_relay_does_not_take_leaves_no_identity(
    deployment: Deployment, tmp_path: Path, code: str
) -> None:
    place = Workplace(tmp_path / "c")
    shutil.rmtree(place.state)
    url = f"wss://127.0.0.1:{deployment.gateway}/agent"

    answer = place.run("enroll", url, code, "--ca-file", str(deployment._authority), "--json")

    assert answer.code == (3 if code == "nonsense" else 4)
    assert "code" in answer.stderr
    assert not (place.state / "identity.json").exists()
    assert place.run("run").code == 3
