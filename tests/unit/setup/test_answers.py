from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from agent.configuration.schema import schema_texts
from agent.errors import ConfigurationError, CredentialsRefused
from agent.secrets import Secret
from agent.setup.answers import Remembering, earlier_answers
from agent.setup.asking import Saying
from agent.setup.conversation import set_up
from agent.setup.drafts import Draft
from agent.setup.machine_port import Found, FoundProxy, Proposed
from agent.setup.unattended import FromFile, read_answers
from drivers.contract import CheckStep
from tests.canaries import canary
from tests.unit.setup.test_conversation import ENROLLED, answers, database
from tests.unit.setup.world import FOLDER, FakeMachine, Scripted, preview_document

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads(schema_texts()["setup.schema.json"])
SANDBOX = """
[relay]
url = "wss://relay.example.com"
code = "env:CODE"

[connections.demo]
system = "sandbox"
streams = ["vendors"]
leave = "everything"
"""
DATABASE = """
[connections.erp]
system = "database"
[connections.erp.answers]
odbc = "driver:PostgreSQL Unicode"
server = "db.example.com"
port = 5433
database = "erp"
user = "reader"
password = {password}
"""


def person_of(path: Path, text: str, environ: dict[str, str] | None = None) -> FromFile:
    path.write_text(text)
    return FromFile(read_answers(path), lambda _: None, environ=environ or {})


async def test_a_file_of_answers_goes_through_the_same_steps(tmp_path: Path) -> None:
    machine = FakeMachine()

    outcome = await set_up(person_of(tmp_path / "answers.toml", SANDBOX, {"CODE": "7R62R"}), machine)

    assert "enrolled plant" in machine.done
    assert outcome.document()["connections"] == [
        {"name": "demo", "system": "sandbox", "streams": ["vendors"], "enabled": True}
    ]
    assert tomllib.loads(machine.files["connections/demo.toml"])["streams"] == {"orders": {"enabled": False}}


async def test_a_second_time_nothing_changes(tmp_path: Path) -> None:
    machine = FakeMachine(found=ENROLLED)
    await set_up(person_of(tmp_path / "a.toml", SANDBOX), machine)
    machine.done.clear()
    machine.found = Found(FOLDER, enrolled=ENROLLED.enrolled, connections={"demo": "sandbox"})

    await set_up(person_of(tmp_path / "a.toml", SANDBOX), machine)

    assert machine.done == ["previewed vendors"]


async def test_a_proxy_in_the_file_is_taken_as_it_says_and_else_as_the_machine_does(tmp_path: Path) -> None:
    named = FoundProxy("http://proxy:3128", "$HTTPS_PROXY", "joe", Secret("of the machine"))
    own = 'code = "env:CODE"\nproxy_user = "jane"\nproxy_password = "env:PROXY"'
    for text, user, password in (
        (SANDBOX, "joe", "of the machine"),
        (SANDBOX.replace('code = "env:CODE"', own), "jane", "p"),
    ):
        machine = FakeMachine(known=[named])

        await set_up(person_of(tmp_path / "a.toml", text, {"CODE": "x", "PROXY": "p"}), machine)

        assert tomllib.loads(machine.files["agent.toml"])["relay"]["proxy_user"] == user
        assert machine.vault == {"relay-proxy": password}


async def test_a_policy_that_only_gets_more_is_not_replaced(tmp_path: Path) -> None:
    before = '[connections.other.leave.vendor]\nfields = ["key"]\n'
    machine = FakeMachine(found=ENROLLED, files={"policy.toml": before})

    await set_up(person_of(tmp_path / "a.toml", SANDBOX), machine)

    assert machine.files["policy.toml"].startswith(before.rstrip())
    assert "connections.demo.leave.vendor" in machine.files["policy.toml"]


async def test_a_secret_comes_from_where_the_file_says_and_goes_into_the_vault(tmp_path: Path) -> None:
    value = canary("-answers")
    (tmp_path / "pw.secret").write_text(f"{value}\n")
    (tmp_path / "pw.secret").chmod(0o600)
    given = {
        '"env:PW"': {"PW": value},
        f'"file:{tmp_path}/pw.secret"': {},
    }
    for reference, environ in given.items():
        machine = FakeMachine(found=ENROLLED, proposed=Proposed({"orders": "t"}, "", 1))

        await set_up(person_of(tmp_path / "a.toml", DATABASE.format(password=reference), environ), machine)

        assert machine.vault == {"erp-password": value}
        assert value not in str(machine.files)


