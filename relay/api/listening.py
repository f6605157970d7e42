"""The socket that the API listens on."""

from __future__ import annotations

import socket
from typing import Final

from agent.errors import ConfigurationError
from relay.settings import Api as ApiSettings

BACKLOG: Final = 128


def listen(settings: ApiSettings) -> socket.socket:
    """Raises ConfigurationError."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Only of a socket whose protocol is stated does asyncio know that small answers should not be held back.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"The API cannot listen on {settings.host}:{settings.port}: {error.strerror}",
            where="api.port",
            hint="Another program may use the port; choose another one in relay.toml.",
        ) from error
    return listening
