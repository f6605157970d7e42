from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="DeadLetterCauseOut")


@_attrs_define
class DeadLetterCauseOut:
    """What keeps some records from passing.

    Attributes:
        connection (str):
        entity (str):
        field (str):
        reason (str):
        count (int): How many dead letters have this cause.
        oldest_at (datetime.datetime): When the first of them came.
        newest_at (datetime.datetime):
    """

    connection: str
    entity: str
    field: str
    reason: str
    count: int
    oldest_at: datetime.datetime
    newest_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        connection = self.connection

        entity = self.entity

        field = self.field

        reason = self.reason

        count = self.count

        oldest_at = self.oldest_at.isoformat()

        newest_at = self.newest_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "connection": connection,
                "entity": entity,
                "field": field,
                "reason": reason,
                "count": count,
                "oldestAt": oldest_at,
                "newestAt": newest_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        connection = d.pop("connection")

        entity = d.pop("entity")

        field = d.pop("field")

        reason = d.pop("reason")

        count = d.pop("count")

        oldest_at = datetime.datetime.fromisoformat(d.pop("oldestAt"))

        newest_at = datetime.datetime.fromisoformat(d.pop("newestAt"))

        dead_letter_cause_out = cls(
            connection=connection,
            entity=entity,
            field=field,
            reason=reason,
            count=count,
            oldest_at=oldest_at,
            newest_at=newest_at,
        )

        dead_letter_cause_out.additional_properties = d
        return dead_letter_cause_out

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
