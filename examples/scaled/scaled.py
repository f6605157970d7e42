"""`make relay-scaled`: PostgreSQL, NATS, two relays and a proxy on this machine, until Ctrl-C.

Everything lies in .scaled/ and is made anew each time. docs/relay-scaled.md says what runs here.
"""

from __future__ import annotations

import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from examples.scaled.processes import Missing, Scaled  # noqa: E402 - behind the path

FOLDER = ROOT / ".scaled"


def main() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False, soft_wrap=True)
    try:
        with Scaled(FOLDER) as scaled, suppress(KeyboardInterrupt):
            console.print(f"agents     {scaled.gateway_url}   (relay.ca_file = {scaled.authority})")
            console.print(f"platforms  {scaled.api_url}/api/v1   (Authorization: Bearer {scaled.token})")
            console.print(f"logs       {FOLDER}/*.log")
            console.print("A code for an agent: POST /api/v1/enrolment-codes {}. Ctrl-C ends all of it.")
            signal.pause()
    except Missing as error:
        console.print(f"{error}; .ci/debian-packages.sh installs what is needed.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
