from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.audit_actor_out import AuditActorOut
    from ..models.audit_line_out_facts import AuditLineOutFacts


T = TypeVar("T", bound="AuditLineOut")


@_attrs_define
class AuditLineOut:
    """
    Attributes:
        n (int): 1, 2, 3 ... without a gap in its chain.
        at (datetime.datetime):
        action (str):
        by (AuditActorOut):
        on (str): The id of what was acted on.
        outcome (str):
        facts (AuditLineOutFacts):
        hash_ (str): Over the line before it and this one.
    """

    n: int
    at: datetime.datetime
    action: str
    by: AuditActorOut
    on: str
    outcome: str
    facts: AuditLineOutFacts
    hash_: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        n = self.n

        at = self.at.isoformat()

        action = self.action

        by = self.by.to_dict()

        on = self.on

        outcome = self.outcome

        facts = self.facts.to_dict()

        hash_ = self.hash_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "n": n,
                "at": at,
                "action": action,
                "by": by,
                "on": on,
                "outcome": outcome,
                "facts": facts,
                "hash": hash_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.audit_actor_out import AuditActorOut  # noqa: PLC0415
        from ..models.audit_line_out_facts import AuditLineOutFacts  # noqa: PLC0415

        d = dict(src_dict)
        n = d.pop("n")

        at = datetime.datetime.fromisoformat(d.pop("at"))

        action = d.pop("action")

        by = AuditActorOut.from_dict(d.pop("by"))

        on = d.pop("on")

        outcome = d.pop("outcome")

        facts = AuditLineOutFacts.from_dict(d.pop("facts"))

        hash_ = d.pop("hash")

        audit_line_out = cls(
            n=n,
            at=at,
            action=action,
            by=by,
            on=on,
            outcome=outcome,
            facts=facts,
            hash_=hash_,
        )

        audit_line_out.additional_properties = d
        return audit_line_out

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
