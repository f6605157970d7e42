from __future__ import annotations

import tomllib
from contextlib import suppress
from dataclasses import replace

import pytest

from agent.errors import ConfigurationError, CredentialsRefused, NeedsPersonError, Unreachable
from agent.odbc_registry import OdbcSources
from agent.secrets import Secret
from agent.setup.asking import Question, Tone
from agent.setup.conversation import set_up
from agent.setup.drafts import Draft
from agent.setup.filing import NotReplaced
from agent.setup.machine_port import Enrolled, Found, FoundProxy, Proposed, RelayWay, Service
from agent.setup.relay_part import SetupLeft
from drivers.contract import CheckStep
from tests.canaries import canary
from tests.unit.setup.world import FOLDER, FakeMachine, Scripted, Silent, secrets_of

RELAY = {"relay.url": ["relay.example.com"], "relay.code": ["7R62R-ZJT3M-NGYV1-T8GF0"]}
SANDBOX = {**RELAY, "connection.system": ["sandbox"]}
ENROLLED = Found(
    FOLDER, name="plant", configured=True, enrolled=Enrolled("plant", "wss://relay.example.com:443/agent")
)


def answers(**more: str | list[str]) -> dict[str, list[str]]:
    found = {key: list(value) for key, value in SANDBOX.items()}
    for key, value in more.items():
        found[key.replace("__", ".")] = [value] if isinstance(value, str) else list(value)
    return found


def database(**more: str | list[str]) -> dict[str, list[str]]:
    given = {
        "connection.system": ["database"],
        "connection.name": ["erp"],
        "connections.erp.answers.odbc": ["PostgreSQL Unicode"],
        "connections.erp.answers.database": ["erp"],
        "connections.erp.answers.user": ["reader"],
    }
    return {**answers(), **given, **answers(**more)} | {key: given[key] for key in given if key not in more}


async def test_a_newcomer_who_only_presses_enter_gets_a_sandbox_with_careful_rules() -> None:
    person, machine = Scripted(answers()), FakeMachine()

    outcome = await set_up(person, machine)

    assert machine.done == [
        "wrote agent.toml",
        "enrolled plant",
        "previewed orders,vendors",
        "wrote policy.toml",
        "wrote connections/sandbox.toml",
    ]
    rules = tomllib.loads(machine.files["policy.toml"])["connections"]["sandbox"]["leave"]
    assert set(rules) == {"purchase_order", "vendor"}
    assert "name" in rules["vendor"]["mask"]
    assert "notes" in rules["vendor"]["except"]
    assert tomllib.loads(machine.files["connections/sandbox.toml"]) == {"system": "sandbox"}
    assert outcome.document()["connections"][0]["streams"] == ["orders", "vendors"]


async def test_the_relays_address_is_understood_as_people_write_it_down() -> None:
    for typed in ("relay.example.com", "https://relay.example.com/", "wss://relay.example.com"):
        machine = FakeMachine()

        await set_up(Scripted(answers(relay__url=typed)), machine)

        assert machine.ways[0].url == "wss://relay.example.com"


async def test_an_address_that_is_none_is_asked_for_again_with_its_reason() -> None:
    person = Scripted(answers(relay__url=["ws://relay.example.com", "wss://relay.example.com"]))

    await set_up(person, FakeMachine())

    assert "not encrypted" in person.complaints[0]


