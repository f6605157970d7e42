"""Who asks, as the operating system knows it."""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.audit.trail import Actor, Origin

if sys.platform == "win32":
    import pywintypes
    import win32api

    def _own_name() -> str:
        """Of the process' token: its environment says what whoever started it liked, and that of a service may say nothing."""
        try:
            return str(win32api.GetUserNameEx(win32api.NameSamCompatible))
        except pywintypes.error:  # an account that no domain or machine has a name of that form for
            return str(win32api.GetUserName())


_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid: the kernel's struct ucred
_NO_LOGIN: Final = 2**32 - 1  # of a process that nobody's login started


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of a Unix socket when it connected."""

    pid: int
    uid: int


def current_actor() -> Actor:
    """Whoever runs this process: a command without a running agent."""
    if sys.platform == "win32":
        return Actor(Origin.LOCAL, _own_name())
    return actor_of(Peer(os.getpid(), os.geteuid()))


def peer_of(connection: socket.socket) -> Peer | None:
    """None where the system does not say: then the token, or the folder's guard, is all that is known."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None or connection.family != getattr(socket, "AF_UNIX", None):
        return None
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size)
    except OSError:
        return None
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return Peer(pid, uid)


def actor_of(peer: Peer) -> Actor:
    """The user, and behind it who had logged in, where that is another: root is often somebody with sudo."""
    user = user_name(peer.uid)
    login = _login_uid(peer.pid)
    return Actor(Origin.LOCAL, user if login in {None, peer.uid} else f"{user} ({user_name(login or 0)})")


def user_name(uid: int) -> str:
    if sys.platform == "win32":
        return str(uid)
    import pwd  # noqa: PLC0415 - not on every system

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _login_uid(pid: int) -> int | None:
    """The kernel keeps it through sudo and su, and no user can change it once it is set (Linux)."""
    try:
        found = int(Path(f"/proc/{pid}/loginuid").read_text("ascii"))
    except (OSError, ValueError):
        return None
    return None if found == _NO_LOGIN else found
