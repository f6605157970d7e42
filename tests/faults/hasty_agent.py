"""The `groundwire` command with a back-off of tenths of a second, so that a test sees many reconnects."""

from __future__ import annotations

from agent import cli
from agent.tunnel import reconnect


def main() -> None:
    reconnect.BASE_SECONDS = 0.2  # type: ignore[misc]
    reconnect.CAP_SECONDS = 0.5  # type: ignore[misc]
    reconnect.MAX_RETRY_AFTER_SECONDS = 0.5  # type: ignore[misc]
    cli.main()


if __name__ == "__main__":
    main()
