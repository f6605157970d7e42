from __future__ import annotations

import sys

import pytest

from agent.hosting.environment import child_command, child_environment


def test_a_child_gets_what_native_clients_need():
    parent = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "ODBCINI": "/x",
        "SSL_CERT_FILE": "/y",
        "SAPNWRFC_HOME": "/z",
        "SystemRoot": "C:\\Windows",
    }

    assert parent.items() <= child_environment(parent).items()


@pytest.mark.parametrize(
    "name", ["AW_PASSWORD", "GROUNDWIRE_TOKEN", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "LD_PRELOAD"]
)
def test_a_child_gets_nothing_else(name):
    assert name not in child_environment({name: "value"})


def test_a_child_of_a_frozen_program_is_the_program_itself(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert child_command() == (sys.executable, "driver-host")
    assert "PYTHONPATH" not in child_environment({})


def test_a_child_imports_nothing_from_the_current_folder():
    assert "-P" in child_command()
