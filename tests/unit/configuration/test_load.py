from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.configuration.document import parse
from agent.configuration.load import default_config_dir, load
from agent.configuration.model import ConnectionFile
from agent.configuration.problems import ConfigurationProblems, problems_of
from agent.errors import ConfigurationError
from agent.secrets import SecretRef

from .conftest import ConfigFolder

Places = Callable[[], list[tuple[str, str, str]]]

GOOD = """
driver = "odbc"
[options]
connection = { Driver = "PostgreSQL Unicode", Port = 5432 }
[secrets]
Pwd = "env:AW_PASSWORD"
[sync]
every = "1h"
quiet_hours = ["22:00-05:00"]
lag = "30s"
[streams.purchase_orders]
entity = "purchase_order"
read = { query = "select 1" }
map = { orderNo = "id" }
write = { create = { required = ["vendorKey"] } }
[streams.purchase_orders.sync]
cron = "0 6 * * 1-5"
initial_window = "everything"
[streams.vendors]
entity = "vendor"
"""


def test_a_connection_file_becomes_typed_settings(folder: ConfigFolder) -> None:
    folder.write("connections/aw.toml", GOOD)

    connection = folder.load().connections["aw"]

    assert (connection.name, connection.driver, connection.where) == ("aw", "odbc", "connections/aw.toml")
    assert connection.options == {"connection": {"Driver": "PostgreSQL Unicode", "Port": 5432}}
    assert connection.secrets == {"Pwd": SecretRef("env", "AW_PASSWORD")}
    assert connection.streams["purchase_orders"].read == {"query": "select 1"}
    assert connection.streams["purchase_orders"].map == {"orderNo": "id"}
    assert connection.streams["purchase_orders"].write == {"create": {"required": ["vendorKey"]}}
    assert connection.streams["purchase_orders"].where == "connections/aw.toml:11"


def test_a_streams_schedule_replaces_its_connections_and_the_rest_is_inherited(folder: ConfigFolder) -> None:
    folder.write("connections/aw.toml", GOOD)

    streams = folder.load().connections["aw"].streams
    orders, vendors = streams["purchase_orders"].sync, streams["vendors"].sync

    assert (orders.every, orders.cron, orders.initial_window) == (None, "0 6 * * 1-5", "everything")
    assert (vendors.every, vendors.cron, vendors.initial_window) == (
        timedelta(hours=1),
        None,
        timedelta(days=90),
    )
    assert orders.lag == vendors.lag == timedelta(seconds=30)
    assert [str(hours) for hours in vendors.quiet_hours] == ["22:00-05:00"]


def test_a_stream_without_any_schedule_runs_every_quarter_of_an_hour(folder: ConfigFolder) -> None:
    folder.write("connections/a.toml", 'driver = "odbc"\n[streams.s]\nentity = "vendor"\n')

    assert folder.load().connections["a"].streams["s"].sync.every == timedelta(minutes=15)


def test_a_disabled_stream_is_left_out(folder: ConfigFolder) -> None:
    folder.write("connections/a.toml", 'driver = "odbc"\n[streams.s]\nentity = "vendor"\nenabled = false\n')

    assert folder.load().connections["a"].streams == {}


def test_every_mistake_of_a_file_is_reported_with_its_line_and_the_nearest_name(
    folder: ConfigFolder, places: Places
) -> None:
    folder.write(
        "connections/aw.toml",
        """driver = "odbc"
enabeld = true
[sync]
evry = "15m"
page_rows = "many"
initial_window = "lots"
[streams.orders]
entity = "purchase_order"
colour = { a = 1 }
sync = { time_zone = "Europe/Berln" }
[streams."Bad Name"]
entity = "vendor"
""",
    )

    found = {where: (message, hint) for where, message, hint in places()}

    assert sorted(found) == [
        "connections/aw.toml:10",
        "connections/aw.toml:11",
        "connections/aw.toml:2",
        "connections/aw.toml:4",
        "connections/aw.toml:5",
        "connections/aw.toml:6",
        "connections/aw.toml:9",
    ]
    assert found["connections/aw.toml:2"] == ('unknown key "enabeld"', 'Did you mean "enabled"?')
    assert found["connections/aw.toml:4"] == ('unknown key "sync.evry"', 'Did you mean "every"?')
    assert found["connections/aw.toml:9"] == (
        'unknown key "streams.orders.colour"',
        "Known here: enabled, entity, map, read, sync, write.",
    )
    assert found["connections/aw.toml:5"][0] == '"sync.page_rows": must be a whole number'
    assert "duration" in found["connections/aw.toml:6"][0]
    assert "time zone" in found["connections/aw.toml:10"][0]