class TestTheWayToTheRelay:
    async def test_an_unknown_authority_is_mended_without_answering_anew(self) -> None:
        def judge(way: RelayWay) -> NeedsPersonError | None:
            return None if way.ca_file else NeedsPersonError("not accepted", where="tls")

        person = Scripted(answers(relay__ca_file=["/nowhere/ca.pem", "/etc/ca.pem"]))
        machine = FakeMachine(judge=judge)

        await set_up(person, machine)

        assert person.question("relay.mend").default == "authority"
        assert person.keys.count("relay.url") == 1
        assert tomllib.loads(machine.files["agent.toml"])["relay"]["ca_file"] == "/etc/ca.pem"

    async def test_a_proxy_that_the_machine_names_is_offered_and_its_password_goes_into_the_vault(
        self,
    ) -> None:
        password = canary("-proxy")
        named = FoundProxy("http://proxy:3128", "$HTTPS_PROXY", "joe", Secret(password))
        person, machine = Scripted(answers()), FakeMachine(known=[named])

        await set_up(person, machine)

        relay = tomllib.loads(machine.files["agent.toml"])["relay"]
        assert (relay["proxy"], relay["proxy_user"], relay["proxy_password"]) == (
            "http://proxy:3128",
            "joe",
            "secret:relay-proxy",
        )
        assert machine.vault == {"relay-proxy": password}
        assert password not in person.everything()

    async def test_a_password_of_the_machine_that_the_proxy_refuses_is_typed_anew(self) -> None:
        def judge(way: RelayWay) -> CredentialsRefused | None:
            right = way.proxy_password is not None and way.proxy_password.reveal() == "right"
            return None if right else CredentialsRefused("the proxy refused", where="proxy")

        named = FoundProxy("http://proxy:3128", "$HTTPS_PROXY", "joe", Secret("old"))
        machine = FakeMachine(judge=judge, known=[named])

        await set_up(Scripted(answers(relay__proxy_password="right")), machine)

        assert machine.vault == {"relay-proxy": "right"}

    async def test_a_proxy_that_wants_a_user_is_asked_for_one(self) -> None:
        def judge(way: RelayWay) -> CredentialsRefused | None:
            right = way.proxy_password is not None and way.proxy_password.reveal() == "right"
            return None if right else CredentialsRefused("the proxy refused", where="proxy")

        typed = answers(
            relay__mend=["proxy", ""],
            relay__proxy=["1", "other", "http://proxy:3128", "http://proxy:3128"],
            relay__proxy_user=["", "joe"],
            relay__proxy_password=["right"],
        )
        machine = FakeMachine(judge=judge, known=[FoundProxy("http://proxy:3128", "$HTTPS_PROXY")])
        person = Scripted(typed)

        await set_up(person, machine)

        assert machine.vault == {"relay-proxy": "right"}
        assert person.question("relay.mend").default == "proxy"

    async def test_whoever_leaves_has_nothing_written(self) -> None:
        machine = FakeMachine(judge=lambda _: Unreachable("no answer", where="connection"))

        with pytest.raises(SetupLeft, match="left"):
            await set_up(Scripted(answers(relay__mend="leave")), machine)

        assert machine.done == []

    async def test_a_code_that_is_refused_is_asked_for_again_and_nothing_else(self) -> None:
        machine = FakeMachine(refuses_code=NeedsPersonError("the code was used already"))
        person = Scripted(answers(relay__code=["used", "fresh"]))

        await set_up(person, machine)

        assert person.keys.count("relay.code") == 2
        assert person.keys.count("relay.name") == 1
        assert "enrolled plant" in machine.done

    async def test_with_nobody_present_the_error_of_the_hop_ends_it(self) -> None:
        machine = FakeMachine(judge=lambda _: Unreachable("no answer", where="connection"))

        with pytest.raises(Unreachable, match="no answer"):
            await set_up(Scripted(answers(), present=False), machine)

    async def test_an_agent_that_is_enrolled_is_not_enrolled_again(self) -> None:
        person, machine = Scripted(answers()), FakeMachine(found=ENROLLED)

        await set_up(person, machine)

        assert "relay.url" not in person.keys
        assert "relay.code" not in person.keys
        assert not [what for what in machine.done if what.startswith("enrolled")]


