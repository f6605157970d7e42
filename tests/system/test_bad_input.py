"""What goes wrong at a customer's, played with real processes: each time one clear error, an exit code, nothing lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.servers import PostgresServer, free_port
from tests.system.workplace import ORDERS, Answer, Workplace, run_sql

pyodbc = pytest.importorskip("pyodbc", reason="needs unixODBC", exc_type=ImportError)
needs_sqlite = pytest.mark.skipif("SQLite3" not in pyodbc.drivers(), reason="needs the SQLite ODBC driver")

THREE = [("1", "10.50"), ("2", "20.50"), ("3", "30.50")]


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path / "c")


def postgres_connection(server: PostgresServer, **changes: Any) -> dict[str, Any]:
    return {
        "driver": "odbc",
        "options": {"connection": server.odbc_attributes("postgres") | changes},
        "secrets": {"Pwd": "env:ERP_PASSWORD"},
        "sync": {"manual": True},
        "streams": {
            "orders": ORDERS | {"read": {"query": "select 1 as no, 2.50 as total", "key": ["no"]}},
        },
    }


def assert_one_error(answer: Answer, code: str, *parts: str) -> None:
    """What is wrong, where, and what to do about it; once."""
    error = answer.error
    assert error["code"] == code
    assert error["hint"]
    assert [
        part for part in parts if part not in f"{error['where']}: {error['message']} {error['hint']}"
    ] == []


def failed_step(answer: Answer) -> dict[str, Any]:
    (part,) = answer.document["parts"]
    (failed,) = [step for step in part["steps"] if not step["ok"]]
    assert failed["detail"]
    assert failed["hint"]
    return dict(failed)


# --- the configuration


@pytest.mark.parametrize(
    ("wrong", "parts"),
    [
        ({"drivr": "odbc"}, ["connections/erp.toml:1", "drivr", "driver"]),
        ({"sync": {"page_rows": "many"}}, ["connections/erp.toml", "sync.page_rows"]),
        ({"sync": {"every": "15 minutes"}}, ["connections/erp.toml", "sync.every"]),
    ],
)
@needs_sqlite
def test_a_wrong_connection_file_is_told_with_its_line_and_the_others_go_on(
    place: Workplace, wrong: dict[str, Any], parts: list[str]
) -> None:
    place.connect_sqlite(THREE, **wrong)
    if "drivr" in wrong:
        path = place.folder / "connections" / "erp.toml"
        path.write_text('drivr = "odbc"\n')
    place.connect_sandbox()

    checked = place.run("config", "check", "--no-drivers")
    synced = place.run("sync", "box/vendors", "--json")

    assert checked.code == 3
    assert [part for part in parts if part not in checked.stderr] == []
    assert synced.code == 0
    assert synced.document["runs"][0]["status"] == "succeeded"


@needs_sqlite
def test_a_wrong_mapping_names_its_field_and_keeps_only_its_stream_down(place: Workplace) -> None:
    wrong = ORDERS | {"map": {"ordrNo": "no"}}
    place.connect_sqlite(THREE, streams={"orders": ORDERS, "wrong": wrong})

    config = place.run("config", "check", "--no-drivers")
    check = place.run("check", "erp", "--json")
    with place.agent() as agent:
        synced = place.run("sync", "erp/orders", "--json")
        refused = place.run("sync", "erp/wrong", "--json")
        status = place.run("status").stdout

    assert config.code == check.code == refused.code == 3
    assert "ordrNo" in config.stderr
    assert "orderNo" in failed_step(check)["detail"] + failed_step(check)["hint"]
    assert_one_error(refused, "configuration", "ordrNo", "erp/wrong")
    assert synced.code == 0
    assert "ordrNo" in status
    assert "ordrNo" in agent.log()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[agent]\nnme = "berlin"\n', ["agent.toml:2", "nme", "name"]),
        ("[agent\n", ["agent.toml:1"]),
        ('[agent]\nname = "x"\n[limits]\nparallel_runs = "four"\n', ["agent.toml:4", "parallel_runs"]),
        ('[agent]\nname = "x"\n[relay]\nurl = "http://relay"\n', ["agent.toml", "url", "wss://"]),
    ],
)
def test_a_wrong_agent_file_stops_every_command_with_its_line(
    place: Workplace, text: str, parts: list[str]
) -> None:
    place.write("agent.toml", text)

    for words in (("run",), ("config", "check"), ("status",)):
        answer = place.run(*words)

        assert answer.code == 3, words
        assert [part for part in parts if part not in answer.stderr] == []


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
def test_a_pipe_in_the_place_of_a_file_is_refused_and_holds_nobody(place: Workplace) -> None:
    secret = place.folder / "password"
    connections = place.folder / "connections"
    connections.mkdir()
    os.mkfifo(secret)
    os.mkfifo(connections / "piped.toml")
    connection = {"driver": "sandbox", "secrets": {"Pwd": f"file:{secret}"}}
    place.connect("erp", connection)

    checked = place.run("check", "erp", "piped", "--json")

    assert checked.code == 3
    details = [part["steps"][0]["detail"] for part in checked.document["parts"]]
    assert ["plain file" in detail for detail in details] == [True, True]


def test_connections_that_are_no_folder_are_told_and_not_taken_for_none(place: Workplace) -> None:
    place.write("connections", "")

    answer = place.run("config", "check")

    assert answer.code == 3
    assert "connections/" in answer.stderr


def test_a_folder_without_configuration_says_how_to_begin(tmp_path: Path) -> None:
    place = Workplace(tmp_path / "c")
    (place.folder / "agent.toml").unlink()

    answer = place.run("run")

    assert answer.code == 3
    assert "groundwire config init" in answer.stderr


@pytest.mark.parametrize("change", [('"odbc"', '"odbc'), ("orderNo", "ordrNo")])
@needs_sqlite
def test_a_file_that_becomes_wrong_while_the_agent_runs_leaves_its_last_good_version_in_force(
    place: Workplace, change: tuple[str, str]
) -> None:
    place.connect_sqlite(THREE)
    place.connect_sandbox()
    good = (place.folder / "connections" / "erp.toml").read_text()

    with place.agent() as agent:
        place.write("connections/erp.toml", good.replace(*change))
        reloaded = agent.call("reload")
        synced = place.run("sync", "erp", "box/vendors", "--json")

    (problem,) = reloaded["problems"]
    assert problem["where"].startswith("connections/erp.toml:")
    assert problem["hint"]
    assert "configuration_refused" in agent.log()
    assert synced.code == 0
    assert {run["status"] for run in synced.document["runs"]} == {"succeeded"}


# --- secrets


def test_a_secret_that_is_not_set_is_named_by_its_reference(
    place: Workplace, postgres_server: PostgresServer
) -> None:
    place.connect("erp", postgres_connection(postgres_server))
    place.environment.pop("ERP_PASSWORD", None)
    place.connect_sandbox()

    checked = place.run("check", "erp", "--json")
    with place.agent() as agent:
        refused = place.run("sync", "erp", "--json")
        others = place.run("sync", "box/vendors", "--json")
        shown = agent.stream("erp/orders")

    assert checked.code == refused.code == 3
    assert "env:ERP_PASSWORD" in failed_step(checked)["detail"]
    assert_one_error(refused, "configuration", "erp.toml", "env:ERP_PASSWORD", "Set the variable")
    assert shown["state"] == "needs_person"
    assert others.code == 0


def test_a_secret_that_others_may_read_is_refused(place: Workplace, postgres_server: PostgresServer) -> None:
    secret = place.write("password", postgres_server.password)
    secret.chmod(0o644)
    place.connect("erp", postgres_connection(postgres_server) | {"secrets": {"Pwd": f"file:{secret}"}})

    refused = place.run("check", "erp", "--json")
    secret.chmod(0o600)
    mended = place.run("check", "erp", "--json")

    assert refused.code == 3
    assert "chmod 600" in failed_step(refused)["hint"]
    assert postgres_server.password not in refused.stdout + refused.stderr
    assert mended.code == 0


def test_refused_credentials_need_a_person_and_are_not_tried_again_by_the_schedule(
    place: Workplace, postgres_server: PostgresServer
) -> None:
    place.connect("erp", postgres_connection(postgres_server) | {"sync": {"every": "1s"}})
    place.environment["ERP_PASSWORD"] = "wrong-and-secret"
    place.connect_sandbox()

    checked = place.run("check", "erp", "--json")
    with place.agent() as agent:
        agent.wait_until(lambda: "needs_reauthorisation" in agent.states("erp"))  # behind its start
        refused = place.run("sync", "erp", "--json")
        others = place.run("sync", "box/vendors", "--json")
        shown = agent.stream("erp/orders")

    assert checked.code == refused.code == 4
    assert failed_step(checked)["code"] == "credentials_refused"
    assert refused.document["runs"][0]["error"]["code"] == "credentials_refused"
    assert shown["state"] == "needs_reauthorisation"
    assert others.code == 0
    told = checked.stdout + checked.stderr + refused.stdout + refused.stderr + agent.log()
    assert "wrong-and-secret" not in told
    assert agent.log().count('"credentials_still_refused"') == 1  # `check` was told first
    assert agent.log().count('"event": "credentials_refused"') == 0


# --- the source


def test_a_source_that_is_not_there_is_told_by_the_hop_and_tried_again(
    place: Workplace, postgres_server: PostgresServer
) -> None:
    place.connect("erp", postgres_connection(postgres_server, Port=free_port()))
    place.environment["ERP_PASSWORD"] = postgres_server.password

    checked = place.run("check", "erp", "--json")
    with place.agent() as agent:
        synced = place.run("sync", "erp", "--json")
        shown = agent.stream("erp/orders")

    assert checked.code == synced.code == 5
    assert failed_step(checked)["name"] == "port"
    assert synced.document["runs"][0]["error"]["code"] == "unreachable"
    assert shown["state"] == "retrying"


@needs_sqlite
def test_an_odbc_driver_that_is_not_installed_is_named_with_those_that_are(place: Workplace) -> None:
    place.connect_sqlite(THREE, options={"connection": {"Driver": "SAP HANA 9", "Database": "x"}})

    checked = place.run("check", "erp", "--json")
    synced = place.run("sync", "erp", "--json")

    assert checked.code == synced.code == 3
    assert "SAP HANA 9" in failed_step(checked)["detail"]
    assert "SQLite3" in failed_step(checked)["hint"]


@needs_sqlite
def test_a_database_that_is_not_there_is_told_at_the_sign_in(place: Workplace) -> None:
    place.connect_sqlite(
        THREE, options={"connection": {"Driver": "SQLite3", "Database": "/no/such/folder/x"}}
    )

    checked = place.run("check", "erp", "--json")

    assert checked.code == 5
    assert failed_step(checked)["name"] == "sign-in"
    assert "options.connection" in failed_step(checked)["hint"]


@needs_sqlite
def test_a_read_table_that_is_wrong_is_told_in_the_files_own_words(place: Workplace) -> None:
    place.connect_sqlite(THREE, streams={"orders": ORDERS | {"read": {"query": "select 1", "key": "no"}}})

    checked = place.run("check", "erp", "--json")

    assert checked.code == 3
    assert "streams.orders.read.key: should be a list of texts" in failed_step(checked)["detail"]


@pytest.mark.parametrize("query", ["select no, total from orders", "select * from orders"])
@needs_sqlite
def test_a_column_that_was_renamed_stops_the_stream_and_keeps_what_was_read(
    place: Workplace, query: str
) -> None:
    database = place.connect_sqlite(
        THREE, streams={"orders": ORDERS | {"read": {"query": query, "key": ["no"]}}}
    )

    with place.agent() as agent:
        first = place.run("sync", "erp", "--json")
        before = agent.call("outbox")["pending_batches"]
        run_sql(database, "alter table orders rename column total to amount")
        second = place.run("sync", "erp", "--json")
        checked = place.run("check", "erp", "--json")
        shown = agent.stream("erp/orders")
        after = agent.call("outbox")["pending_batches"]
        run_sql(database, "alter table orders rename column amount to total")
        run_sql(database, "insert into orders values ('4', '40.50')")
        third = place.run("sync", "erp", "--json")

    assert (first.code, second.code, checked.code, third.code) == (0, 4, 4, 0)
    (run,) = second.document["runs"]
    assert run["error"]["code"] == "source_changed"
    assert run["error"]["hint"]
    assert "total" in run["error"]["message"] + run["error"]["where"]
    assert failed_step(checked)["code"] == "source_changed"
    assert shown["state"] == "needs_person"
    assert after >= before
    assert (
        third.document["runs"][0]["counts"]["changed"] == 1
    )  # nothing is forgotten, and nothing travels twice


@needs_sqlite
def test_a_key_that_comes_twice_is_named_and_nothing_of_its_page_travels(place: Workplace) -> None:
    place.connect_sqlite([*THREE, ("2", "99.00")])

    synced = place.run("sync", "erp", "--json")
    run = synced.document["runs"][0]

    assert synced.code == 4
    assert run["error"]["code"] == "source_changed"
    assert "2" in run["error"]["message"]
    assert "key" in run["error"]["hint"]
    assert run["counts"]["enqueued"] == 0


@needs_sqlite
def test_a_record_that_cannot_be_mapped_is_a_dead_letter_and_the_others_travel(place: Workplace) -> None:
    place.connect_sqlite([*THREE, ("4", "twelve")])

    with place.agent():
        synced = place.run("sync", "erp", "--json")
        letters = place.run("outbox", "dead-letters", "--json").document["dead_letters"]

    assert synced.code == 0
    assert synced.document["runs"][0]["counts"]["enqueued"] == 3
    (letter,) = letters
    assert (letter["stream"], letter["key"], letter["field"]) == ("erp/orders", "4", "totalNetValue")
    assert letter["message"]


# --- the state folder


def test_a_second_agent_on_the_same_folder_is_refused_and_the_first_goes_on(place: Workplace) -> None:
    with place.agent() as agent:
        second = place.run("run")
        assert agent.process.poll() is None
        assert agent.answers()

    assert second.code == 4
    assert "state" in second.stderr
    assert "Stop the other agent" in second.stderr


def outbox_of(place: Workplace) -> Path:
    return place.state / "outbox.db"


@needs_sqlite
def test_an_outbox_of_a_newer_version_is_refused_and_left_as_it_is(place: Workplace) -> None:
    place.connect_sqlite(THREE)
    assert place.run("sync", "erp").code == 0
    with closing(sqlite3.connect(outbox_of(place))) as connection:
        connection.execute("pragma user_version = 99")
        connection.commit()
    before = outbox_of(place).read_bytes()

    answers = [place.run("run"), place.run("sync", "erp")]

    for answer in answers:
        assert answer.code == 4
        assert "outbox.db" in answer.stderr
        assert "99" in answer.stderr
        assert "newer program" in answer.stderr
    assert outbox_of(place).read_bytes() == before


@needs_sqlite
def test_a_damaged_outbox_is_refused_with_what_to_do_about_it(place: Workplace) -> None:
    place.connect_sqlite(THREE)
    outbox_of(place).write_bytes(b"this is no database" * 1000)

    answer = place.run("run")

    assert answer.code == 4
    assert "outbox.db" in answer.stderr
    assert "move it away" in answer.stderr
    assert outbox_of(place).read_bytes().startswith(b"this is no database")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"format": 1, "agent": 7}'])
def test_a_damaged_identity_is_told_and_not_replaced(place: Workplace, content: bytes) -> None:
    identity = next(place.state.glob("*identity*"))
    identity.write_bytes(content)

    answer = place.run("run")

    assert answer.code == 4
    assert identity.name in answer.stderr
    assert "What to do" in answer.stderr
    assert identity.read_bytes() == content


def test_a_state_folder_that_is_a_file_is_told(place: Workplace) -> None:
    place.connect_sandbox()
    shutil.rmtree(place.state)
    place.state.write_text("")

    for words in (("run",), ("sync", "box")):
        answer = place.run(*words)

        assert answer.code == 4
        assert str(place.state) in answer.stderr
        assert "state_dir" in answer.stderr