@pytest.mark.parametrize(
    ("text", "where", "about"),
    [
        ('driver = "odbc\n', ":1", "is not TOML"),
        ('driver = "odbc"\n\n[sync\n', ":3", "is not TOML"),
        ("x = [1,\n", "", "is not TOML"),
        ("", "", "neither a driver nor a system"),
        ('system = "no-such"\n', ":1", "no system named 'no-such'"),
        ('driver = "odbc"\n[sync]\nevery = "5m"\ncron = "0 1 * * *"\n', ":2", "exclude each other"),
        ('driver = "odbc"\n[sync]\nevery = "0s"\n', ":2", "at least 1s"),
        ('driver = "odbc"\n[sync]\nmax_delete_share = 1.5\n', ":3", "less than or equal to 1"),
        ('driver = "odbc"\n[sync]\ndeletions = "guess"\n', ":3", "'compare_keys' or 'none'"),
        ('driver = "odbc"\n[streams.s]\n', ":2", "names no entity"),
        ('driver = "odbc"\nstreams = 3\n', ":2", "must be a table"),
        ("driver = 3\n", ":1", "must be text"),
        ("a = " + "[" * 5_000 + "]" * 5_000, "", "nests too deep"),
    ],
)
def test_a_wrong_connection_file_is_one_clear_error(
    folder: ConfigFolder, places: Places, text: str, where: str, about: str
) -> None:
    folder.write("connections/a.toml", text)

    ((found_where, message, hint),) = places()

    assert found_where.startswith(f"connections/a.toml{where}")
    assert about in message
    assert hint


def test_a_file_that_is_not_utf8_names_the_line(folder: ConfigFolder, places: Places) -> None:
    folder.write("connections/a.toml", "").write_bytes(b'driver = "odbc"\nx = "\xe4"\n')

    assert places()[0][:2] == ("connections/a.toml:2", "is not UTF-8 text")


def test_a_broken_connection_does_not_stop_the_others(folder: ConfigFolder) -> None:
    folder.write("connections/bad.toml", "driver = ")
    folder.write("connections/good.toml", 'driver = "odbc"')
    folder.write("connections/.good.toml.swp.toml", "half writ")

    settings = folder.load()

    assert list(settings.connections) == ["good"]
    assert [one.name for one in settings.broken] == ["bad"]


def test_a_connection_name_must_be_safe_everywhere(folder: ConfigFolder, places: Places) -> None:
    folder.write("connections/My ERP.toml", 'driver = "odbc"')

    assert "small letters" in places()[0][1]


@pytest.mark.parametrize(
    ("text", "line", "about"),
    [
        ('[relay]\nurl = "https://relay.example"\n', 2, "wss://HOST"),
        ('[relay]\nurl = "wss://user:word@relay.example"\n', 2, "wss://HOST"),
        ('[relay]\nproxy = "http://u:canary-1@proxy:3128"\n', 2, "proxy_user"),
        ('[relay]\nproxy = "http://proxy:1"\nproxy_user = "u"\n', 1, "come together"),
        ('[relay]\nproxy_user = "u"\nproxy_password = "env:P"\n', 1, "need a proxy"),
        ('[relay]\nproxy = "http://p:1"\nproxy_user = "u"\nproxy_password = "canary-1"\n', 4, "reference"),
        ('[outbox]\nhigh_water = "1MiB"\nlow_water = "2MiB"\n', 1, "below high_water"),
        ('[agent]\nlog_levle = "debug"\n', 2, "unknown key"),
        ('[limits]\ndriver_memory = "lots"\n', 2, "size"),
        ("[limits]\ndriver_seconds_without_page = 0\n", 2, "greater than 0"),
    ],
)
def test_a_wrong_agent_file_is_refused_with_its_line(
    folder: ConfigFolder, text: str, line: int, about: str
) -> None:
    folder.write("agent.toml", text)

    with pytest.raises(ConfigurationError) as caught:
        folder.load()

    assert caught.value.where == f"agent.toml:{line}"
    assert about in caught.value.message
    assert "canary" not in str(caught.value)