class TestAConnection:
    async def test_a_wrong_password_is_typed_again_and_the_rest_is_kept(self) -> None:
        wrong, right = canary("-wrong"), canary("-right")

        def try_it(draft: Draft) -> list[CheckStep]:
            ok = draft.secrets["password"].reveal() == right
            return [CheckStep("sign-in", ok=ok, detail="", code="" if ok else "credentials_refused")]

        person = Scripted(database(connections__erp__answers__password=[wrong, right]))
        machine = FakeMachine(try_it=try_it, found=ENROLLED, proposed=Proposed({"orders": "t"}, "", 1))

        await set_up(person, machine)

        assert person.question("connection.mend").default == "password"
        assert person.keys.count("connections.erp.answers.user") == 1
        assert machine.vault == {"erp-password": right}
        assert wrong not in str(machine.files)
        assert right not in str(machine.files)
        assert wrong not in person.everything()
        assert right not in person.everything()

    async def test_a_secret_is_stored_only_once_the_connection_works(self) -> None:
        steps = [CheckStep("sign-in", ok=False, detail="", code="credentials_refused")]
        typed = database(connections__erp__answers__password="typed", connection__mend="leave")
        machine = FakeMachine(try_it=lambda _: steps, found=ENROLLED)

        await set_up(Scripted(typed), machine)

        assert machine.vault == {}
        assert machine.files == {}

    async def test_what_does_not_work_yet_can_be_kept_at_rest(self) -> None:
        steps = [CheckStep("host", ok=False, detail="no answer", code="unreachable")]
        typed = database(connections__erp__answers__password="typed", connection__mend="later")
        person, machine = Scripted(typed), FakeMachine(try_it=lambda _: steps, found=ENROLLED)

        outcome = await set_up(person, machine)

        written = tomllib.loads(machine.files["connections/erp.toml"])
        assert written["enabled"] is False
        assert written["options"]["connection"]["Uid"] == "reader"
        assert not outcome.connections[0].enabled
        assert "erp rests" in " ".join(person.texts(Tone.NOTICE))
        assert tomllib.loads(machine.files["policy.toml"]) == {}

    async def test_streams_that_fail_their_test_are_left_out_unless_they_are_named(self) -> None:
        steps = [
            CheckStep("open", ok=True, detail=""),
            CheckStep("stream orders", ok=False, detail="no table", stream="orders"),
            CheckStep("stream vendors", ok=True, detail="", stream="vendors"),
        ]
        machine = FakeMachine(try_it=lambda _: steps, found=ENROLLED)

        await set_up(Scripted(answers()), machine)

        written = tomllib.loads(machine.files["connections/sandbox.toml"])
        assert written["streams"] == {"orders": {"enabled": False}}
        assert "purchase_order" not in machine.files["policy.toml"]

    async def test_what_leaves_can_be_changed_until_it_looks_right(self) -> None:
        typed = answers(
            connections__sandbox__leave=["careful", "everything"],
            connections__sandbox__streams=["all", "vendors"],
            connection__content=["leave", "streams", "yes"],
        )
        typed["connections.sandbox.leave"].append("everything")
        machine = FakeMachine(found=ENROLLED)

        await set_up(Scripted(typed), machine)

        rules = tomllib.loads(machine.files["policy.toml"])["connections"]["sandbox"]["leave"]
        assert rules == {"vendor": {"fields": "all"}}
        assert machine.done.count("previewed orders,vendors") == 2

    async def test_nothing_is_allowed_where_nothing_is_to_leave(self) -> None:
        machine = FakeMachine(found=ENROLLED)
        person = Scripted(answers(connections__sandbox__leave="nothing"))

        await set_up(person, machine)

        assert tomllib.loads(machine.files["policy.toml"]) == {}
        assert "policy suggest sandbox" in " ".join(person.texts(Tone.NOTICE))

    async def test_a_policy_that_names_the_connection_stays_as_it_is(self) -> None:
        policy = '[connections.sandbox.leave.vendor]\nfields = ["key"]\n'
        machine = FakeMachine(found=ENROLLED, files={"policy.toml": policy})

        await set_up(Scripted(answers()), machine)

        assert machine.files["policy.toml"] == policy

    async def test_a_machine_without_odbc_drivers_says_what_to_install(self) -> None:
        person = Scripted(answers(connection__system="database"))

        await set_up(person, FakeMachine(found=ENROLLED, sources=OdbcSources()))

        assert "no ODBC driver" in " ".join(person.texts(Tone.PROBLEM))
        assert "odbc-postgresql" in " ".join(person.texts(Tone.PROBLEM))

    async def test_with_nobody_present_the_failed_step_ends_it_with_its_own_kind_of_error(self) -> None:
        steps = [CheckStep("sign-in", ok=False, detail="refused", code="credentials_refused")]
        machine = FakeMachine(try_it=lambda _: steps, found=ENROLLED)
        person = Scripted({**answers(), "connection.add": ["yes"]}, present=False)

        with pytest.raises(CredentialsRefused, match="refused"):
            await set_up(person, machine)

        assert machine.files == {}

    async def test_a_secret_that_the_vault_holds_is_kept_by_enter(self) -> None:
        machine = FakeMachine(
            found=ENROLLED, vault={"erp-password": "kept"}, proposed=Proposed({"orders": "t"}, "", 1)
        )

        await set_up(Scripted(database()), machine)

        written = tomllib.loads(machine.files["connections/erp.toml"])
        assert written["secrets"] == {"Pwd": "secret:erp-password"}
        assert "stored erp-password" not in machine.done


