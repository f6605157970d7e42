"""Each driver's child process, really started, and the ODBC driver manager, which is the system's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from agent.beside import beside
from agent.clock import SystemClock
from agent.doctor.check import Check, Known, Told
from agent.doctor.libraries import trial_fails
from agent.doctor.patience import patient
from agent.errors import GroundwireError
from agent.findings import Level
from agent.hosting.driver import DEFAULT_LIMITS, HostedDriver
from agent.odbc_registry import offered
from agent.selfcheck.words import BROKEN, part
from drivers.registry import names

_URL: Final = "https://selfcheck.invalid"
_FOLDER: Final = tempfile.gettempdir()  # nothing is kept there: no driver does anything before it is asked to
_NO_SECRET: Final = "selfcheck"  # noqa: S105 - opens nothing: no driver connects before it is asked to
# The least that each can be opened with.
OPTIONS: Final[Mapping[str, tuple[Mapping[str, Any], tuple[str, ...]]]] = {
    "dmf": (
        {"url": _URL, "legal_entities": ["X"], "auth": {"kind": "basic", "user": "x"}, "folder": _FOLDER},
        ("password",),
    ),
    "netsuite": (
        {"account": "1", "auth": {"kind": "oauth1", "realm": "1", "consumer_key": "x", "token_id": "x"}},
        ("consumer_secret", "token_secret"),
    ),
    "odata": ({"url": _URL}, ()),
    "odbc": ({"connection": {"Driver": "none"}}, ()),
    "rfc": ({"client": "100", "host": "selfcheck.invalid", "user": "x", "way": "sdk"}, ("password",)),
    "sandbox": ({}, ()),
    "soap": ({"services": "nav-pages", "url": _URL, "wsdl_folder": _FOLDER}, ()),
}


async def start_each(told: Told) -> None:
    clock = SystemClock()
    limits = replace(DEFAULT_LIMITS, start_seconds=patient(DEFAULT_LIMITS.start_seconds))
    for name in names():
        options, secrets = OPTIONS[name]
        driver = HostedDriver(
            "selfcheck", name, options, dict.fromkeys(secrets, _NO_SECRET), limits, clock=clock
        )
        try:
            description = await driver.describe()
            told.fine(name, "was started and answers", f"version {description.version}")
        except GroundwireError as error:
            told.found(BROKEN, name, "its process does not start", evidence=str(error), next_step=error.hint)
        finally:
            await driver.aclose()


async def odbc(told: Told) -> None:
    failed = await beside(lambda: trial_fails("odbc", environ=os.environ), name="odbc")
    if failed:
        told.found("no_manager", "this host", "the ODBC driver manager is not installed", evidence=failed)
        return
    drivers = offered(os.environ).drivers
    if not drivers:
        told.found("no_drivers", "this host", "no ODBC driver is registered")
    told.fine("this host", "the ODBC driver manager can be loaded", ", ".join(drivers))


CHILDREN: Final[Check] = part(
    "drivers", "processes of the drivers", "A driver's process cannot be started", start_each
)
ODBC: Final[Check] = part(
    "manager",
    "ODBC driver manager of this host",
    "Whether the ODBC driver manager can be loaded could not be tried",
    odbc,
    (
        Known(
            "manager.no_manager",
            Level.NOTICE,
            "The ODBC driver manager (unixODBC) is not installed; only connections with the driver odbc need it",
            "Where one is wanted: `apt-get install unixodbc` or `dnf install unixODBC`, and the database's driver.",
        ),
        Known(
            "manager.no_drivers",
            Level.NOTICE,
            "The ODBC driver manager is there, and no ODBC driver is registered",
            "Where a database is read: install its ODBC driver; on Debian, such as `apt-get install odbc-postgresql`.",
        ),
    ),
)