def test_a_missing_agent_file_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file") as caught:
        load(tmp_path / "nowhere", environ={})

    assert "config init" in caught.value.hint


def test_the_state_folder_comes_from_the_file_then_systemd_then_the_platform(folder: ConfigFolder) -> None:
    assert folder.load().state_dir == folder.path / "state"

    folder.write("agent.toml", "")

    assert load(folder.path, environ={"STATE_DIRECTORY": "/var/lib/gw:/x"}).state_dir == Path("/var/lib/gw")
    assert load(folder.path, environ={}).state_dir.name == "groundwire"


def test_the_configuration_folder_can_be_named_by_the_environment() -> None:
    assert default_config_dir({"GROUNDWIRE_CONFIG": "/a", "CONFIGURATION_DIRECTORY": "/b"}) == Path("/a")
    assert default_config_dir({"CONFIGURATION_DIRECTORY": "/b:/c"}) == Path("/b")
    assert default_config_dir({}).name == "groundwire"


def test_a_ca_file_is_looked_for_beside_agent_toml(folder: ConfigFolder) -> None:
    folder.write("agent.toml", '[relay]\nca_file = "ca.pem"\n')

    assert folder.load().relay.ca_file == str(folder.path / "ca.pem")


def test_several_problems_are_one_error_that_tells_all(folder: ConfigFolder) -> None:
    folder.write("agent.toml", '[agent]\nnmae = "x"\n[outbox]\nhigh_watr = "1MiB"\n')

    with pytest.raises(ConfigurationProblems) as caught:
        folder.load()

    assert [p.where for p in problems_of(caught.value)] == ["agent.toml:2", "agent.toml:4"]
    assert "agent.toml:2" in str(caught.value)
    assert "agent.toml:4" in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        '[options]\nconnection = { Pwd = "canary-9" }',
        '[options]\npassword = "canary-9"',
        '[options]\nclient_secret = "canary-9"',
        '[options]\ndsn = "Server=x;PWD=canary-9;Port=1"',
        '[options]\nlist = [{ ApiKey = "canary-9" }]',
        '[secrets]\nPwd = "canary-9"',
    ],
)
def test_a_secret_written_out_is_refused_and_never_repeated(
    folder: ConfigFolder, places: Places, options: str
) -> None:
    folder.write("connections/a.toml", f'driver = "odbc"\n{options}\n')

    ((where, message, hint),) = places()

    assert where == "connections/a.toml:3"
    assert "reference" in message + hint
    assert "canary" not in message + hint


@pytest.mark.parametrize(
    ("given", "broken"), [('"box"', False), ('"canary-5"', True)], ids=["a name", "a value"]
)
def test_an_option_may_name_a_secret_of_the_same_file(folder: ConfigFolder, given: str, broken: bool) -> None:
    folder.write(
        "connections/a.toml",
        f'driver = "odbc"\n[options]\nlogon = {{ Password = {{ secret = {given} }} }}\n[secrets]\nbox = "env:BOX"\n',
    )

    assert bool(folder.load().broken) is broken


def test_the_fingerprint_follows_the_content_and_not_its_layout(folder: ConfigFolder) -> None:
    folder.write("connections/a.toml", GOOD)
    first = folder.load().connections["a"].fingerprint
    folder.write("connections/a.toml", "# a comment\n\n" + GOOD)
    moved = folder.load().connections["a"].fingerprint
    folder.write("connections/a.toml", GOOD.replace("30s", "31s"))
    changed = folder.load().connections["a"].fingerprint

    assert first == moved
    assert first != changed


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.sampled_from("driveodbcsynstream=\"'[]{}.,\n #1é\x00\\"), max_size=80))
def test_no_text_leads_to_anything_but_a_document_or_a_configuration_error(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        assert isinstance(parse(text, name="x").validate(ConnectionFile), ConnectionFile)