class TestFiles:
    async def test_a_file_that_is_there_is_changed_only_when_somebody_says_yes(self) -> None:
        before = 'system = "sandbox"\nenabled = false\n'
        typed = answers(connection__name="sandbox", connection__again="yes", files__replace="no")
        machine = FakeMachine(
            found=replace(ENROLLED, connections={"sandbox": "sandbox"}),
            files={"connections/sandbox.toml": before, "policy.toml": "[connections.sandbox]\n"},
        )
        typed["connection.add"] = ["yes"]
        person = Scripted(typed)

        outcome = await set_up(person, machine)

        assert machine.files["connections/sandbox.toml"] == before
        assert outcome.connections == []
        shown = next(one for one in person.said if one.tone is Tone.FILE)
        assert "-enabled = false" in shown.lines

    async def test_a_connection_that_stays_as_it_is_keeps_its_password_and_its_policy(self) -> None:
        policy = '[connections.other.leave.vendor]\nfields = "all"\n'
        for present in (True, False):
            machine = FakeMachine(
                found=replace(ENROLLED, connections={"erp": "odbc"}),
                files={"connections/erp.toml": 'driver = "odbc"\nenabled = false\n', "policy.toml": policy},
                vault={"erp-password": "of the live connection"},
                proposed=Proposed({"orders": "t"}, "", 1),
            )
            before = dict(machine.files)
            typed = database(connections__erp__answers__password="another", files__replace="no")
            typed |= {"connection.again": ["yes"], "connection.add": ["yes"]}

            with suppress(NotReplaced):
                await set_up(Scripted(typed, present=present), machine)

            assert machine.files == before
            assert machine.vault == {"erp-password": "of the live connection"}

    async def test_a_line_that_would_only_get_longer_is_a_changed_one(self) -> None:
        machine = FakeMachine(found=ENROLLED)
        await set_up(Scripted(answers()), machine)
        whole = machine.files["connections/sandbox.toml"]
        machine.files["connections/sandbox.toml"] = whole.rstrip()[:-1]  # its last line, cut short
        typed = {**answers(), "connection.add": ["yes"]}

        with pytest.raises(NotReplaced):
            await set_up(Scripted(typed, present=False), machine)

    async def test_with_nobody_present_it_stays_and_the_error_says_how_to_allow_it(self) -> None:
        machine = FakeMachine(files={"agent.toml": '[agent]\nname = "old"\n'})

        with pytest.raises(NotReplaced) as refused:
            await set_up(Scripted(answers(), present=False), machine)

        assert machine.files == {"agent.toml": '[agent]\nname = "old"\n'}
        assert "replace = true" in refused.value.hint

    async def test_what_a_file_says_beside_stays(self) -> None:
        before = '# mine\n[agent]\nlog_level = "debug"  # for now\n\n[limits]\nparallel_runs = 2\n'
        machine = FakeMachine(files={"agent.toml": before})

        await set_up(Scripted(answers()), machine)

        assert '# mine\n[agent]\nlog_level = "debug"  # for now' in machine.files["agent.toml"]
        assert "parallel_runs = 2" in machine.files["agent.toml"]
        assert 'name = "plant"' in machine.files["agent.toml"]

    async def test_a_dry_run_asks_and_tests_and_changes_nothing(self) -> None:
        person, machine = Scripted(answers()), FakeMachine()

        outcome = await set_up(person, machine, dry_run=True)

        assert machine.done == ["previewed orders,vendors"]
        assert machine.files == {}
        assert outcome.files == ["agent.toml", "policy.toml", "connections/sandbox.toml"]
        assert "relay.code" not in person.keys


