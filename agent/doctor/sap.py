"""SAP's library for RFC: whether it is there, can be loaded, and is of this machine's kind."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from agent.beside import beside
from agent.doctor.check import Check, Known, Told
from agent.doctor.installation import Installation
from agent.doctor.libraries import kind_of, kind_of_this_process, trial_fails
from agent.findings import Level
from agent.settings import ConnectionSettings

HOME: Final = "SAPNWRFC_HOME"
LIBRARY: Final = "lib/libsapnwrfc.so"

KNOWN: Final = (
    Known(
        "sap.no_sdk",
        Level.PROBLEM,
        "A connection asks for SAP's own library (way = sdk), and it is not there",
        'Ask the SAP team for the SAP NW RFC SDK 7.50, unpack it, and let SAPNWRFC_HOME name its folder for the agent; or choose way = "native" or "soap".',
    ),
    Known(
        "sap.no_package",
        Level.PROBLEM,
        "The Python side of SAP's library is not installed",
        "`pip install groundwire[rfc]`, or choose another options.way.",
    ),
    Known(
        "sap.bits",
        Level.PROBLEM,
        "SAP's library is for another kind of machine than this process",
        "Ask the SAP team for the SDK of this operating system and machine.",
    ),
    Known(
        "sap.broken",
        Level.PROBLEM,
        "SAP's library is there, but cannot be loaded",
        "Mostly a library is missing that it needs: see that $SAPNWRFC_HOME/lib is whole and the agent's user may read it.",
    ),
    Known(
        "sap.other_way",
        Level.NOTICE,
        "SAP's own library is not there, so a connection speaks with SAP in another way",
        "Nothing to do if that works: docs/drivers/rfc.md has what each way can do.",
    ),
)


async def check_sap(installation: Installation, told: Told) -> None:
    connections = [one for one in installation.connections if one.driver == "rfc"]
    if not connections:
        told.fine("this host", "no connection uses RFC")
        return
    await beside(lambda: _look(installation, connections, told), name="sap")


def _look(installation: Installation, connections: list[ConnectionSettings], told: Told) -> None:
    wanted = [one for one in connections if one.options.get("way") == "sdk"]
    open_ones = [one for one in connections if one.options.get("way") is None and not one.options.get("http")]
    where = ", ".join(one.where for one in wanted or open_ones)
    if not (wanted or open_ones):
        told.fine("this host", "no connection uses SAP's own library")
        return
    code, cause, evidence = _judge(installation.environ)
    if not code:
        told.fine(where, cause, evidence)
    elif wanted or code in {"bits", "broken"}:
        told.found(code, where, cause, evidence=evidence)
    else:
        told.found("other_way", where, cause, evidence=evidence)


def _judge(environ: Mapping[str, str]) -> tuple[str, str, str]:
    """Code (empty: it can be used), cause, evidence."""
    try:
        metadata.version("pyrfcx")
    except metadata.PackageNotFoundError:
        return "no_package", "the package pyrfcx is not installed", ""
    home = environ.get(HOME, "")
    library = Path(home, LIBRARY)
    if home and library.exists():
        try:
            kind = kind_of(library)
        except OSError as error:
            return "broken", "SAP's library cannot be read", f"{library}: {error.strerror}"
        here = kind_of_this_process()
        if kind != here:
            return (
                "bits",
                f"SAP's library is for {kind or 'no machine of this kind'}",
                f"{library}; this process is {here}",
            )
    failed = trial_fails("sap", environ=environ)
    if not failed:
        return "", "SAP's library can be loaded", str(library)
    if home and library.exists():
        return "broken", "SAP's library cannot be loaded", f"{library}: {failed}"
    return "no_sdk", "SAP's library is not there", f"{HOME} is {home or 'not set'}"


CHECK: Final = Check("sap", "SAP's library for RFC", check_sap, KNOWN)
