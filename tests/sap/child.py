"""A driver's child process in which the libraries of RFC are stand-ins, with an ECC system behind them.

Who logs on decides what goes wrong: see `USERS`. Started by tests alone.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from agent.hosting.child import main
from drivers.rfc.authorisations import ALWAYS
from tests.sap import libraries
from tests.sap.ecc import EccSystem, fill
from tests.sap.system import User

USERS = (
    User("LOCKED", "secret", locked=True),
    User("TOOOFTEN", "secret", refused="Password logon no longer possible - too many failed attempts"),
    User("OVER", "secret", refused="User account not in validity date"),
    User("EXPIRED", "secret", expired=True),
    User("INITIAL", "secret", refused="Initial password has expired: request a new one"),
    User("NOPING", "secret", functions=frozenset()),
    User("NOCALLS", "secret", functions=frozenset({"RFCPING", "RFC_PING"})),
    User("NOREAD", "secret", functions=frozenset(ALWAYS)),
    User("NOTABLES", "secret", tables=frozenset({"TCURX", "LFA1", "CDHDR", "LFM1", "LFB1"})),
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