async def test_a_secret_that_is_kept_elsewhere_stays_there(tmp_path: Path) -> None:
    machine = FakeMachine(found=ENROLLED, proposed=Proposed({"orders": "t"}, "", 1))

    await set_up(person_of(tmp_path / "a.toml", DATABASE.format(password='"secret:from-systemd"')), machine)

    assert machine.vault == {}
    assert tomllib.loads(machine.files["connections/erp.toml"])["secrets"] == {"Pwd": "secret:from-systemd"}


async def test_a_value_stands_only_in_a_file_for_secrets_that_is_closed(tmp_path: Path) -> None:
    value = canary("-inline")
    text = DATABASE.format(password=f'{{ value = "{value}" }}')
    machine = FakeMachine(found=ENROLLED, proposed=Proposed({"orders": "t"}, "", 1))

    with pytest.raises(ConfigurationError, match=r"only a file named \*\.secret") as refused:
        await set_up(person_of(tmp_path / "connections.toml", text), machine)
    assert value not in str(refused.value)
    (tmp_path / "connections.toml").unlink()

    open_file = tmp_path / "a.secret"
    open_file.write_text(text)
    open_file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="others may read"):
        read_answers(open_file)

    open_file.chmod(0o600)
    await set_up(person_of(open_file, text), machine)
    assert machine.vault == {"erp-password": value}


async def test_a_secret_written_where_a_reference_belongs_is_not_repeated(tmp_path: Path) -> None:
    value = canary("-literal")
    path = tmp_path / "a.secret"
    path.write_text(DATABASE.format(password=f'"{value}"'))
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="reference") as refused:
        await set_up(FromFile(read_answers(path), lambda _: None, environ={}), FakeMachine(found=ENROLLED))

    assert value not in f"{refused.value} {refused.value.hint}"
    assert ":10" in refused.value.where


async def test_a_prompt_needs_a_terminal(tmp_path: Path) -> None:
    text = DATABASE.format(password='"prompt"')

    with pytest.raises(ConfigurationError, match="no terminal"):
        await set_up(person_of(tmp_path / "a.toml", text), FakeMachine(found=ENROLLED))

    person = person_of(tmp_path / "a.toml", text)
    person.prompt = Scripted({"connections.erp.answers.password": ["typed"]})
    machine = FakeMachine(found=ENROLLED, proposed=Proposed({"orders": "t"}, "", 1))
    await set_up(person, machine)
    assert machine.vault == {"erp-password": "typed"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SANDBOX.replace("wss://relay.example.com", "ws://relay.example.com"), "not encrypted"),
        (SANDBOX.replace('"sandbox"', '"sanbox"'), "number from 1"),
        (SANDBOX.replace('["vendors"]', '["vendrs"]'), "number from 1"),
        (SANDBOX.replace('code = "env:CODE"', ""), "relay.code"),
        (DATABASE.format(password='"env:PW"').replace('user = "reader"', ""), "answers.user"),
        (SANDBOX.replace("[relay]", "[relais]"), "relais"),
    ],
)
async def test_a_wrong_or_missing_answer_is_named_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    machine = FakeMachine(found=ENROLLED) if "erp" in text else FakeMachine()
    with pytest.raises(ConfigurationError) as refused:
        await set_up(person_of(tmp_path / "answers.toml", text, {"CODE": "x", "PW": "x"}), machine)

    assert message in f"{refused.value}"
    assert "answers.toml" in f"{refused.value}"


async def test_an_answer_that_nothing_asks_for_is_told(tmp_path: Path) -> None:
    person = person_of(tmp_path / "a.toml", f"{SANDBOX}[connections.demo.answers]\nseeed = 7\n")

    await set_up(person, FakeMachine(found=ENROLLED))

    assert [place.rpartition("(")[2] for place in person.unused()] == ["connections.demo.answers.seeed)"]


async def test_what_is_missing_at_the_source_ends_with_its_own_error(tmp_path: Path) -> None:
    steps = [CheckStep("sign-in", ok=False, detail="refused", code="credentials_refused")]
    machine = FakeMachine(found=ENROLLED, try_it=lambda _: steps)

    with pytest.raises(CredentialsRefused):
        await set_up(
            person_of(tmp_path / "a.toml", DATABASE.format(password='"env:PW"'), {"PW": "x"}), machine
        )


