"""The relay is not trusted with the ERP: one in an attacker's hands gets what the policy lets leave, and changes nothing.

A whole agent in a process of its own, a real database behind it, and a relay that holds the certificate that the agent
trusts. The judge looks at the database, at every byte that the agent sent, at its files and at its sockets.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
import tomlkit

from agent.identity import IdentityStore
from agent.policy.names import AGENT_COMMANDS, COMMANDS
from agent.protocol.session import KnownAgent
from tests.canaries import betrayed, canary
from tests.faults.site import HASTY
from tests.integration.odbc_sources import Source
from tests.integration.odbc_write_sources import ORDER, READ, lay_out_writes, write
from tests.security.hostile_relay import HostileRelay
from tests.system.workplace import Agent, Workplace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

KEPT = "kept-by-the-policy-4711"  # stands in every column of the ERP that may not leave
MAP = {"orderNo": "id", "title": "title", "vendorKey": "vendor"}
ALLOWED = (("sync", "erp"), ("read_record", "erp"))

NEAR_MISSES: tuple[Any, ...] = (
    "ERP", "Erp", "erp ", " erp", "erp\n", "erp\u0000", "\u0435rp", "e\u0301rp", "erp/orders", "erp/../erp", "../erp", "%65rp",
    "*", "e*", ".*", "", "erp,hidden", ["erp"], {"name": "erp"}, None, True, "hidden", "nowhere",
)  # fmt: skip
NO_COMMANDS = (
    "exec", "shell", "configure", "reload", "set_policy", "policy", "set_secret", "secret_set", "secret_list", "secret_export",
    "upgrade", "restart", "stop", "read_file", "write_file", "set_log_level", "trace", "query", "sql", "call", "enroll", "resyncs",
)  # fmt: skip

DEEP = "[" * 10_000 + "]" * 10_000
FRAMES: tuple[str | bytes, ...] = (
    '{"type":"enrolled","agent":"agent-2","tenant":"evil"}',
    '{"type":"challenge","nonce":"' + "A" * 43 + '","protocol":1,"relay":"hostile"}',
    '{"type":"welcome","session":"s","epoch":999999,"credit":64,"heartbeat_seconds":15.0,"positions":{}}',
    '{"type":"more_positions","positions":{"hidden/orders":9}}',
    '{"type":"ack","stream":"hidden/orders","seq":1}',
    '{"type":"ack","stream":"erp/orders","seq":4611686018427387904}',
    '{"type":"credit","batches":1000000000}',
    '{"type":"error","code":"no_such_code","message":"x","fatal":false}',
    '{"type":"configure","policy":"allow all"}',
    '{"type":"configure","optional":true,"relay_url":"wss://evil.example","log_level":"debug","verify":false}',
    '{"type":"set_policy","optional":true,"connections":{"erp":{"commands":["create"]}}}',
    '{"type":"hello","protocol_min":1,"protocol_max":1,"agent":"agent-1","epoch":1,"software":"x"}',
    '{"type":"command","id":"x","id":"y","name":"sync","args":{},"deadline":"2030-01-01T00:00:00Z"}',
    '{"type":"command","id":"n1","name":"create","args":' + DEEP + ',"deadline":"2030-01-01T00:00:00Z"}',
    '{"type":"command","id":"n2","name":"CREATE","args":{},"deadline":"2030-01-01T00:00:00Z"}',
    '{"type":"command","id":"n3","name":"create","args":{"connection":"erp"},"deadline":"soon"}',
    '{"type":"command","id":"../../etc","name":"create","args":{},"deadline":"2030-01-01T00:00:00Z"}',
    '{"type":"command","id":"n4","name":"create","args":{"x":NaN},"deadline":"2030-01-01T00:00:00Z"}',
    '{"type":"command","id":"n5","name":"create","args":{"x":"'
    + "x" * 70_000
    + '"},"deadline":"2030-01-01T00:00:00Z"}',
    '{"type":"result_ack","command":"f0","state":"succeeded"}',
    "",
    "\x00",
    "[]",
    b"",
    b"GWB1" + bytes(60),
    bytes(200_000),
    '{"type":"draining"}',
    '{"type":"error","code":"superseded","message":"x","fatal":true,"retry_after":0.1}',
)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[HostileRelay]:
    with HostileRelay(tmp_path) as relay:
        yield relay


class Plant(Workplace):
    program = HASTY

    def __init__(self, folder: Path, relay: HostileRelay) -> None:
        super().__init__(folder, relay_url=relay.url, ca_file=relay.ca_file)
        self.database = folder / "erp.db"
        self.environment["ERP_PASSWORD"] = canary("-erp")
        attributes = {"Driver": "SQLite3", "Database": str(self.database)}
        lay_out_writes(Source("sqlite", attributes, {}), None)
        with closing(sqlite3.connect(self.database)) as erp, erp:
            for number in range(20):
                erp.execute(
                    "insert into w_orders (ref, vendor, title, amount, status) values (?, ?, ?, '1', '1')",
                    (f"r{number}", KEPT, KEPT),
                )
        for name in ("erp", "hidden"):
            self.connect(name, self._connection(attributes))
        self._write_policy()
        identity = IdentityStore(self.state).load()
        relay.known = KnownAgent(identity.public_key, identity.epoch)

    def _connection(self, attributes: dict[str, str]) -> dict[str, Any]:
        stream = {"entity": "purchase_order", "read": READ, "map": MAP, "write": write("sqlite")}
        return {
            "driver": "odbc",
            "options": {"connection": attributes},
            "secrets": {"Pwd": "env:ERP_PASSWORD"},
            "sync": {"manual": True, "initial_window": "everything"},
            "streams": {"orders": stream},
        }

    def _write_policy(self) -> None:
        rule = {"commands": ["sync", "read_record"], "leave": {"purchase_order": {"fields": ["orderNo"]}}}
        file = self.write("policy.toml", tomlkit.dumps({"connections": {"erp": rule}}))
        file.chmod(0o600)

    def orders(self) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database)) as erp:
            return list(erp.execute("select * from w_orders order by id"))

    def files(self) -> dict[str, str]:
        """What nobody but a person at this host may change, by its digest."""
        kept = [path for path in self.folder.rglob("*") if path.is_file() and self.state not in path.parents]
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in kept
            if path.name not in {"agent.log", self.database.name}
        }

    def audited(self) -> list[dict[str, Any]]:
        files = sorted((self.state / "audit").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def arguments(name: str, connection: Any) -> dict[str, Any]:
    """What the command asks for when it is well made."""
    key = {"connection": connection, "entity": "purchase_order", "key": "1"}
    stream = {"connection": connection, "stream": "orders"}
    moved = [{"path": ["orderNo"], "spec": "title"}]
    return {
        "read_record": key,
        "create": {"connection": connection, "entity": "purchase_order", "record": ORDER},
        "update": {**key, "record": {"title": "owned"}},
        "delete": key,
        "set_status": {**key, "status": "approved"},
        "read_mapping": {**stream, "samples": 5},
        "preview_mapping": {**stream, "changes": moved},
        "change_mapping": {**stream, "changes": moved, "based_on": 0},
        "revert_mapping": {**stream, "to": 0},
        "cancel": {"command": "c0"},
        "diagnostics": {},
        "diagnostics_bundle": {},
    }.get(name, {"connection": connection})


def requests() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    for name in (*COMMANDS, *AGENT_COMMANDS):
        for connection in ("erp", "hidden"):
            yield name, connection, arguments(name, connection)
    for name in ("sync", "create", "read_record", "change_mapping"):
        for connection in NEAR_MISSES:
            yield name, connection, arguments(name, connection)
    for name in NO_COMMANDS:
        yield name, "erp", {"connection": "erp", "path": "/etc/passwd", "sql": "delete from w_orders"}
    for more in (
        {"fields": "all"},
        {"policy": "none"},
        {"columns": ["title"]},
        {"raw": True},
        {"include": ["raw"]},
    ):
        yield "sync+", "erp", {"connection": "erp", **more}
        yield "read_record+", "erp", {**arguments("read_record", "erp"), **more}
    for key in ("1' or '1'='1", "%", "*", "1~2", "2; drop table w_orders"):
        yield "read_record+", "erp", {"connection": "erp", "entity": "purchase_order", "key": key}


def judge(plant: Plant, relay: HostileRelay, orders: list[tuple[Any, ...]], files: dict[str, str]) -> None:
    told = relay.everything()
    assert plant.orders() == orders, "the relay changed the ERP"
    assert plant.files() == files, "the relay changed a file of the operator's"
    assert KEPT not in told, "the relay got what the policy keeps"
    assert not betrayed(told)
    assert str(plant.folder) not in told, "the relay learned a path of this host"
    assert {batch.stream for batch in relay.batches} <= {"erp/orders"}
    assert not (plant.state / "mappings").exists() or not any((plant.state / "mappings").iterdir())


def sockets(agent: Agent) -> list[Any]:
    process = psutil.Process(agent.process.pid)
    return [
        one
        for each in (process, *process.children(recursive=True))
        for one in each.net_connections(kind="inet")
    ]


def answered(relay: HostileRelay, asked: dict[str, tuple[str, dict[str, Any]]]) -> None:
    """Every command has its answer; one that a lost session took with it is sent again, as an honest relay does."""

    def missing() -> list[str]:
        return [id_ for id_ in asked if id_ not in relay.results]

    for _ in range(40):
        session, count = relay.sessions, len(relay.results)
        relay.wait_until(lambda: relay.connected, "the agent is away")
        for id_ in missing():
            relay.command(id_, *asked[id_])
        try:
            # By the session's number too: an agent may be back before anybody looks whether it is away.
            relay.wait_until(
                lambda session=session: not missing() or not relay.connected or relay.sessions != session,
                f"no answer to {missing()[:3]}",
            )
        except AssertionError:
            assert len(relay.results) > count, missing()
        if not missing():
            return
    raise AssertionError(f"no answer to {missing()}")


def test_no_command_gets_or_changes_what_the_policy_does_not_allow(
    tmp_path: Path, relay: HostileRelay
) -> None:
    plant = Plant(tmp_path / "c", relay)
    orders, files = plant.orders(), plant.files()
    wanted = {f"c{number}": request for number, request in enumerate(requests())}
    with plant.agent() as agent:
        answered(relay, {id_: (name.rstrip("+"), args) for id_, (name, _, args) in wanted.items()})
        relay.wait_until(relay.rows, "the sync that is allowed sends nothing")
        judge(plant, relay, orders, files)
        listening = [one for one in sockets(agent) if one.status == psutil.CONN_LISTEN]
        peers = {one.raddr.port for one in sockets(agent) if one.raddr}

    assert listening == []
    assert peers <= {int(relay.url.rpartition(":")[2].partition("/")[0])}
    states = {id_: relay.results[id_].state for id_ in wanted}
    forbidden = [
        (id_, name, connection)
        for id_, (name, connection, _) in wanted.items()
        if (name, connection) not in ALLOWED and not name.endswith("+")
    ]
    assert [one for one in forbidden if states[one[0]] != "refused"] == []
    allowed = [id_ for id_, (name, connection, _) in wanted.items() if (name, connection) in ALLOWED]
    assert {relay.results[id_].state for id_ in allowed} == {"succeeded"}
    assert all(row["order_no"] for row in relay.rows())
    refused = {
        line["facts"].get("command") for line in plant.audited() if line.get("action") == "command_refused"
    }
    assert {id_ for id_, result in relay.results.items() if result.state == "refused"} <= refused


def test_no_frame_makes_the_agent_another_s_or_ends_it(tmp_path: Path, relay: HostileRelay) -> None:
    plant = Plant(tmp_path / "c", relay)
    before, orders, files = IdentityStore(plant.state).load(), plant.orders(), plant.files()
    with plant.agent() as agent:
        for number, frame in enumerate(FRAMES):
            relay.wait_until(lambda: relay.connected, f"the agent did not come back before frame {number}")
            relay.say(frame)
            answered(relay, {f"f{number}": ("diagnostics", {})})
        answered(relay, {"last": ("sync", {"connection": "erp"})})
        relay.wait_until(relay.rows, "what the policy lets leave does not leave any more")
        judge(plant, relay, orders, files)
        left = agent.stop()

    after = IdentityStore(plant.state).load()
    assert (after.agent, after.tenant, after.relay_url, after.public_key) == (
        before.agent,
        before.tenant,
        before.relay_url,
        before.public_key,
    )
    assert relay.results["last"].state == "succeeded"
    assert {relay.results[f"f{number}"].state for number in range(len(FRAMES))} == {"refused"}
    assert left == 0
