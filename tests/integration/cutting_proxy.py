"""A TCP proxy that breaks a connection at a chosen message of the client: before it reaches the server, or behind it."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import Self

CHUNK_BYTES = 1 << 20
# What PostgreSQL's and MariaDB's clients say last: nobody waits for it, so it may still come when the next cut is armed.
FAREWELLS = (b"X\0\0\0\4", b"\1\0\0\0\1")


@dataclass(frozen=True, slots=True)
class Cut:
    message: int  # the how manieth of the client's messages, from now on, that holds `needle`
    forward: bool  # whether the server still gets it; its answer is never passed on
    needle: bytes = b""
    refuse: bool = False  # whether new connections are refused afterwards


class CuttingProxy:
    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        self._refusing = False
        self._lock = threading.Lock()
        self._armed: Cut | None = None
        self._seen = 0
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        _close(self._listener, *self._open)

    def arm(self, cut: Cut | None) -> None:
        with self._lock:
            self.cuts, self._seen, self._armed, self._refusing = 0, 0, cut, False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            self._open += [client, server]
            muted = threading.Event()
            threading.Thread(target=self._upwards, args=(client, server, muted), daemon=True).start()
            threading.Thread(target=_downwards, args=(client, server, muted), daemon=True).start()

    def _upwards(self, client: socket.socket, server: socket.socket, muted: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(CHUNK_BYTES):
                cut = self._due(data)
                if cut is not None and not cut.forward:
                    break
                if cut is not None:
                    muted.set()
                server.sendall(data)
        if not muted.is_set():
            _close(client, server)

    def _due(self, data: bytes) -> Cut | None:
        with self._lock:
            cut = self._armed
            if cut is None or data in FAREWELLS or cut.needle not in data.upper():
                return None
            self._seen += 1
            if self._seen < cut.message:
                return None
            self._armed, self._refusing = None, cut.refuse
            self.cuts += 1
            return cut


def _downwards(client: socket.socket, server: socket.socket, muted: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := server.recv(CHUNK_BYTES):
            if muted.is_set():
                break  # the server has answered, so it has done what it was told
            client.sendall(data)
    _close(client, server)


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            each.close()
