"""One connection to PostgreSQL, given up while somebody waits for it."""

from __future__ import annotations

from typing import Any

import pytest

from relay.store.base import StoreClosed
from relay.store.postgresql import session as sessions
from relay.store.postgresql.address import Address
from relay.store.postgresql.session import Session


def test_what_is_given_up_while_it_connects_is_asked_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """There was nothing to cut off yet, and a statement would wait for a silent server."""
    address: Any = Address.__new__(Address)
    session = Session(address)

    def connect(_: Address) -> None:
        session.abandon()

    monkeypatch.setattr(sessions, "connect", connect)
    monkeypatch.setattr(Address, "__str__", lambda _: "a server")

    with pytest.raises(StoreClosed):
        session.connection()
