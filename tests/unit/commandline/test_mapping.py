from __future__ import annotations

from typing import Any

import pytest

from agent.commandline.mapping import value_of
from agent.errors import ConfigurationError
from tests.unit.commandline.conftest import RunningAgent, Shell

STREAM = "box/vendors"


@pytest.fixture
def box(shell: Shell) -> Shell:
    shell.write("connections/box.toml", 'system = "sandbox"\n[options]\nsize = 10\n[sync]\nmanual = true\n')
    return shell


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"col"', "col"),
        ("col", "col"),
        ("No_", "No_"),
        ("Shortcut Dimension 1 Code", "Shortcut Dimension 1 Code"),
        ('{ from = "col", trim = true }', {"from": "col", "trim": True}),
        ('["a", "b"]', ["a", "b"]),
        ('{ const = "x" }', {"const": "x"}),
    ],
)
def test_a_value_is_toml_and_a_bare_name_a_column(text: str, value: Any) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize("text", ["{ from = ", '"open', "a = b", '"x"\nother = 1', ""])
def test_what_is_neither_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        value_of(text)

    assert "trim = true" in refused.value.hint or "one line" in refused.value.message


def test_a_mapping_is_shown_with_the_columns_that_nothing_uses(box: Shell) -> None:
    box.run("mapping", "unset", STREAM, "phone")

    shown = box.run("mapping", "show", STREAM)

    assert shown.exit_code == 0, shown.output
    assert "vendor_number" in shown.stdout
    assert "without leading zeros" in shown.stdout
    assert "Columns that no field uses:" in shown.stdout


def test_without_an_agent_a_change_is_made_on_the_files_and_told_apart_from_the_file(box: Shell) -> None:
    tried = box.run("mapping", "preview", STREAM, "notes", "city", "--rows", "3")
    assert "No record would differ" not in tried.stdout
    assert box.json("mapping", "history", STREAM)["version"] == 0

    made = box.run("mapping", "set", STREAM, "notes", "city", "--note", "asked for")
    assert made.exit_code == 0, made.output
    assert f"Version 1 of {STREAM} is in force: notes" in made.stdout

    fields = {line["field"]: line for line in box.json("mapping", "show", STREAM, "--samples", "2")["fields"]}
    assert fields["notes"]["origin"] == "changed"
    assert fields["name"]["origin"] == "file"
    assert len(fields["notes"]["samples"]) == 2
    assert fields["notes"]["samples"] == [row[0] for row in fields["notes"]["sources"]]
    history = box.run("mapping", "history", STREAM)
    assert "asked for" in history.stdout
    shown = box.json("config", "show")
    assert shown["connections"]["box"]["streams"]["vendors"]["map"]["notes"] == "city"


def test_a_field_is_removed_and_comes_back_as_the_file_says(box: Shell) -> None:
    assert box.json("mapping", "unset", STREAM, "phone", "emailAddress")["changed"] == [
        "emailAddress",
        "phone",
    ]
    assert box.json("mapping", "reset", STREAM, "phone")["changed"] == ["phone"]

    fields = {line["field"]: line["origin"] for line in box.json("mapping", "show", STREAM)["fields"]}
    assert (fields["phone"], fields["emailAddress"]) == ("file", "removed")
    assert box.json("mapping", "revert", STREAM, "--to", "0")["version"] == 3


def test_an_edit_of_the_file_that_a_change_covers_is_shown_with_the_way_out(box: Shell) -> None:
    box.run("mapping", "set", STREAM, "notes", "city")
    assert "without effect" not in box.run("mapping", "show", STREAM).stdout
    file = box.folder / "connections" / "box.toml"
    file.write_text(file.read_text() + '\n[streams.vendors.map]\nnotes = "country"\n')

    shown = box.run("mapping", "show", STREAM)

    assert shown.exit_code == 0, shown.output
    assert 'notes: the file says "country"' in shown.stdout
    assert f"groundwire mapping reset {STREAM} FIELD" in shown.stdout
    assert box.json("mapping", "show", STREAM)["edited"] == ["notes"]
    box.run("mapping", "reset", STREAM, "notes")
    after = box.json("mapping", "show", STREAM)
    fields = {line["field"]: line for line in after["fields"]}
    assert (after["edited"], fields["notes"]["toml"], fields["notes"]["file"]) == ([], '"country"', None)


def test_a_mistake_is_an_error_with_what_to_do(box: Shell) -> None:
    unknown = box.run("mapping", "set", STREAM, "nam", "name")
    assert (unknown.exit_code, "Did you mean name?" in unknown.stderr) == (3, True)
    missing = box.run("mapping", "set", STREAM, "notes", "no_such_column")
    assert (missing.exit_code, "the source has no column 'no_such_column'" in missing.stderr) == (4, True)
    worse = box.run("mapping", "set", STREAM, "isActive", "city")
    assert (worse.exit_code, "would be rejected" in worse.stderr) == (4, True)
    assert box.run("mapping", "set", STREAM, "isActive", "city", "--accept-rejects").exit_code == 0
    assert box.run("mapping", "show", "box").exit_code == 2


def test_the_running_agent_is_asked(box: Shell, running_agent: RunningAgent) -> None:
    answer = {"version": 4, "changed": ["notes"], "remap": "offered", "preview": None}
    with running_agent(mapping_change=answer, resync={"runs": []}) as agent:
        made = box.run("mapping", "set", STREAM, "notes", "city")
        again = box.run("mapping", "set", STREAM, "notes", "city", "--resync")

    assert f"groundwire resync {STREAM}" in made.stdout
    assert again.exit_code == 0, again.output
    assert [name for name, _ in agent.calls] == ["mapping_change", "mapping_change", "resync"]
    assert agent.calls[0][1]["changes"] == [{"path": ["notes"], "spec": "city"}]
    assert agent.calls[2][1]["streams"] == [STREAM]


def test_a_misspelt_column_is_told_with_the_nearest_right_name(box: Shell) -> None:
    found = box.run("mapping", "set", STREAM, "notes", "ctiy")

    assert found.exit_code == 4
    assert "the source has no column 'ctiy'" in found.stderr
    assert "Did you mean city?" in found.stderr


def test_a_key_that_no_record_has_is_not_taken_for_a_change_without_effect(box: Shell) -> None:
    assert "1 of the keys named no record" in box.run("mapping", "preview", STREAM, "--key", "nowhere").stderr


def test_a_field_that_every_record_needs_is_not_said_to_be_the_fault_of_a_file(box: Shell) -> None:
    found = box.run("mapping", "unset", STREAM, "name")

    assert found.exit_code == 3
    assert "map it to a column" in found.stderr
