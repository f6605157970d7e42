"""One connection to PostgreSQL, opened when it is first needed and again after it was lost."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Any

import psycopg

from relay.store.base import StoreClosed
from relay.store.postgresql.address import Address
from relay.store.postgresql.faults import refused, translate
from relay.store.postgresql.sql import adapt


def connect(address: Address) -> psycopg.Connection[Any]:
    """Raises GroundwireError."""
    try:
        connection = psycopg.connect(**address.parameters, autocommit=True)
    except psycopg.OperationalError as error:
        raise refused(error, address) from error
    try:
        connection.execute(address.session.encode())
        if connection.execute("SHOW synchronous_commit").fetchall() == [("off",)]:
            # An ack is given for what is on the disk.
            connection.execute("SET synchronous_commit = on")
    except psycopg.Error as error:
        connection.close()
        raise translate(error, address) from error
    adapt(connection)
    return connection


class Session:
    """Of one thread."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.abandoned = False
        self._connection: psycopg.Connection[Any] | None = None

    def connection(self) -> psycopg.Connection[Any]:
        self._want_in_use()
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.address)
            self._want_in_use()  # given up meanwhile, when there was nothing to cut off yet
        return self._connection

    def _want_in_use(self) -> None:
        if self.abandoned:
            raise StoreClosed(where=str(self.address))

    def abandon(self) -> None:
        """From any thread: whoever waits for an answer of the server waits no longer, and nobody asks it again."""
        self.abandoned = True
        connection = self._connection
        if connection is not None:
            with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    def settle(self) -> None:
        """After an error: no transaction is left open; a connection that cannot end its own is given up."""
        connection = self._connection
        if connection is None:
            return
        if not connection.closed:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
                return
        self.close()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()
