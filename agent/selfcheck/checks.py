"""All of them, in the order in which they are told."""

from __future__ import annotations

from typing import Final

from agent.doctor.check import Check
from agent.selfcheck import children, modules, shipped, speaking, storing, texts

CHECKS: Final[tuple[Check, ...]] = (
    modules.CHECK,
    shipped.CHECK,
    storing.STORE,
    storing.SEALING,
    speaking.TLS,
    speaking.WSDL_CHECK,
    texts.ZONES,
    texts.CODECS_CHECK,
    texts.SCHEDULE,
    texts.COLUMNS,
    children.CHILDREN,
    children.ODBC,
)
