from __future__ import annotations

import json

import pytest

from .conftest import Shell

POLICY = """
[connections.box]
commands = ["sync", "create"]

[connections.box.leave.vendor]
fields = "all"
except = ["notes"]
mask = ["phone"]

[connections.box.write.vendor]
operations = ["create", "update"]
fields = ["name"]
"""


@pytest.fixture
def box(shell: Shell) -> Shell:
    shell.write(
        "connections/box.toml",
        'driver = "sandbox"\n[options]\nsize = 20\n[sync]\nmanual = true\n'
        '[streams.vendors]\nentity = "vendor"\n[streams.vendors.read]\ntable = "vendor"\n'
        '[streams.vendors.map]\nname = "name"\n'
        '[streams.assets]\nentity = "asset"\n[streams.assets.map]\ncode = "code"\n',
    )
    shell.write("policy.toml", POLICY).chmod(0o600)
    return shell


def test_check_says_what_does_not_run_and_what_is_refused(box: Shell) -> None:
    found = box.run("policy", "check")
    assert found.exit_code == 0
    assert "box/assets does not run: nothing of asset may leave" in found.output
    assert "update is in `operations` and not in `commands`" in found.output


def test_check_tells_the_line_of_a_fault(box: Shell) -> None:
    box.write("policy.toml", POLICY.replace('"notes"', '"note"')).chmod(0o600)
    found = box.run("policy", "check")
    assert found.exit_code == 3
    assert "policy.toml:7" in found.stderr
    assert 'Did you mean "notes"' in found.stderr


def test_check_names_the_connection_that_was_probably_meant(box: Shell) -> None:
    box.write("policy.toml", POLICY + "\n[connections.bxo]\n").chmod(0o600)
    assert 'Did you mean "box"' in box.run("policy", "check").output


def test_a_suggestion_is_a_policy_under_which_every_stream_runs(box: Shell) -> None:
    text = box.run("policy", "suggest", "box").output
    box.write("policy.toml", text).chmod(0o600)

    notes = box.json("policy", "check")["notes"]
    assert not [note for note in notes if "does not run" in note]
    # The lines that it offers as comments are right too.
    offered = "\n".join(
        line.split(": ", 1)[1] if line.startswith("# ") else line for line in text.splitlines()
    )
    box.write("policy.toml", offered).chmod(0o600)
    assert box.run("policy", "check").exit_code == 0


def test_show_says_what_the_file_allows(box: Shell) -> None:
    assert (
        'vendor leaves: fields = "all"; except = ["notes"]; mask = ["phone"]'
        in box.run("policy", "show").output
    )
    assert box.json("policy", "show")["connections"]["box"]["commands"] == ["sync", "create"]


def test_explain_says_field_by_field_what_leaves(box: Shell) -> None:
    found = box.json("policy", "explain", "box", "vendor")
    words = {field["path"]: field["what"] for field in found["fields"]}
    assert (words["notes"], words["phone"], words["code"], words["raw"]) == (
        "stays",
        "masked",
        "leaves",
        "stays",
    )
    assert box.run("policy", "explain", "box", "asset").exit_code == 4


def test_explain_says_whether_a_command_is_taken(box: Shell) -> None:
    assert box.run("policy", "explain", "box", "--command", "sync").exit_code == 0
    refused = box.run("policy", "explain", "box", "--command", "resync")
    assert refused.exit_code == 4
    assert "policy.toml:3: connections.box.commands" in refused.output


def test_explain_says_whether_a_write_is_allowed_and_which_field_is_not(box: Shell) -> None:
    file = box.write("record.json", json.dumps({"name": "A", "taxNumber": "1"}))
    words = ("policy", "explain", "box", "vendor", "--write", "create", "--record", str(file))
    refused = box.run(*words)
    assert refused.exit_code == 4
    assert "field_not_allowed" in refused.output
    document = json.loads(box.run(*words, "--json").stdout)
    assert {one["path"]: one["what"] for one in document["fields"]} == {
        "name": "writable",
        "taxNumber": "refused",
    }

    file.write_text(json.dumps({"name": "A"}))
    assert box.run(*words).exit_code == 0


def test_without_a_policy_explain_says_so(box: Shell) -> None:
    (box.folder / "policy.toml").unlink()
    found = box.run("policy", "explain", "box", "vendor")
    assert found.exit_code == 4
    assert "no such file" in found.output
    assert box.run("policy", "show").exit_code == 3


def test_each_of_several_faults_says_what_was_probably_meant(box: Shell) -> None:
    box.write("policy.toml", POLICY.replace('"notes"', '"note"').replace('"phone"', '"fone"')).chmod(0o600)
    found = box.run("policy", "check")
    assert found.exit_code == 3
    assert 'Did you mean "notes"' in found.stderr
    assert 'Did you mean "phone"' in found.stderr
    assert "`groundwire policy check` reads it again" in found.stderr


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (["bxo", "vendor"], "box"),
        (["box", "vendors"], "vendor"),
        (["box", "--command", "synch"], "sync"),
        (["box", "vendor", "--write", "creat"], "create"),
    ],
)
def test_explain_does_not_speak_of_rules_for_what_does_not_exist(
    box: Shell, asked: list[str], meant: str
) -> None:
    found = box.run("policy", "explain", *asked)
    assert found.exit_code == 3
    assert f'Did you mean "{meant}"' in found.stderr


def test_explain_knows_that_a_command_is_about_the_whole_agent(box: Shell) -> None:
    box.write("policy.toml", 'commands = ["cancel"]\n' + POLICY).chmod(0o600)
    assert box.run("policy", "explain", "box", "--command", "cancel").exit_code == 0
    assert box.run("policy", "explain", "box", "--command", "diagnostics").exit_code == 4
