"""A driver's child process in which the libraries of RFC are stand-ins, with an ECC system behind them.

Who logs on decides what goes wrong: see `USERS`. Started by tests alone.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from agent.hosting.child import main
from drivers.rfc.authorisations import ALWAYS
from tests.canaries import canary
from tests.sap import libraries
from tests.sap.ecc import EccSystem, fill
from tests.sap.system import User

USERS = (
    User("LOCKED", canary(), locked=True),
    User("TOOOFTEN", canary(), refused="Password logon no longer possible - too many failed attempts"),
    User("OVER", canary(), refused="User account not in validity date"),
    User("EXPIRED", canary(), expired=True),
    User("INITIAL", canary(), refused="Initial password has expired: request a new one"),
    User("NOPING", canary(), functions=frozenset()),
    User("NOCALLS", canary(), functions=frozenset({"RFCPING", "RFC_PING"})),
    User("NOREAD", canary(), functions=frozenset(ALWAYS)),
    User("NOTABLES", canary(), tables=frozenset({"TCURX", "LFA1", "CDHDR", "LFM1", "LFB1"})),
)


def serve() -> int:
    system = EccSystem()
    fill(system)
    system.users |= {user.name: user for user in USERS}
    modules = cast("dict[str, Any]", sys.modules)
    modules |= {"pyrfcx": libraries.sdk(system), "saprfclib": libraries.native(system)}
    return main()


if __name__ == "__main__":
    sys.exit(serve())