async def test_what_was_typed_becomes_a_file_of_answers_without_secrets(tmp_path: Path) -> None:
    value = canary("-typed")
    person = Remembering(Scripted(database(connections__erp__answers__password=value)))
    await set_up(person, FakeMachine(proposed=Proposed({"orders": "t"}, "", 1)))

    text = person.document()

    assert value not in text
    assert "7R62R" not in text
    read = tomllib.loads(text)
    jsonschema.validate(read, SCHEMA)
    assert read["relay"]["code"] == "prompt"
    assert read["connections"]["erp"]["answers"]["password"] == "prompt"
    again = FakeMachine(proposed=Proposed({"orders": "t"}, "", 1))
    scripted = Scripted({"relay.code": ["x"], "connections.erp.answers.password": ["y"]})
    path = tmp_path / "answers.toml"
    path.write_text(text)
    await set_up(FromFile(read_answers(path), lambda _: None, scripted, environ={}), again)
    assert again.done[-1] == "wrote connections/erp.toml"


async def test_an_earlier_sitting_is_what_enter_means() -> None:
    first = Remembering(Scripted(database(connections__erp__answers__password="x", connection__mend="leave")))
    steps = [CheckStep("host", ok=False, detail="", code="unreachable")]
    await set_up(first, FakeMachine(try_it=lambda _: steps))

    inner = Scripted(
        {"connection.system": [""], "relay.code": ["x"], "connections.erp.answers.password": ["y"]}
    )
    second = Remembering(inner, earlier_answers(first.draft()))
    machine = FakeMachine(proposed=Proposed({"orders": "t"}, "", 1))
    await set_up(second, machine)

    written = tomllib.loads(machine.files["connections/erp.toml"])
    assert written["options"]["connection"]["Uid"] == "reader"
    assert inner.question("relay.url").default == "wss://relay.example.com"


def test_an_earlier_sitting_that_cannot_be_read_is_none() -> None:
    assert earlier_answers("no toml [") == {}


async def test_an_answer_that_no_longer_fits_is_asked_for_anew() -> None:
    inner = Scripted(answers())
    person = Remembering(inner, {"connection.system": "gone", "relay.url": "ws://x"})

    await set_up(person, FakeMachine())

    assert inner.question("connection.system").default is None


def test_the_example_of_the_page_is_a_file_of_answers(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "setup.md").read_text("utf-8")
    text = page.split("```toml\n", 1)[1].split("```", 1)[0]
    (tmp_path / "answers.toml").write_text(text)

    jsonschema.validate(tomllib.loads(text), SCHEMA)
    assert read_answers(tmp_path / "answers.toml").content["connections"]["erp"]["system"] == "database"


async def test_a_value_of_a_secret_for_what_is_none_is_refused_and_written_nowhere(tmp_path: Path) -> None:
    value, path, machine = canary("-misplaced"), tmp_path / "a.secret", FakeMachine(found=ENROLLED)
    path.touch(mode=0o600)
    text = DATABASE.format(password='"env:PW"').replace('"reader"', f'{{ value = "{value}" }}')

    with pytest.raises(ConfigurationError, match="this answer is none") as refused:
        await set_up(person_of(path, text, {"PW": "x"}), machine)

    assert value not in str(refused.value)
    assert machine.files == {}


async def test_a_name_in_the_vault_is_never_taken_for_the_proxy_s_password(tmp_path: Path) -> None:
    own = 'code = "env:CODE"\nproxy = "http://proxy:3128"\nproxy_user = "jane"\nproxy_password = "secret:relay-proxy"'
    machine = FakeMachine()

    with pytest.raises(ConfigurationError, match="cannot come from the vault"):
        await set_up(
            person_of(tmp_path / "a.toml", SANDBOX.replace('code = "env:CODE"', own), {"CODE": "x"}), machine
        )

    assert machine.ways == []


async def test_with_nobody_present_no_value_of_a_record_is_said(tmp_path: Path) -> None:
    class Full(FakeMachine):
        async def preview(
            self, draft: Draft, policy: str, streams: Sequence[str], records: int
        ) -> list[dict[str, Any]]:
            reject = {"key": "V-77", "field": "name", "message": "'ACME' is too long"}
            sample = {"records": [{"key": "V-42", "name": "ACME"}], "rejects": [reject]}
            return [preview_document(f"{draft.name}/{name}", **sample) for name in streams]

    said: list[Saying] = []
    (tmp_path / "a.toml").write_text(SANDBOX)

    await set_up(FromFile(read_answers(tmp_path / "a.toml"), said.append), Full(found=ENROLLED))

    everything = repr(said)
    assert "the first record" in everything
    assert "2 fields" in everything
    assert not [value for value in ("V-42", "V-77", "ACME") if value in everything]
