from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigurationError, StorageDamaged, VersionMismatch
from agent.secrets import Secret
from agent.vault.transfer import open_transfer, seal_for_transfer

PASSPHRASE = Secret("nine words that nobody would guess")
CHEAP = 2**10


def sealed() -> bytes:
    return seal_for_transfer({"a": Secret("first"), "b": Secret("ä\n2")}, PASSPHRASE, cost=CHEAP)


def test_what_was_sealed_opens_with_the_same_passphrase() -> None:
    values = open_transfer(sealed(), PASSPHRASE, where="x")

    assert {name: value.reveal() for name, value in values.items()} == {"a": "first", "b": "ä\n2"}


def test_another_passphrase_does_not_open_it() -> None:
    with pytest.raises(ConfigurationError, match="passphrase is wrong"):
        open_transfer(sealed(), Secret("ten words that nobody would guess"), where="x")


def test_a_passphrase_that_is_soon_guessed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="fewer than 12"):
        seal_for_transfer({}, Secret("hunter2"), cost=CHEAP)


def with_scrypt(**change: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["scrypt"].update(change)


@pytest.mark.parametrize(
    "change",
    [
        with_scrypt(cost=2**30),
        with_scrypt(cost=3),
        with_scrypt(cost="1024"),
        with_scrypt(blocks=2**20),
        with_scrypt(salt="?"),
        lambda document: document.update(groundwire="identity"),
        lambda document: document.pop("sealed"),
    ],
)
def test_a_file_that_is_no_export_is_refused_before_any_work(
    change: Callable[[dict[str, Any]], None],
) -> None:
    document = json.loads(sealed())
    change(document)

    with pytest.raises(StorageDamaged):
        open_transfer(json.dumps(document).encode(), PASSPHRASE, where="x")


def test_a_file_of_another_version_is_refused() -> None:
    document = {**json.loads(sealed()), "format": 2}

    with pytest.raises(VersionMismatch):
        open_transfer(json.dumps(document).encode(), PASSPHRASE, where="x")


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(content: bytes) -> None:
    with pytest.raises((StorageDamaged, VersionMismatch)):
        open_transfer(content, PASSPHRASE, where="x")
