"""What the local policy says to one question, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """`code` may travel to the relay; `why` and `rule` stay on this host, in the audit log and in `policy explain`."""

    allowed: bool
    code: str  # "allowed", or why not: not_allowed, field_not_allowed, amount_exceeded, too_many, quiet_hours ...
    why: str  # one sentence for the administrator
    rule: str = (
        ""  # where it is written: "policy.toml:12: connections.erp.write.purchase_order", empty: nowhere
    )
    fields: tuple[str, ...] = ()  # the fields it is about