class TestTheEnd:
    async def test_with_nobody_present_a_service_is_started_only_where_the_answers_say_so(self) -> None:
        installed = Service("groundwire.service", start="systemctl start")
        for given, done in (({}, []), ({"service.start": ["yes"]}, ["started"])):
            machine = FakeMachine(the_service=installed, found=ENROLLED)
            person = Scripted({"connection.add": ["no"], **given}, present=False)

            await set_up(person, machine)

            assert machine.done == done
            assert ("is not started" in " ".join(person.texts(Tone.NOTE))) is not bool(done)

    async def test_a_service_that_is_installed_is_started_when_somebody_says_yes(self) -> None:
        machine = FakeMachine(
            the_service=Service("groundwire.service", start="systemctl start"), found=ENROLLED
        )

        outcome = await set_up(Scripted(answers()), machine)

        assert machine.done[-1] == "started"
        assert outcome.running

    async def test_without_one_it_says_how_to_run_the_agent(self) -> None:
        person = Scripted(answers())

        await set_up(
            person, FakeMachine(found=ENROLLED, the_service=Service(run="groundwire run --config /x"))
        )

        assert ("groundwire run --config /x",) in [one.lines for one in person.said]

    async def test_a_running_agent_is_not_started_again(self) -> None:
        machine = FakeMachine(the_service=Service("groundwire.service", running=True), found=ENROLLED)

        await set_up(Scripted(answers()), machine)

        assert "started" not in machine.done


async def test_every_secret_is_asked_for_as_one() -> None:
    typed = {**answers(connection__system="sap-ecc"), "connection.mend": ["later"]}
    for name, text in (("host", "ecc"), ("client", "100"), ("user", "GW"), ("password", "typed")):
        typed[f"connections.sap-ecc.answers.{name}"] = [text]
    person = Scripted(typed)

    await set_up(person, FakeMachine(found=ENROLLED))

    assert secrets_of(person) == ["connections.sap-ecc.answers.password"]


async def test_an_answer_that_is_no_configuration_lets_the_sitting_go_on() -> None:
    class Broken(FakeMachine):
        async def streams_of(self, draft: Draft) -> dict[str, str]:
            raise ConfigurationError("the profile cannot be read")

    person = Scripted(answers())

    outcome = await set_up(person, Broken(found=ENROLLED))

    assert outcome.connections == []
    assert "the profile cannot be read" in " ".join(person.texts(Tone.PROBLEM))


async def test_a_file_that_another_has_changed_since_it_was_shown_is_not_written_over() -> None:
    class Meanwhile(Scripted):
        """Somebody else adds to the policy while the question about it stands."""

        async def ask(self, question: Question) -> str:
            if question.key == "files.replace":
                machine.files["policy.toml"] += "# by hand, meanwhile\n"
            return await super().ask(question)

    machine = FakeMachine(found=ENROLLED, files={"policy.toml": "# before\n"})
    person = Meanwhile({"connection.system": ["sandbox"], "files.replace": ["yes"]})
    with suppress(Silent):
        await set_up(person, machine)

    assert machine.files == {"policy.toml": "# before\n# by hand, meanwhile\n"}
    assert "changed by somebody else" in " ".join(person.texts(Tone.PROBLEM))
